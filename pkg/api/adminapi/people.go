package adminapi

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/api/session"
	"github.com/confab-chat/confab/pkg/audit"
	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
)

func (a *admin) peopleRoutes() []api.Route {
	return []api.Route{
		{Path: "/users", Operations: api.Operations{
			"GET":  {ID: "adminListUsers", Serve: a.listUsers, Query: []string{"after", "limit"}, Answers: api.Is(200)},
			"POST": {ID: "adminCreateUser", Serve: a.createUser, Body: api.JSON, Answers: api.Is(201, 409, 422)},
		}},
		{Path: "/users/{login}", Operations: api.Operations{
			"GET":   {ID: "adminGetUser", Serve: a.getUser, Answers: api.Is(200, 404, 410)},
			"PATCH": {ID: "adminUpdateUser", Serve: a.patchUser, Body: api.MergePatch, Answers: api.Is(200, 404, 409, 410, 422)},
		}},
		{Path: "/users/{login}/password", Operations: api.Operations{
			"PUT": {ID: "adminSetPassword", Serve: a.putPassword, Body: api.JSON, Answers: api.Is(204, 404, 409, 410, 422)},
		}},
		{Path: "/users/{login}/logouts", Operations: api.Operations{
			"POST": {ID: "adminLogOut", Serve: a.logOut, Answers: api.Is(204, 404, 410)},
		}},
		{Path: "/users/{login}/sessions", Operations: api.Operations{
			"GET": {ID: "adminListSessions", Serve: a.listDevices, Answers: api.Is(200, 404, 410)},
		}},
		{Path: "/users/{login}/sessions/{device}", Operations: api.Operations{
			"DELETE": {ID: "adminEndSession", Serve: a.endDevice, Answers: api.Is(204, 404, 410)},
		}},
		{Path: "/users/{login}/tokens", Operations: api.Operations{
			"GET": {ID: "adminListTokens", Serve: a.listTokens, Answers: api.Is(200, 404, 410)},
		}},
		{Path: "/users/{login}/tokens/{token}", Operations: api.Operations{
			"GET":    {ID: "adminGetToken", Serve: a.getToken, Answers: api.Is(200, 404, 410)},
			"DELETE": {ID: "adminDeleteToken", Serve: a.deleteToken, Answers: api.Is(204, 404, 410)},
		}},
		{Path: "/roles", Operations: api.Operations{
			"GET": {ID: "adminListRoles", Serve: a.listRoles, Answers: api.Is(200)},
		}},
		{Path: "/users/{login}/roles", Operations: api.Operations{
			"GET": {ID: "adminGetRoles", Serve: a.getRoles, Answers: api.Is(200, 404, 410)},
		}},
		{Path: "/users/{login}/roles/{role}", Operations: api.Operations{
			"PUT":    {ID: "adminGrantRole", Serve: a.grantRole, Answers: api.Is(204, 404, 410, 422)},
			"DELETE": {ID: "adminRevokeRole", Serve: a.revokeRole, Answers: api.Is(204, 404, 409, 410)},
		}},
	}
}

type userAnswer struct {
	Login     string  `json:"login"`
	FirstName string  `json:"firstname"`
	LastName  string  `json:"lastname"`
	Email     *string `json:"email"`
	CreatedAt string  `json:"createdAt"`
	Disabled  bool    `json:"disabled"`
	Bot       bool    `json:"bot"`
}

func userOf(u chat.User) userAnswer {
	return userAnswer{Login: u.Login, FirstName: u.FirstName, LastName: u.LastName, Email: u.Email, CreatedAt: timestamp(u.CreatedAt),
		Disabled: u.Disabled, Bot: u.Bot}
}

// listed reads the query of a list, and its limit.
func listed(r *http.Request, most int) (q url.Values, limit int, err error) {
	if q, err = api.Query(r); err != nil {
		return nil, 0, err
	}
	limit, err = api.Int(q, "limit", most)
	if err == nil && limit < 1 {
		err = api.Malformed("limit has to be 1 or more")
	}
	return q, min(limit, most), err
}

// maxUsers is the greatest number of users in one answer; more is counted as this.
const maxUsers = 1000

