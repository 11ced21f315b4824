package adminapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
)

// events returns the trail as "kind actor subject", the newest first.
func (w *world) events(query string) (all []string) {
	for _, e := range w.ask(adminToken, "GET", "/audit"+query, nil, http.StatusOK)["events"].([]any) {
		e := e.(map[string]any)
		all = append(all, strings.TrimSpace(e["kind"].(string)+" "+e["actor"].(string)+" "+e["subject"].(string)))
	}
	return all
}

// Each successful change by an administrator is in the trail, and nothing that was refused.
func TestChangesAreInTheTrail(t *testing.T) {
	w := newWorld(t)
	who := chat.Identity{Tenant: chat.DefaultTenant, Login: "ann"}
	_, err := w.node.Chat.CreateRoom(t.Context(), who, chat.NewRoom{Name: "lounge"})
	require.NoError(t, err)
	for _, e := range endpoints {
		w.ask(annToken, e.method, e.path, e.body, http.StatusForbidden)
	}
	require.Empty(t, w.events(""))

	w.ask(adminToken, "PUT", "/users/ann/password", map[string]any{"password": "secret"}, 204)
	w.logIn("ann", "secret")
	session := w.ask(adminToken, "GET", "/users/ann/sessions", nil, 200)["sessions"].([]any)[0].(map[string]any)["id"].(string)
	token := w.ask(adminToken, "GET", "/users/ann/tokens", nil, 200)["tokens"].([]any)[0].(map[string]any)["id"].(string)
	for _, c := range []struct {
		method, path string
		body         any
		status       int
		want         string
	}{
		{"POST", "/users", map[string]any{"login": "bob", "firstname": "Bob", "lastname": "B"}, 201, "account-created root bob"},
		{"DELETE", "/users/ann/sessions/" + session, nil, 204, "logged-out root ann"},
		{"DELETE", "/users/ann/sessions/" + session, nil, 404, ""},
		{"PUT", "/users/ann/password", map[string]any{"password": "secret"}, 204, "password-changed root ann"},
		{"POST", "/users/ann/logouts", nil, 204, "logged-out root ann"},
		{"DELETE", "/users/ann/tokens/" + token, nil, 204, "token-deleted root ann"},
		{"PUT", "/users/ann/roles/" + auth.IntegrationAdmin, nil, 204, "role-granted root ann"},
		{"DELETE", "/users/ann/roles/" + auth.IntegrationAdmin, nil, 204, "role-revoked root ann"},
		{"DELETE", "/users/ann/roles/" + auth.IntegrationAdmin, nil, 404, ""},
		{"PATCH", "/users/ann", map[string]any{"disabled": true}, 200, "account-disabled root ann"},
		{"PATCH", "/users/ann", map[string]any{"disabled": false}, 200, "account-enabled root ann"},
		{"PUT", "/rooms/lounge/retention", map[string]any{"retention": "30d"}, 200, "retention-set root lounge"},
		{"DELETE", "/rooms/lounge", nil, 204, "room-deleted root lounge"},
		{"DELETE", "/rooms/lounge", nil, 404, ""},
		{"POST", "/erasures", map[string]any{"login": "ann"}, 202, "account-erased root ann"},
	} {
		before := len(w.events(""))
		w.ask(adminToken, c.method, c.path, c.body, c.status)
		after := w.events("")
		if c.want == "" {
			require.Len(t, after, before, "%s %s", c.method, c.path)
			continue
		}
		require.Len(t, after, before+1, "%s %s", c.method, c.path)
		require.Equal(t, c.want, after[0])
	}
	require.Equal(t, []string{"role-granted root ann"}, w.events("?kind=role-granted"))
	require.Equal(t, []string{"account-created root bob"}, w.events("?login=bob"))
	first := w.ask(adminToken, "GET", "/audit?limit=1", nil, 200)
	second := w.ask(adminToken, "GET", "/audit?limit=1&before="+first["next"].(string), nil, 200)
	require.Equal(t, "room-deleted", second["events"].([]any)[0].(map[string]any)["kind"])
	w.ask(adminToken, "GET", "/audit?before=x", nil, 400)
	w.ask(adminToken, "GET", "/audit?limit=0", nil, 400)
}

// What was typed by somebody who could not log in is not kept: it may be a password.
func TestFailedLoginsAreInTheTrail(t *testing.T) {
	w := newWorld(t)
	w.ask(adminToken, "PUT", "/users/ann/password", map[string]any{"password": "secret"}, 204)
	w.logIn("ann", "wrong")
	w.logIn("a-password", "wrong")
	w.logIn("not%20even%20a%20login", "wrong")
	w.logIn("ann", "secret")
	require.Equal(t, []string{"login ann ann", "login-failed", "login-failed  ann", "password-changed root ann"}, w.events(""))
	for _, e := range w.ask(adminToken, "GET", "/audit?kind=login-failed", nil, 200)["events"].([]any) {
		require.NotContains(t, e.(map[string]any), "password")
		require.NotEmpty(t, e.(map[string]any)["address"])
	}
}
