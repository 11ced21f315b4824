package adminapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
)

// logIn returns the status of a login, and its cookies.
func (w *world) logIn(login, password string) (int, []*http.Cookie) {
	r := httptest.NewRequest("POST", "/api/chat/v1/authenticate?j_username="+login+"&j_password="+password, strings.NewReader(""))
	rec := httptest.NewRecorder()
	w.node.Handler.ServeHTTP(rec, r)
	return rec.Code, rec.Result().Cookies()
}

// as returns the status of a request with cookies.
func (w *world) as(cookies []*http.Cookie, path string) int {
	r := httptest.NewRequest("GET", "/api/chat/v1"+path, nil)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	rec := httptest.NewRecorder()
	w.node.Handler.ServeHTTP(rec, r)
	return rec.Code
}

func TestUsersAreListedInPages(t *testing.T) {
	w := newWorld(t)
	logins := func(v map[string]any) (all []string) {
		for _, u := range v["users"].([]any) {
			all = append(all, u.(map[string]any)["login"].(string))
		}
		return all
	}
	first := w.ask(adminToken, "GET", "/users?limit=1", nil, 200)
	require.Equal(t, []string{"ann"}, logins(first))
	require.Equal(t, true, first["hasMore"])
	second := w.ask(adminToken, "GET", "/users?limit=1&after=ann", nil, 200)
	require.Equal(t, []string{"root"}, logins(second))
	require.Equal(t, false, second["hasMore"])
	w.ask(adminToken, "GET", "/users?limit=0", nil, 400)
}

func TestAnAccountIsMadeForSomebody(t *testing.T) {
	w := newWorld(t)
	bob := map[string]any{"login": "bob", "password": "a good one", "firstname": "Bob", "lastname": "B", "email": "bob@example.org"}
	made := w.ask(adminToken, "POST", "/users", bob, 201)
	require.Equal(t, "bob", made["login"])
	require.NotContains(t, made, "password")
	status, _ := w.logIn("bob", "a+good+one")
	require.Equal(t, 204, status)
	w.ask(adminToken, "POST", "/users", bob, 409)
	bob["login"] = "BOB"
	w.ask(adminToken, "POST", "/users", bob, 409)
	require.Len(t, w.ask(adminToken, "POST", "/users", map[string]any{"login": "b", "password": "", "firstname": ""}, 422)["fields"], 4)
	// A reserved word is free for the operator, and an account may have no password yet.
	w.ask(adminToken, "POST", "/users", map[string]any{"login": "support", "firstname": "Our", "lastname": "Support"}, 201)
	status, _ = w.logIn("support", "")
	require.Equal(t, 401, status)
	w.ask(adminToken, "POST", "/users", map[string]any{"login": chat.SystemLogin, "firstname": "a", "lastname": "b"}, 409)
}

func TestAPasswordIsResetWithoutBecomingItsUser(t *testing.T) {
	w := newWorld(t)
	w.ask(adminToken, "PUT", "/users/ann/password", map[string]any{"password": "first"}, 204)
	status, session := w.logIn("ann", "first")
	require.Equal(t, 204, status)
	require.Equal(t, 200, w.as(session, "/users/ann"))
	w.ask(adminToken, "PUT", "/users/ann/password", map[string]any{"password": "second"}, 204)
	require.Equal(t, 401, w.as(session, "/users/ann"))
	status, _ = w.logIn("ann", "first")
	require.Equal(t, 401, status)
	status, _ = w.logIn("ann", "second")
	require.Equal(t, 204, status)

	for _, none := range []any{"", nil} {
		w.ask(adminToken, "PUT", "/users/ann/password", map[string]any{"password": none}, 422)
	}
	w.ask(adminToken, "PUT", "/users/nobody/password", map[string]any{"password": "x"}, 404)
	w.ask(adminToken, "PUT", "/users/"+chat.SystemLogin+"/password", map[string]any{"password": "x"}, 404)
	require.Contains(t, w.ask(adminToken, "PUT", "/users/root/password", map[string]any{"password": "y"}, 409)["message"], "CONFAB_ADMIN_PASSWORD")
	require.NoError(t, w.store.DeleteUser(t.Context(), chat.DefaultTenant, "ann"))
	w.ask(adminToken, "PUT", "/users/ann/password", map[string]any{"password": "x"}, 410)
}