func (a *admin) listUsers(w http.ResponseWriter, r *http.Request) error {
	q, limit, err := listed(r, maxUsers)
	if err != nil {
		return err
	}
	users, more, err := a.Chat.Accounts(r.Context(), chat.DefaultTenant, q.Get("after"), limit)
	if err != nil {
		return err
	}
	out := struct {
		Users   []userAnswer `json:"users"`
		HasMore bool         `json:"hasMore"`
	}{[]userAnswer{}, more}
	for _, u := range users {
		out.Users = append(out.Users, userOf(u))
	}
	return write(w, http.StatusOK, out)
}

func (a *admin) createUser(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Login     *string `json:"login"`
		Password  *string `json:"password"`
		FirstName *string `json:"firstname"`
		LastName  *string `json:"lastname"`
		Email     *string `json:"email"`
	}
	if err := api.ReadJSON(w, r, &b); err != nil {
		return err
	}
	u, err := a.Chat.CreateAccount(a.hashing(r), chat.DefaultTenant, chat.NewAccount{Login: b.Login, Password: b.Password,
		Profile: chat.Profile{FirstName: b.FirstName, LastName: b.LastName, Email: b.Email}})
	if err != nil {
		return err
	}
	a.record(r, audit.AccountCreated, u.Login, "")
	w.Header().Set("Location", Prefix+"/users/"+url.PathEscape(u.Login))
	return write(w, http.StatusCreated, userOf(u.User))
}

// hashing is the context of a request that hashes a password, with the address whose turn it is.
func (a *admin) hashing(r *http.Request) context.Context {
	return auth.WithAddress(r.Context(), api.ClientAddress(r, a.Proxied))
}

type userReport struct {
	userAnswer
	Roles []string `json:"roles"`
	Rooms int      `json:"rooms"`
}

func (a *admin) writeUser(w http.ResponseWriter, r *http.Request, login string) error {
	u, err := a.Chat.User(r.Context(), chat.DefaultTenant, login)
	if err != nil {
		return err
	}
	roles, err := a.People.Roles(r.Context(), login)
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, userReport{userOf(u.User), orEmpty(roles), len(u.ChatRooms)})
}

// orEmpty returns a list that JSON does not spell as null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func (a *admin) getUser(w http.ResponseWriter, r *http.Request) error {
	return a.writeUser(w, r, api.Variable(r, "login"))
}

// by returns the administrator who asks.
func by(r *http.Request) chat.Identity {
	login, _ := session.Of(r)
	return login.Identity
}

// patchUser disables or enables an account.
func (a *admin) patchUser(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Disabled *bool `json:"disabled"`
	}
	if err := api.ReadJSON(w, r, &b); err != nil {
		return err
	}
	login := api.Variable(r, "login")
	err := chat.Faulty(chat.UserEntity, []chat.Fault{{Field: "disabled", Message: "has to be true or false"}})
	kind := audit.AccountEnabled
	if b.Disabled != nil && *b.Disabled {
		kind = audit.AccountDisabled
		err = a.People.Disable(r.Context(), by(r), login)
	} else if b.Disabled != nil {
		err = a.People.Enable(r.Context(), login)
	}
	if err != nil {
		return err
	}
	a.record(r, kind, login, "")
	return a.writeUser(w, r, login)
}

// done records what was done and answers, unless it failed. An end that cannot be written down now is one nevertheless.
func (a *admin) done(w http.ResponseWriter, r *http.Request, err error, kind audit.Kind, subject, detail string) error {
	if err != nil && !errors.Is(err, auth.ErrUnwritten) {
		return err
	}
	a.record(r, kind, subject, detail)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// putPassword replaces the password of somebody else, who is then logged out everywhere.
func (a *admin) putPassword(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Password *string `json:"password"`
	}
	if err := api.ReadJSON(w, r, &b); err != nil {
		return err
	}
	if b.Password == nil {
		b.Password = new(string)
	}
	login := api.Variable(r, "login")
	return a.done(w, r, a.People.SetPassword(a.hashing(r), login, *b.Password), audit.PasswordChanged, login, "by an administrator")
}

// logOut ends all logins and tokens of a user.
func (a *admin) logOut(w http.ResponseWriter, r *http.Request) error {
	login := api.Variable(r, "login")
	return a.done(w, r, a.People.LogOut(r.Context(), login), audit.LoggedOut, login, "all logins and tokens")
}

