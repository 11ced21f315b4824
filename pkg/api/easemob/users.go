package easemob

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/audit"
	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/limit"
	"github.com/confab-chat/confab/pkg/sse"
)

// maxBatch is how many users one call registers.
const maxBatch = 60

// Limits that several calls share; see usual.
const registerLimit = "register and push"

// users are the routes of tokens and users.
func (a *API) users() []route {
	return []route{
		{path: "/token", methods: map[string]operation{"POST": {by: byAnybody, serve: a.token, secret: true}}},
		{path: "/users", collection: true, methods: map[string]operation{
			"GET":    {by: byApp, serve: a.listUsers},
			"POST":   {by: byAnybody, serve: a.register, limit: registerLimit},
			"DELETE": {by: byApp, serve: a.deleteUsers, limit: "DELETE /users"},
		}},
		{path: "/users/{user}", methods: map[string]operation{
			"GET":    {by: byUser, serve: a.getUser},
			"PUT":    {by: byApp, serve: a.putUser, limit: registerLimit},
			"DELETE": {by: byApp, serve: a.deleteUser},
		}},
		// POST is that of the user "batch": of several users.
		{path: "/users/{user}/status", methods: map[string]operation{
			"GET":  {by: byUser, serve: a.status},
			"POST": {by: byApp, serve: a.batchStatus, limit: "batch status"},
		}},
		{path: "/users/{user}/password", methods: map[string]operation{"PUT": {by: byUser, serve: a.putPassword}}},
		{path: "/users/{user}/activate", methods: map[string]operation{"POST": {by: byApp, serve: a.activate}}},
		{path: "/users/{user}/deactivate", methods: map[string]operation{"POST": {by: byApp, serve: a.deactivate}}},
		{path: "/metadata/user/get", methods: map[string]operation{"POST": {by: byApp, serve: a.getMetadataOf}}},
		{path: "/metadata/user/capacity", methods: map[string]operation{"GET": {by: byApp, serve: a.metadataCapacity}}},
		{path: "/metadata/user/{user}", methods: map[string]operation{
			"GET":    {by: byUser, serve: a.getMetadata},
			"PUT":    {by: byUser, serve: a.putMetadata},
			"DELETE": {by: byUser, serve: a.deleteMetadata},
		}},
	}
}

// userOf is a user as answers show them.
func userOf(u account.Account) map[string]any {
	out := map[string]any{"uuid": u.ID.String(), "type": "user", "created": u.CreatedAt().UnixMilli(), "modified": u.Modified().UnixMilli(),
		"username": u.Name, "activated": !u.Inactive}
	if u.Nickname != nil {
		out["nickname"] = *u.Nickname
	}
	for k, v := range u.Push {
		out[k] = v
	}
	return out
}

func usersOf(us []account.Account) []any {
	out := make([]any, len(us))
	for i, u := range us {
		out[i] = userOf(u)
	}
	return out
}

// user finds the user whom the path names.
func (c *call) user() (account.Account, error) {
	return c.people().Find(c.ctx(), c.variable("user"))
}

// newUser reads a registration.
func newUser(f fields) (account.NewAccount, error) {
	in, err := f.texts("username", "password", "nickname")
	if err != nil {
		return account.NewAccount{}, err
	}
	n := account.NewAccount{Password: in["password"], Nickname: in["nickname"]}
	if name := in["username"]; name != nil {
		n.Name = *name
	}
	return n, nil
}

func (a *API) register(c *call) error {
	if err := a.authenticate(c); err != nil {
		return err
	}
	trusted := c.caller.app || c.administers(c.org)
	if !trusted && (c.caller != (caller{}) || !c.app.Settings.Open()) {
		if c.caller != (caller{}) {
			return badToken("this token may not do this")
		}
		return unauthorized("registration is not open, please contact the app admin")
	}
	body, isJSON, err := c.read()
	if err != nil {
		return err
	}
	if !isJSON {
		return notJSON()
	}
	if strings.HasPrefix(strings.TrimLeft(string(body), " \t\r\n\ufeff"), "[") {
		if !trusted {
			return unauthorized("several users are registered with the token of the app only")
		}
		return a.registerAll(c, body)
	}
	f, err := members(body)
	if err != nil {
		return err
	}
	n, err := newUser(f)
	if err != nil {
		return err
	}
	if _, err := n.Check(c.people().Policy()); err != nil {
		return err
	}
	if n.Password == nil && !trusted {
		return illegal("password or pin must provided")
	}
	if !trusted {
		if wait := a.SignUps.Take(limit.SignUp(c.address())); wait > 0 {
			return reachedLimit(wait)
		}
	}
	done, err := a.reserve(c, 1)
	if err != nil {
		return err
	}
	u, err := c.people().Create(c.hashing(), n)
	if err != nil {
		done(0)
		return err
	}
	done(1)
	a.recordUser(c, audit.AccountCreated, u.Name)
	return c.reply(answer{entities: []any{userOf(u)}})
}

