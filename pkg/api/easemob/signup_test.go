package easemob_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/limit"
)

// Who registers without a token counts with the sign-ups of the chat API, by address.
func TestOpenRegistrationIsLimitedByAddress(t *testing.T) {
	c := config()
	c.Limits = limit.Set{limit.SignUps: 3}
	c.Proxied = true
	w, _ := serve(t, openStore(t), c)
	w.operator, w.from = w.logIn(adminLogin, adminPassword), "2001:db8::1"
	org, boss := w.newOrg()
	a := w.newApp(org, boss, object{"registration": "open", "rate_limit": 0})
	a.fails(400, "illegal_argument", "POST", "/users", "", object{"username": "bad name", "password": "pw"}) // does not count
	a.ok("POST", "/users", "", object{"username": "ann", "password": "pw"})
	a.fails(400, "duplicate_unique_property_exists", "POST", "/users", "", object{"username": "ann", "password": "pw"})
	status, _ := w.do("POST", "/api/chat/v1/users", "", object{"login": "carl", "password": "pw", "firstname": "C", "lastname": "C"})
	require.Equal(t, 201, status)
	w.from = "2001:db8::2" // of the same network
	a.fails(429, "reach_limit", "POST", "/users", "", object{"username": "dora", "password": "pw"})
	_, h, _ := w.raw("POST", "/"+a.key+"/users", "", object{"username": "dora", "password": "pw"})
	require.NotEmpty(t, h.Get("Retry-After"))
	a.ok("POST", "/users", a.token, object{"username": "dora", "password": "pw"}) // the app may
	w.from = "192.0.2.1"
	a.ok("POST", "/users", "", object{"username": "emil", "password": "pw"})
}

func TestAdministratorsHaveTheServersPasswordsAndRealAddresses(t *testing.T) {
	c := config()
	c.PasswordMin = 8
	w, _ := serve(t, openStore(t), c)
	operator := w.logIn(adminLogin, adminPassword)
	admin := func(password, email string) object {
		return object{"organization": "acme", "username": "boss", "name": "B", "email": email, "password": password}
	}
	w.fails(400, "illegal_argument", "POST", "/management/organizations", operator, admin("1234567", "b@example.org"))
	w.fails(400, "illegal_argument", "POST", "/management/organizations", operator, admin("12345678", "bad"))
	w.ok("POST", "/management/organizations", operator, admin("12345678", ""))
	boss := w.logIn("boss", "12345678")
	users := "/management/organizations/acme/users"
	w.fails(400, "illegal_argument", "POST", users, boss, object{"username": "two", "password": "1", "email": "b@example.org"})
	w.fails(400, "illegal_argument", "POST", users, boss, object{"username": "two", "password": "12345678", "email": "Two <b@example.org>"})
	w.ok("POST", users, boss, object{"username": "two", "password": "12345678", "email": "b@example.org"})
	_, out := w.do("PUT", "/management/users/boss/password", boss, object{"oldpassword": "12345678", "newpassword": "1"})
	require.Equal(t, "password has to have 8 to 64 characters", out["error_description"])
	w.ok("POST", "/management/organizations/acme/applications", boss, object{"name": "app"}) // the token is still good
}

// A token that somebody sees in a list says when it was used.
func TestTheUseOfManagementTokensIsNoted(t *testing.T) {
	w, _ := serve(t, openStore(t), config())
	token := w.logIn(adminLogin, adminPassword)
	uses := func() (all []any) {
		for _, row := range w.ok("GET", "/api/chat/v1/admin/users/"+adminLogin+"/tokens", adminToken, nil)["tokens"].([]any) {
			if e := row.(object); e["kind"] == "management" {
				all = append(all, e["lastUsed"])
			}
		}
		return all
	}
	require.Equal(t, []any{nil}, uses())
	w.ok("GET", "/management/deletions", token, nil)
	require.Len(t, uses(), 1)
	require.NotNil(t, uses()[0])
}

// Who loses the role of an administrator and gets it again has to log in again.
func TestManagementTokensEndWithTheRole(t *testing.T) {
	w := newWorld(t)
	signUp(w, "second", "second secret")
	role := "/api/chat/v1/admin/users/second/roles/site-admin"
	grant := func(method string) {
		status, _, body := w.raw(method, role, adminToken, nil)
		require.Equal(t, 204, status, string(body))
	}
	grant("PUT")
	token := w.logIn("second", "second secret")
	w.ok("GET", "/management/organizations", token, nil)
	grant("DELETE")
	w.fails(401, "auth_bad_access_token", "GET", "/management/organizations", token, nil)
	grant("PUT")
	w.fails(401, "auth_bad_access_token", "GET", "/management/organizations", token, nil)
	w.ok("GET", "/management/organizations", w.logIn("second", "second secret"), nil)
}