func TestDisabling(t *testing.T) {
	w := newWorld(t)
	w.ask(adminToken, "PUT", "/users/ann/password", map[string]any{"password": "secret"}, 204)
	_, session := w.logIn("ann", "secret")
	require.Equal(t, 200, w.as(session, "/users/ann"))
	require.Equal(t, true, w.ask(adminToken, "PATCH", "/users/ann", map[string]any{"disabled": true}, 200)["disabled"])
	require.Equal(t, 401, w.as(session, "/users/ann"))
	w.ask(annToken, "GET", "/users", nil, 401) // a token of the settings has no epoch, and ends nevertheless
	status, _ := w.logIn("ann", "secret")
	require.Equal(t, 403, status)
	status, _ = w.logIn("ann", "wrong")
	require.Equal(t, 401, status)
	require.Empty(t, w.ask(adminToken, "GET", "/users/ann/sessions", nil, 200)["sessions"])
	require.Empty(t, w.ask(adminToken, "GET", "/users/ann/tokens", nil, 200)["tokens"])
	// A new password enables nobody.
	w.ask(adminToken, "PUT", "/users/ann/password", map[string]any{"password": "another"}, 204)
	status, _ = w.logIn("ann", "another")
	require.Equal(t, 403, status)

	require.Equal(t, false, w.ask(adminToken, "PATCH", "/users/ann", map[string]any{"disabled": false}, 200)["disabled"])
	status, _ = w.logIn("ann", "another")
	require.Equal(t, 204, status)
	require.Equal(t, 401, w.as(session, "/users/ann"), "what has ended stays so")

	w.ask(adminToken, "PATCH", "/users/root", map[string]any{"disabled": true}, 409)
	w.ask(adminToken, "PATCH", "/users/ann", map[string]any{}, 422)
	w.ask(adminToken, "PATCH", "/users/nobody", map[string]any{"disabled": true}, 404)
}

// Administrators do not lock themselves out, and whoever is in the settings comes back with a start.
func TestAdministratorsStay(t *testing.T) {
	w := newWorld(t)
	w.ask(adminToken, "PUT", "/users/ann/password", map[string]any{"password": "secret"}, 204)
	w.ask(adminToken, "PUT", "/users/ann/roles/site-admin", nil, 204)
	w.ask(annToken, "PATCH", "/users/ann", map[string]any{"disabled": true}, 409)
	w.ask(annToken, "DELETE", "/users/ann/roles/site-admin", nil, 409)
	w.ask(annToken, "PATCH", "/users/root", map[string]any{"disabled": true}, 409)
	w.ask(annToken, "DELETE", "/users/root/roles/site-admin", nil, 409)
	w.ask(adminToken, "DELETE", "/users/ann/roles/site-admin", nil, 204)
	w.ask(annToken, "GET", "/users", nil, 403)

	// Another server, with other settings, may have disabled them.
	yes := true
	require.NoError(t, w.store.EndLogins(t.Context(), chat.DefaultTenant, "root", "epoch", &yes))
	again := w.restart()
	again.ask(adminToken, "GET", "/users", nil, 200)
}