// registerAll registers what is free of several users.
func (a *API) registerAll(c *call, body []byte) error {
	var items []fields
	if err := api.DecodeList(body, &items); err != nil {
		return notDecoded(err)
	}
	if len(items) == 0 || len(items) > maxBatch {
		return illegal("between 1 and %d users are registered at once", maxBatch)
	}
	news := make([]account.NewAccount, 0, len(items))
	passwords := map[string]*string{}
	for _, f := range items {
		n, err := newUser(f)
		if err != nil {
			return err
		}
		name, err := n.Check(c.people().Policy())
		if err != nil {
			return err
		}
		if before, twice := passwords[name]; twice {
			if (before == nil) != (n.Password == nil) || before != nil && *before != *n.Password {
				return &problem{status: http.StatusBadRequest, word: "duplicate_unique_property_exists", text: "username " + name + " comes twice, with different passwords"}
			}
			continue
		}
		passwords[name] = n.Password
		news = append(news, n)
	}
	done, err := a.reserve(c, len(news))
	if err != nil {
		return err
	}
	var made []account.Account
	defer func() { done(len(made)) }()
	taken := []any{}
	for _, n := range news {
		u, err := c.people().Create(c.hashing(), n)
		var e *chat.Error
		switch {
		case err == nil:
			made = append(made, u)
			a.recordUser(c, audit.AccountCreated, u.Name)
		case chat.IsKind(err, chat.Conflict) && errors.As(err, &e):
			taken = append(taken, map[string]any{"username": e.Name, "registerUserFailReason": "the " + e.Name + " already exists"})
		default:
			return err
		}
	}
	if len(made) == 0 {
		return &problem{status: http.StatusBadRequest, word: "duplicate_unique_property_exists", text: "all of these users exist already"}
	}
	return c.reply(answer{entities: usersOf(made), data: taken})
}

func (a *API) getUser(c *call) error {
	u, err := c.user()
	if err != nil {
		return err
	}
	return c.reply(answer{entities: []any{userOf(u)}, count: counted(1)})
}

func (a *API) listUsers(c *call) error {
	q, err := c.query()
	if err != nil {
		return err
	}
	if q.Has("ql") {
		name, err := parseNameQuery(q.Get("ql"))
		if err != nil {
			return err
		}
		u, err := c.people().Named(c.ctx(), name)
		if chat.IsKind(err, chat.NotFound) {
			return c.reply(answer{count: counted(0)})
		}
		if err != nil {
			return err
		}
		return c.reply(answer{entities: []any{userOf(u)}, count: counted(1)})
	}
	us, x, err := a.page(c)
	if err != nil {
		return err
	}
	x.entities = usersOf(us)
	return c.reply(x)
}

// page reads the page of users that the query asks for. The answer has its count and cursor.
func (a *API) page(c *call) ([]account.Account, answer, error) {
	p, err := c.page(10, 100)
	if err != nil {
		return nil, answer{}, err
	}
	us, more, err := c.people().List(c.ctx(), p.at, p.limit)
	x := answer{count: counted(len(us))}
	if more {
		x.cursor = c.cursor(us[len(us)-1].Position())
	}
	return us, x, err
}

// pushFields are settings that clients store with a user.
var pushFields = regexp.MustCompile(`^(notification_(display_style|no_disturbing|no_disturbing_start|no_disturbing_end|ignore_[0-9]{1,19})|notifier_name|device_token)$`)

// maxPush bounds the push settings of one user.
const maxPush = 100

