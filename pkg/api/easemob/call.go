package easemob

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/tenant"
)

// call is a request under way.
type call struct {
	api   *API
	w     http.ResponseWriter
	r     *http.Request
	began time.Time
	ofApp bool

	org    tenant.Organisation
	app    tenant.App
	caller caller
	bearer auth.Login // what the token stands for; none before authenticate
	// who is the caller in the room that the call is about.
	who chat.Principal
}

// caller is who calls. At most one of its parts says so; none for a call without a token.
type caller struct {
	app    bool             // the app itself
	user   *account.Account // a user of the app
	admin  *account.Account // an administrator of an organisation
	server bool             // an administrator of the server
	login  string           // of that administrator
}

type callKey struct{}

func callOf(r *http.Request) *call {
	c, _ := r.Context().Value(callKey{}).(*call)
	return c
}

func (c *call) ctx() context.Context { return c.r.Context() }

func (c *call) variable(name string) string { return api.Variable(c.r, name) }

// find finds the app that the path names.
func (c *call) find() error {
	if !c.app.ID.IsZero() {
		return nil
	}
	org, app := c.variable("org"), c.variable("app")
	if org == "" { // before the router has looked: of a preflight
		first, rest, _ := strings.Cut(strings.TrimPrefix(c.r.URL.Path, "/"), "/")
		org = first
		app, _, _ = strings.Cut(rest, "/")
	}
	uri := strings.TrimPrefix(c.r.URL.Path, "/")
	o, err := c.api.Tenants.Organisation(c.ctx(), org)
	if err == nil {
		c.org = o
		c.app, err = c.api.Tenants.App(c.ctx(), o, app)
	}
	if chat.IsKind(err, chat.NotFound) {
		return noApp(clip(org), clip(app), clip(uri))
	}
	return err
}

// people are the app's accounts.
func (c *call) people() account.People {
	if c.app.Default() {
		return c.api.Chat
	}
	return c.api.Accounts.Of(c.tenant(), account.Platform)
}

// admins are the administrators of all organisations.
func (c *call) admins() account.People {
	return c.api.Tenants.Admins()
}

func (c *call) tenant() chat.Tenant { return c.app.Tenant() }

// bearer returns the token of a call; ok is false if there is no Authorization.
func bearer(r *http.Request) (token string, ok bool, err error) {
	h := r.Header.Get("Authorization")
	if h == "" {
		return "", false, nil
	}
	scheme, token, _ := strings.Cut(strings.TrimSpace(h), " ")
	if !strings.EqualFold(scheme, "bearer") {
		return "", true, unauthorized("Unable to authenticate (OAuth)")
	}
	return strings.TrimSpace(token), true, nil
}

// authenticate finds out who calls. None of it is an error, but a token that is invalid here is.
func (a *API) authenticate(c *call) error {
	token, ok, err := bearer(c.r)
	if err != nil || !ok {
		return err
	}
	l, err := a.Tokens.Find(c.ctx(), token)
	if chat.IsKind(err, chat.Unauthenticated) {
		return badToken(corruptToken)
	}
	if err != nil {
		return err
	}
	c.bearer = l
	if l.Kind != auth.AppToken && l.Kind != auth.UserToken {
		return a.authenticateAdmin(c, l)
	}
	switch {
	case !c.ofApp:
		return badToken("Unable to authenticate: this is the access token of an app or of one of its users, and this call is for administrators")
	case l.Tenant != c.tenant():
		return badToken("Unable to authenticate: this access token is of another app")
	case l.Kind == auth.AppToken:
		c.caller.app = true
	default:
		u, err := c.people().Cached(c.ctx(), l.Identity)
		if err != nil {
			return badToken(corruptToken)
		}
		c.caller.user = &u
	}
	return nil
}

// corruptToken is said of a token that is malformed, or does not exist any more.
const corruptToken = "Unable to authenticate due to corrupt access token"

func (a *API) authenticateAdmin(c *call, l auth.Login) error {
	gone := badToken(corruptToken)
	if l.Tenant == chat.DefaultTenant {
		is, err := a.Officers.Is(c.ctx(), l.Identity)
		if err == nil && !is {
			err = gone
		}
		c.caller.server, c.caller.login = err == nil, l.Login
		return err
	}
	u, err := c.admins().Cached(c.ctx(), l.Identity)
	if err == nil {
		_, err = a.Tenants.OrganisationOf(c.ctx(), u)
	}
	if chat.IsKind(err, chat.NotFound) {
		return gone
	}
	c.caller.admin = &u
	return err
}

// administers reports whether the caller is an administrator of an organisation.
func (c *call) administers(o tenant.Organisation) bool {
	return c.caller.server || c.caller.admin != nil && c.caller.admin.Organisation == o.ID
}