func TestRoles(t *testing.T) {
	w := newWorld(t)
	w.ask(adminToken, "PUT", "/users/ann/roles/integration-admin", nil, 204)
	w.ask(adminToken, "PUT", "/users/ann/roles/integration-admin", nil, 204)
	require.Equal(t, []any{"integration-admin"}, w.ask(adminToken, "GET", "/users/ann/roles", nil, 200)["roles"])
	require.Equal(t, []any{"integration-admin"}, w.ask(adminToken, "GET", "/users/ann", nil, 200)["roles"])
	require.Equal(t, []any{
		map[string]any{"login": "ann", "roles": []any{"integration-admin"}},
		map[string]any{"login": "root", "roles": []any{"integration-admin", "site-admin"}},
	}, w.ask(adminToken, "GET", "/roles", nil, 200)["holders"])
	w.ask(adminToken, "PUT", "/users/ann/roles/emperor", nil, 422)
	w.ask(adminToken, "PUT", "/users/nobody/roles/site-admin", nil, 404)
	w.ask(adminToken, "DELETE", "/users/ann/roles/integration-admin", nil, 204)
	w.ask(adminToken, "DELETE", "/users/ann/roles/integration-admin", nil, 404)
	require.Empty(t, w.ask(adminToken, "GET", "/users/ann/roles", nil, 200)["roles"])
}

func TestLoginsAndTokensOfOthers(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.ask(adminToken, "PUT", "/users/ann/password", map[string]any{"password": "secret"}, 204)
	_, first := w.logIn("ann", "secret")
	_, second := w.logIn("ann", "secret&_spring_security_remember_me=true")
	list := func() (all []map[string]any) {
		for _, s := range w.ask(adminToken, "GET", "/users/ann/sessions", nil, 200)["sessions"].([]any) {
			all = append(all, s.(map[string]any))
		}
		return all
	}
	require.Len(t, list(), 3)
	for _, s := range list() {
		if s["remembered"] == true {
			w.ask(adminToken, "DELETE", "/users/ann/sessions/"+s["id"].(string), nil, 204)
		}
	}
	require.Equal(t, 401, w.as(second, "/users/ann"), "with a remembered login the sessions from it end")
	require.Equal(t, 200, w.as(first, "/users/ann"))
	left := list()
	require.Len(t, left, 1)
	w.ask(adminToken, "DELETE", "/users/ann/sessions/"+left[0]["id"].(string), nil, 204)
	w.ask(adminToken, "DELETE", "/users/ann/sessions/"+left[0]["id"].(string), nil, 404)
	require.Equal(t, 401, w.as(first, "/users/ann"))

	u, err := w.store.User(ctx, chat.DefaultTenant, "ann")
	require.NoError(t, err)
	now := time.Now().UTC().Truncate(time.Millisecond)
	for i, epoch := range []string{u.Epoch, "another"} {
		require.NoError(t, w.store.PutToken(ctx, auth.APIToken{Hash: auth.HashOf(epoch), Tenant: chat.DefaultTenant, Login: "ann", Kind: auth.PersonalToken,
			Bound: true, Epoch: epoch, Name: "build server", Scopes: "post read", CreatedAt: now.Add(time.Duration(i) * time.Second)}))
	}
	tokens := w.ask(adminToken, "GET", "/users/ann/tokens", nil, 200)["tokens"].([]any)
	require.Len(t, tokens, 2, "the one of the settings, and the one of the present epoch")
	newest := tokens[0].(map[string]any)
	require.Equal(t, "personal", newest["kind"])
	require.Equal(t, []any{"post", "read"}, newest["scopes"])
	require.NotContains(t, newest, "token")
	require.Equal(t, newest, w.ask(adminToken, "GET", "/users/ann/tokens/"+newest["id"].(string), nil, 200))
	w.ask(adminToken, "DELETE", "/users/ann/tokens/"+newest["id"].(string), nil, 204)
	w.ask(adminToken, "DELETE", "/users/ann/tokens/"+newest["id"].(string), nil, 404)
	settings := tokens[1].(map[string]any)
	require.Equal(t, "settings", settings["kind"])
	w.ask(adminToken, "DELETE", "/users/ann/tokens/"+settings["id"].(string), nil, 204)
	w.ask(annToken, "GET", "/users", nil, 401)

	_, third := w.logIn("ann", "secret")
	w.ask(adminToken, "POST", "/users/ann/logouts", nil, 204)
	require.Equal(t, 401, w.as(third, "/users/ann"))
	w.ask(adminToken, "POST", "/users/nobody/logouts", nil, 404)
}