func (a *API) putUser(c *call) error {
	f, err := c.object()
	if err != nil {
		return err
	}
	for _, fixed := range []string{"username", "uuid"} {
		if f.has(fixed) {
			return illegal("%s cannot be changed", fixed)
		}
	}
	nickname, err := f.text("nickname")
	if err != nil {
		return err
	}
	if nickname != nil {
		if err := c.people().Policy().Nickname(*nickname); err != nil {
			return err
		}
	}
	push, err := pushOf(f)
	if err != nil {
		return err
	}
	u, err := c.user()
	if err != nil {
		return err
	}
	u, err = c.people().Modify(c.ctx(), u, func(d *account.Data) error {
		if nickname != nil {
			d.Nickname = nickname
		}
		next := map[string]jsontext.Value{}
		for k, v := range d.Push {
			next[k] = v
		}
		for k, v := range push {
			next[k] = v
		}
		if len(next) > maxPush {
			return illegal("a user has at most %d push settings", maxPush)
		}
		if d.Push = next; len(next) == 0 {
			d.Push = nil
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.reply(answer{entities: []any{userOf(u)}})
}

// pushOf returns the push settings of a body, with numbers as numbers.
func pushOf(f fields) (map[string]jsontext.Value, error) {
	out := map[string]jsontext.Value{}
	for k := range f {
		if !pushFields.MatchString(k) || !f.has(k) {
			continue
		}
		switch {
		case k == "notifier_name" || k == "device_token":
			s, err := f.text(k)
			if err != nil {
				return nil, err
			}
			if len(*s) > 512 {
				return nil, illegal("%s has more than 512 bytes", k)
			}
			out[k] = f[k]
		case f[k].Kind() == 't' || f[k].Kind() == 'f':
			out[k] = f[k]
		default:
			n, err := f.number(k)
			if err != nil {
				if b, flagErr := f.flag(k); flagErr == nil {
					out[k] = jsontext.Value(map[bool]string{true: "true", false: "false"}[*b])
					continue
				}
				return nil, err
			}
			if k == "notification_display_style" && *n != 0 && *n != 1 {
				return nil, illegal("%s has to be 0 or 1", k)
			}
			out[k] = jsontext.Value(strconv.FormatInt(*n, 10))
		}
	}
	return out, nil
}

func (a *API) deleteUser(c *call) error {
	u, err := c.user()
	if err != nil {
		return err
	}
	if err := a.endUser(c, u); err != nil {
		return err
	}
	a.recordUser(c, audit.AccountDeleted, u.Name)
	return c.reply(answer{entities: []any{userOf(u)}})
}

func (a *API) deleteUsers(c *call) error {
	q, err := c.query()
	if err != nil {
		return err
	}
	if ql := q.Get("ql"); ql != "" && ql != "None" {
		return illegal("users are deleted from the oldest on; ql is not supported here")
	}
	if c.app.Default() {
		return forbidden("users of the chat API are deleted one by one")
	}
	us, x, err := a.page(c)
	if err != nil {
		return err
	}
	for _, u := range us {
		if err := a.endUser(c, u); err != nil {
			return err
		}
	}
	x.entities = usersOf(us)
	return c.reply(x)
}

func (a *API) putPassword(c *call) error {
	f, err := c.object()
	if err != nil {
		return err
	}
	in, err := f.texts("newpassword", "oldpassword")
	if err != nil {
		return err
	}
	u, err := c.user()
	if err != nil {
		return err
	}
	next, old := in["newpassword"], in["oldpassword"]
	if next == nil {
		return illegal("newpassword is required")
	}
	if c.caller.user != nil {
		if old == nil {
			return illegal("oldPassword is required")
		}
		if err := a.checkOld(c, c.people(), u, *old); err != nil {
			return err
		}
	} else if err := c.people().Governed(c.ctx(), u); err != nil {
		return err
	}
	if _, err := c.people().SetPassword(c.hashing(), u, *next); err != nil {
		return err
	}
	a.Streams.End(u.Identity(), "", sse.Password)
	a.recordUser(c, audit.PasswordChanged, u.Name)
	return c.reply(answer{action: "set user password"})
}

// checkOld checks the present password of an account.
func (a *API) checkOld(c *call, p account.People, u account.Account, old string) error {
	_, err := p.LogIn(c.ctx(), u.Name, old, auth.From{Address: c.address(), Known: true})
	if chat.IsKind(err, chat.Unauthenticated) {
		return forbidden("the old password is wrong")
	}
	return err
}

func (a *API) activate(c *call) error   { return a.setActive(c, true, "activate user") }
func (a *API) deactivate(c *call) error { return a.setActive(c, false, "Deactivate user") }

func (a *API) setActive(c *call, active bool, action string) error {
	u, err := c.user()
	if err == nil {
		u, err = c.people().SetActive(c.ctx(), u, active)
	}
	if err != nil {
		return err
	}
	kind := audit.AccountDisabled
	if active {
		kind = audit.AccountEnabled
	} else {
		a.Streams.End(u.Identity(), "", sse.Deactivated)
	}
	a.recordUser(c, kind, u.Name)
	return c.reply(answer{action: action, entities: []any{userOf(u)}})
}

// endUser ends an account, and what it has in rooms: nobody sees it there when the call is answered. A job does the same, if
// this server dies now.
func (a *API) endUser(c *call, u account.Account) error {
	who := u.Identity()
	err := c.people().Delete(c.ctx(), u)
	if err == nil {
		a.Streams.End(who, "", sse.Deleted)
	}
	if err != nil || c.app.Default() {
		return err
	}
	return a.Chats.EndMemberships(context.WithoutCancel(c.ctx()), who.Tenant, who.Login)
}
