package chatapi

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/chat"
)

type profileBody struct {
	FirstName optional `json:"firstname"`
	LastName  optional `json:"lastname"`
	Email     optional `json:"email"`
	Bio       optional `json:"bio"`
}

type signUpBody struct {
	Login    *string `json:"login"`
	Password *string `json:"password"`
	profileBody
}

// optional is a text member of a body that may be absent, null or there.
type optional struct {
	set   bool
	value *string
}

func (o *optional) UnmarshalJSON(b []byte) error {
	o.set = true
	return json.Unmarshal(b, &o.value)
}

// profile is all of the body: what is absent is null.
func (b profileBody) profile() chat.Profile {
	return chat.Profile{FirstName: b.FirstName.value, LastName: b.LastName.value, Email: b.Email.value, Bio: b.Bio.value}
}

// over lays what the body has over a profile.
func (b profileBody) over(p chat.Profile) chat.Profile {
	for _, x := range []struct {
		from optional
		to   **string
	}{{b.FirstName, &p.FirstName}, {b.LastName, &p.LastName}, {b.Email, &p.Email}, {b.Bio, &p.Bio}} {
		if x.from.set {
			*x.to = x.from.value
		}
	}
	return p
}

func (m *mount) signUp(w http.ResponseWriter, r *http.Request) error {
	var b signUpBody
	if err := api.ReadJSON(w, r, &b); err != nil {
		return err
	}
	u, err := m.chat.SignUp(r.Context(), chat.DefaultTenant,
		chat.NewUser{Login: b.Login, Password: b.Password, Profile: b.profile()})
	if err != nil {
		return err
	}
	return m.created(w, "/users/"+url.PathEscape(u.Login), userOf(u))
}

func (m *mount) getUser(w http.ResponseWriter, r *http.Request) error {
	login := api.Variable(r, "login")
	if m.v1 && isSet(login) {
		return m.people(w, r, setOf(login))
	}
	return m.writeUser(w, r, login)
}

func (m *mount) writeUser(w http.ResponseWriter, r *http.Request, login string) error {
	u, err := m.chat.User(r.Context(), who(r).Tenant, login)
	if err != nil {
		return err
	}
	return m.ok(w, userOf(u))
}

func (m *mount) putUser(w http.ResponseWriter, r *http.Request) error {
	return m.updateUser(w, r, func(b profileBody, _ chat.Profile) chat.Profile { return b.profile() })
}

func (m *mount) patchUser(w http.ResponseWriter, r *http.Request) error {
	return m.updateUser(w, r, profileBody.over)
}

func (m *mount) updateUser(w http.ResponseWriter, r *http.Request, apply func(profileBody, chat.Profile) chat.Profile) error {
	var b profileBody
	if err := api.ReadJSON(w, r, &b); err != nil {
		return err
	}
	u, err := m.chat.UpdateProfile(r.Context(), who(r), api.Variable(r, "login"),
		func(p chat.Profile) chat.Profile { return apply(b, p) })
	if err != nil {
		return err
	}
	return m.ok(w, userOf(u))
}

func (m *mount) deleteUser(w http.ResponseWriter, r *http.Request) error {
	if err := m.accounts.Delete(r.Context(), m.chat, who(r), api.Variable(r, "login")); err != nil {
		return err
	}
	return noContent(w)
}

func (m *mount) putPassword(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Current  string `json:"currentPassword"`
		Password string `json:"password"`
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
	return noContent(w)
}

type userList struct {
	Users   []person `json:"users"`
	HasMore bool     `json:"hasMore"`
}

func (m *mount) listUsers(w http.ResponseWriter, r *http.Request) error {
	q, err := api.Query(r)
	if err != nil {
		return err
	}
	if q.Has("id") {
		return m.writeUser(w, r, q.Get("id"))
	}
	rg, err := rangeOf(q)
	if err != nil {
		return err
	}
	ps, more, err := m.chat.Users(r.Context(), who(r).Tenant, rg)
	if err != nil {
		return err
	}
	return m.ok(w, userList{Users: peopleOf(ps), HasMore: more})
}

func (m *mount) people(w http.ResponseWriter, r *http.Request, logins []string) error {
	ps, err := m.chat.People(r.Context(), who(r).Tenant, logins)
	if err != nil {
		return err
	}
	return m.ok(w, userList{Users: peopleOf(ps)})
}

// isSet reports whether a path segment names several things: "a,b" in order, "a;b" in any.
func isSet(s string) bool { return strings.ContainsAny(s, ",;") }

// maxSet bounds how many things one request may name.
const maxSet = 1000

func setOf(s string) []string {
	names := strings.FieldsFunc(s, func(c rune) bool { return c == ',' || c == ';' })
	return names[:min(len(names), maxSet)]
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
	if rg.Start < 0 || rg.Limit <= 0 {
		return rg, api.Malformed("start has to be 0 or more, %s more than 0", size)
	}
	rg.Limit = min(rg.Limit, chat.MaxList)
	return rg, nil
}

// defaultList is the length of a list whose size was not given.
const defaultList = 100