type deviceAnswer struct {
	ID         string  `json:"id"`
	Remembered bool    `json:"remembered"`
	CreatedAt  *string `json:"createdAt"`
	ExpiresAt  string  `json:"expiresAt"`
}

func (a *admin) listDevices(w http.ResponseWriter, r *http.Request) error {
	all, err := a.People.Devices(r.Context(), api.Variable(r, "login"))
	if err != nil {
		return err
	}
	out := struct {
		Sessions []deviceAnswer `json:"sessions"`
	}{[]deviceAnswer{}}
	for _, d := range all {
		out.Sessions = append(out.Sessions, deviceAnswer{ID: d.ID, Remembered: d.Remembered, CreatedAt: optional(d.CreatedAt), ExpiresAt: timestamp(d.ExpiresAt)})
	}
	return write(w, http.StatusOK, out)
}

func (a *admin) endDevice(w http.ResponseWriter, r *http.Request) error {
	login, device := api.Variable(r, "login"), api.Variable(r, "device")
	return a.done(w, r, a.People.EndDevice(r.Context(), login, device), audit.LoggedOut, login, device)
}

// tokenAnswer is a token as administrators see it: never with its secret.
type tokenAnswer struct {
	ID       string   `json:"id"`
	Kind     string   `json:"kind"`
	Name     string   `json:"name"`
	Scopes   []string `json:"scopes"`
	Created  *string  `json:"created"`
	Expires  *string  `json:"expires"`
	LastUsed *string  `json:"lastUsed"`
}

func tokenOf(t auth.APIToken) tokenAnswer {
	kind := string(t.Kind)
	if t.Kind == auth.SettingsToken {
		kind = "settings"
	}
	return tokenAnswer{ID: t.PublicID(), Kind: kind, Name: t.Name, Scopes: orEmpty(strings.Fields(t.Scopes)), Created: optional(t.CreatedAt),
		Expires: optional(t.ExpiresAt), LastUsed: optional(t.LastUsedAt)}
}

func (a *admin) listTokens(w http.ResponseWriter, r *http.Request) error {
	all, err := a.People.Tokens(r.Context(), api.Variable(r, "login"))
	if err != nil {
		return err
	}
	out := struct {
		Tokens []tokenAnswer `json:"tokens"`
	}{[]tokenAnswer{}}
	for _, t := range all {
		out.Tokens = append(out.Tokens, tokenOf(t))
	}
	return write(w, http.StatusOK, out)
}

func (a *admin) getToken(w http.ResponseWriter, r *http.Request) error {
	t, err := a.People.Token(r.Context(), api.Variable(r, "login"), api.Variable(r, "token"))
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, tokenOf(t))
}

func (a *admin) deleteToken(w http.ResponseWriter, r *http.Request) error {
	login := api.Variable(r, "login")
	t, err := a.People.DeleteToken(r.Context(), login, api.Variable(r, "token"))
	return a.done(w, r, err, audit.TokenDeleted, login, t.Label())
}

type holderAnswer struct {
	Login string   `json:"login"`
	Roles []string `json:"roles"`
}

// listRoles shows who has roles.
func (a *admin) listRoles(w http.ResponseWriter, r *http.Request) error {
	all, err := a.People.Holders(r.Context())
	if err != nil {
		return err
	}
	out := struct {
		Holders []holderAnswer `json:"holders"`
	}{[]holderAnswer{}}
	for _, login := range slices.Sorted(maps.Keys(all)) {
		out.Holders = append(out.Holders, holderAnswer{login, all[login]})
	}
	return write(w, http.StatusOK, out)
}

func (a *admin) getRoles(w http.ResponseWriter, r *http.Request) error {
	login := api.Variable(r, "login")
	roles, err := a.People.Roles(r.Context(), login)
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, holderAnswer{login, orEmpty(roles)})
}

func (a *admin) grantRole(w http.ResponseWriter, r *http.Request) error {
	login, role := api.Variable(r, "login"), api.Variable(r, "role")
	return a.done(w, r, a.People.Grant(r.Context(), login, role), audit.RoleGranted, login, role)
}

func (a *admin) revokeRole(w http.ResponseWriter, r *http.Request) error {
	login, role := api.Variable(r, "login"), api.Variable(r, "role")
	return a.done(w, r, a.People.Revoke(r.Context(), by(r), login, role), audit.RoleRevoked, login, role)
}