// allow lets a call through that has the rights, and refuses all others.
func (a *API) allow(c *call, by rights) error {
	if by == byAnybody {
		return nil
	}
	if err := a.authenticate(c); err != nil {
		return err
	}
	if c.caller == (caller{}) {
		return unauthorized("Unable to authenticate (OAuth)")
	}
	refused := badToken("this token may not do this")
	switch by {
	case byMember:
		if c.caller.user != nil || c.caller.app || c.administers(c.org) {
			return nil
		}
	case byUser, bySelf:
		if u := c.caller.user; u != nil {
			name, err := c.people().Policy().Name(c.variable("user"))
			if err == nil && name == u.Name || c.variable("user") == u.ID.String() {
				return nil
			}
			return refused
		}
		if by == bySelf {
			return refused
		}
		fallthrough
	case byApp:
		if c.caller.app || c.administers(c.org) {
			return nil
		}
	case byServer:
		if c.caller.server {
			return nil
		}
		return forbidden("only the administrator of the server may do this")
	case byOrganisation, byAdmin:
		if !c.caller.server && c.caller.admin == nil {
			return refused
		}
		if by == byAdmin {
			return nil
		}
		o, err := a.Tenants.Organisation(c.ctx(), c.variable("org"))
		if chat.IsKind(err, chat.NotFound) {
			return noOrganisation(clip(c.variable("org")), clip(strings.TrimPrefix(c.r.URL.Path, "/")))
		}
		if err != nil {
			return err
		}
		if c.org = o; c.administers(o) {
			return nil
		}
		return forbidden("this is another organization")
	}
	return refused
}

// answer is a success, without what every answer has.
type answer struct {
	action   string // empty: the method
	path     string // empty: that of the request
	entities []any
	data     any // nil: none
	count    *int
	cursor   string
	more     map[string]any
}

func counted(n int) *int { return &n }

// reply writes the envelope of a success.
func (c *call) reply(x answer) error {
	path := x.path
	if path == "" {
		path = c.path()
	}
	action := x.action
	if action == "" {
		action = strings.ToLower(c.r.Method)
		if c.r.Method == http.MethodHead {
			action = "get"
		}
	}
	out := map[string]any{"action": action, "path": path, "uri": c.uri(path)}
	if c.ofApp {
		out["application"], out["applicationName"], out["organization"] = c.app.ID.String(), c.app.Name, c.org.Name
	}
	if x.entities != nil || x.data == nil {
		out["entities"] = append([]any{}, x.entities...)
	}
	if x.data != nil {
		out["data"] = x.data
	}
	if x.count != nil {
		out["count"] = *x.count
	}
	if x.cursor != "" {
		out["cursor"] = x.cursor
	}
	if q, err := url.ParseQuery(c.r.URL.RawQuery); err == nil && len(q) > 0 {
		out["params"] = q
	}
	for k, v := range x.more {
		out[k] = v
	}
	now := c.api.Now()
	out["timestamp"], out["duration"] = now.UnixMilli(), max(now.Sub(c.began).Milliseconds(), 0)
	return c.write(out)
}

func (c *call) write(v any) error {
	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return err
	}
	api.Write(c.w, http.StatusOK, "application/json", b)
	return nil
}

// path is the path of the request after that of the app, without a slash at the end.
func (c *call) path() string {
	p := c.r.URL.Path
	if c.ofApp {
		parts := strings.SplitN(strings.TrimPrefix(p, "/"), "/", 3)
		p = "/"
		if len(parts) == 3 {
			p += parts[2]
		}
	}
	if len(p) > 1 {
		p = strings.TrimSuffix(p, "/")
	}
	return p
}

// uri is the whole address of a path below the app.
func (c *call) uri(path string) string {
	base := c.host()
	if c.ofApp {
		base += "/" + c.org.Name + "/" + c.app.Name
	}
	return base + path
}

// host is the address that the server was called by.
func (c *call) host() string {
	scheme := "http"
	if c.api.encrypted(c.r) {
		scheme = "https"
	}
	return scheme + "://" + c.r.Host
}

func (c *call) query() (url.Values, error) {
	q, err := api.Query(c.r)
	if err != nil {
		return nil, illegal("the query string is malformed")
	}
	return q, nil
}

// cursorPurpose binds a cursor to the list that it was given for, and to the query of it.
func (c *call) cursorPurpose(query string) string {
	return "cursor\x00" + c.app.ID.String() + "\x00" + c.org.ID.String() + "\x00" + c.path() + query
}

// cursor returns the text for a position in the list of this call.
func (c *call) cursor(at string) string { return c.cursorOf("", at) }

// cursorOf is cursor for a list that a query selects.
func (c *call) cursorOf(query, at string) string {
	return base64.RawURLEncoding.EncodeToString(c.api.Box.Seal(c.cursorPurpose(query), []byte(at)))
}

// positionOf returns the position in the list that a query selects for which the query string has a cursor; empty if it has none.
func (c *call) positionOf(q url.Values, query string) (at string, err error) {
	text := q.Get("cursor")
	if text == "" {
		return "", nil
	}
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		var b []byte
		b, err = c.api.Box.Open(c.cursorPurpose(query), sealed)
		at = string(b)
	}
	if err != nil {
		return "", illegal("this cursor was not given by this call")
	}
	return at, nil
}

// hashing is the context of a call that hashes passwords, which is shared fairly among addresses.
func (c *call) hashing() context.Context { return auth.WithAddress(c.ctx(), c.address()) }
