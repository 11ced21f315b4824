package chatapi

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-json-experiment/json"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/audit"
	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
)

type profileBody struct {
	FirstName optional `json:"firstname"`
	LastName  optional `json:"lastname"`
	Email     optional `json:"email"`
	Bio       optional `json:"bio"`
	Timezone  optional `json:"timezone"`
}

type signUpBody struct {
	Login    *string `json:"login"`
	Password *string `json:"password"`
	// Invitation is the secret of an invitation, where one is needed.
	Invitation string `json:"invitation"`
	profileBody
}

// optional is a text member of a body that may be absent, null or there.
type optional chat.Optional

func (o *optional) UnmarshalJSON(b []byte) error {
	o.Set = true
	return json.Unmarshal(b, &o.Value)
}

// profile is all of the body: what is absent is null.
func (b profileBody) profile() chat.Profile {
	return chat.Profile{FirstName: b.FirstName.Value, LastName: b.LastName.Value, Email: b.Email.Value, Bio: b.Bio.Value, Timezone: b.Timezone.Value}
}

// change is what the body names.
func (b profileBody) change() chat.ProfileChange {
	return chat.ProfileChange{FirstName: chat.Optional(b.FirstName), LastName: chat.Optional(b.LastName), Email: chat.Optional(b.Email),
		Bio: chat.Optional(b.Bio), Timezone: chat.Optional(b.Timezone)}
}

func (m *mount) signUp(w http.ResponseWriter, r *http.Request) error {
	if err := api.LimitBody(w, r, maxSignUp); err != nil {
		return err
	}
	var b signUpBody
	if err := api.ReadJSON(w, r, &b); err != nil {
		return err
	}
	address := api.ClientAddress(r, m.proxied)
	u, err := m.chat.SignUp(auth.WithAddress(r.Context(), address), chat.DefaultTenant,
		chat.NewUser{Login: b.Login, Password: b.Password, Profile: b.profile(), Invitation: b.Invitation, Address: address})
	if err != nil {
		return err
	}
	m.trail.Record(r.Context(), audit.Event{Kind: audit.SignedUp, Actor: u.Login, Subject: u.Login, Address: address})
	return m.created(w, r, "/users/"+url.PathEscape(u.Login), m.form.user(u))
}

// getSignUp says who may sign up.
func (m *mount) getSignUp(w http.ResponseWriter, _ *http.Request) error {
	mode, least := m.chat.SignUpMode()
	return m.ok(w, struct {
		SignUp      chat.SignUpMode `json:"signUp"`
		PasswordMin int             `json:"passwordMin"`
	}{mode, least})
}

func (m *mount) getUser(w http.ResponseWriter, r *http.Request) error {
	login := api.Variable(r, "login")
	if !m.v1 {
		return m.writeUser(w, r, login)
	}
	logins, err := api.ParseSet(login)
	if err != nil {
		return err
	}
	return m.usersOf(w, r, logins)
}

func (m *mount) writeUser(w http.ResponseWriter, r *http.Request, login string) error {
	u, err := m.chat.UserAs(r.Context(), who(r), login)
	if err != nil {
		return err
	}
	return m.entity(w, r, m.form.user(u))
}

func (m *mount) putUser(w http.ResponseWriter, r *http.Request) error {
	return m.updateUser(w, r, func(b profileBody) chat.ProfileChange { return b.profile().Replace() })
}

func (m *mount) patchUser(w http.ResponseWriter, r *http.Request) error {
	return m.updateUser(w, r, profileBody.change)
}

func (m *mount) updateUser(w http.ResponseWriter, r *http.Request, change func(profileBody) chat.ProfileChange) error {
	var b profileBody
	if err := api.ReadJSON(w, r, &b); err != nil {
		return err
	}
	c := change(b)
	was, err := m.userIf(r)
	if err != nil {
		return err
	}
	c.Was = was
	u, err := m.chat.UpdateProfile(r.Context(), who(r), api.Variable(r, "login"), c)
	if err != nil {
		return err
	}
	return m.entity(w, r, m.form.user(u))
}

// userIf returns the user that a conditional request may change, if its conditions hold; nil for an unconditional request.
func (m *mount) userIf(r *http.Request) (*chat.User, error) {
	if !api.Conditional(r) {
		return nil, nil
	}
	u, err := m.chat.OwnUser(r.Context(), who(r), api.Variable(r, "login"))
	if err != nil {
		return nil, err
	}
	return &u.User, api.CheckConditions(r, encode(m.form.user(u)))
}

func (m *mount) deleteUser(w http.ResponseWriter, r *http.Request) error {
	if _, err := m.userIf(r); err != nil {
		return err
	}
	if err := m.accounts.Delete(r.Context(), m.chat, who(r), api.Variable(r, "login")); err != nil {
		return err
	}
	m.record(r, audit.AccountDeleted, who(r).Login, "")
	return noContent(w)
}

func (m *mount) putPassword(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Current  string `json:"currentPassword"`
		Password string `json:"password"`
	}
	if err := api.LimitBody(w, r, maxSignUp); err != nil {
		return err
	}
	if err := api.ReadJSON(w, r, &b); err != nil {
		return err
	}
	if who(r).Login != api.Variable(r, "login") {
		return chat.ErrForbidden("only the user may change their password")
	}
	err := m.accounts.ChangePassword(r.Context(), who(r), b.Current, b.Password, api.ClientAddress(r, m.proxied))
	if err != nil {
		return err
	}
	m.record(r, audit.PasswordChanged, who(r).Login, "")
	return noContent(w)
}

type userList struct {
	Users   []person `json:"users"`
	HasMore bool     `json:"hasMore"`

	Avatars map[string]string `json:"avatars,omitempty"`
}

func (m *mount) listUsers(w http.ResponseWriter, r *http.Request) error {
	q, err := api.Query(r)
	if err != nil {
		return err
	}
	return m.users(w, r, q)
}

// users answers with what a query asks for: users by their logins, or a range of all.
func (m *mount) users(w http.ResponseWriter, r *http.Request, q url.Values) error {
	if q.Has("id") {
		logins, err := api.ParseSet(q["id"]...)
		if err != nil {
			return err
		}
		return m.usersOf(w, r, logins)
	}
	rg, err := rangeOf(q)
	if err != nil {
		return err
	}
	ps, more, err := m.chat.Users(r.Context(), who(r).Tenant, rg)
	if err != nil {
		return err
	}
	return m.people(w, r, ps, more)
}

func (m *mount) usersOf(w http.ResponseWriter, r *http.Request, logins api.Set) error {
	if logins.One {
		return m.writeUser(w, r, logins.Names[0])
	}
	ps, err := m.chat.People(r.Context(), who(r).Tenant, logins.Names)
	if err != nil {
		return err
	}
	return m.people(w, r, ps, false)
}

// people answers with some users.
func (m *mount) people(w http.ResponseWriter, r *http.Request, ps []chat.Person, more bool) error {
	avatars, err := m.avatars(r, ps)
	if err != nil {
		return err
	}
	return m.ok(w, userList{Users: peopleOf(ps), HasMore: more, Avatars: avatars})
}

// queries returns the handler of a POST that stands in for the GET of a list: named answers with things by their names,
// list with what a query asks for.
func queries(named func(http.ResponseWriter, *http.Request, api.Set) error, list func(http.ResponseWriter, *http.Request, url.Values) error) api.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		var b listBody
		if err := api.ReadJSON(w, r, &b); err != nil {
			return err
		}
		if b.ID == nil {
			return list(w, r, b.query())
		}
		names, err := api.ListSet(*b.ID)
		if err != nil {
			return err
		}
		return named(w, r, names)
	}
}

// listBody is the parameters of a list as members of an object.
type listBody struct {
	ID        *[]string `json:"id"`
	Start     *int      `json:"start"`
	Size      *int      `json:"size"`
	FetchSize *int      `json:"fetchSize"`
	After     *string   `json:"after"`
}

func (b listBody) query() url.Values {
	q := url.Values{}
	setInt(q, "start", b.Start)
	setInt(q, "size", b.Size)
	setInt(q, "fetchSize", b.FetchSize)
	setText(q, "after", b.After)
	return q
}

func setInt(q url.Values, name string, n *int) {
	if n != nil {
		q.Set(name, strconv.Itoa(*n))
	}
}

func setText(q url.Values, name string, s *string) {
	if s != nil {
		q.Set(name, *s)
	}
}

// rangeOf reads the parameters of a list: start and size, or fetchSize and after.
func rangeOf(q url.Values) (chat.Range, error) {
	rg := chat.Range{After: q.Get("after")}
	var err error
	if rg.Start, err = api.Int(q, "start", 0); err != nil {
		return rg, err
	}
	size := "size"
	if q.Has("fetchSize") {
		size = "fetchSize"
	}
	if rg.Limit, err = api.Int(q, size, defaultList); err != nil {
		return rg, err
	}
	if rg.Start < 0 {
		return rg, api.Malformed("start has to be 0 or more")
	}
	if rg.Limit <= 0 {
		return rg, api.Malformed("%s has to be 1 or more", size)
	}
	rg.Limit = min(rg.Limit, chat.MaxList)
	return rg, nil
}

// defaultList is the length of a list whose size was not given.
const defaultList = 100
