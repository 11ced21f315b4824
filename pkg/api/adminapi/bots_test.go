package adminapi_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// with returns the status of a request of the chat API with a token.
func (w *world) with(token, method, path, body string) int {
	r := httptest.NewRequest(method, "/api/chat/v1"+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	rec := httptest.NewRecorder()
	w.node.Handler.ServeHTTP(rec, r)
	return rec.Code
}

func TestBotsActByTokenOnly(t *testing.T) {
	w := newWorld(t)
	made := w.ask(adminToken, "POST", "/bots", map[string]any{"login": "robot", "firstname": "R", "lastname": "B"}, 201)
	require.Equal(t, true, made["bot"])
	require.Equal(t, made, w.ask(adminToken, "GET", "/bots/robot", nil, 200))
	w.ask(adminToken, "POST", "/bots", map[string]any{"login": "robot", "firstname": "R", "lastname": "B"}, 409)
	w.ask(adminToken, "POST", "/bots", map[string]any{"login": "robot2"}, 422)
	w.ask(adminToken, "PUT", "/users/robot/password", map[string]any{"password": "a password"}, 409)
	status, _ := w.logIn("robot", "")
	require.Equal(t, 401, status)
	for _, path := range []string{"/bots/ann", "/bots/ann/tokens", "/bots/ann/tokens/x", "/bots/nobody"} {
		w.ask(adminToken, "GET", path, nil, 404)
	}
	w.ask(adminToken, "DELETE", "/bots/ann", nil, 404)
	w.ask(adminToken, "POST", "/bots/ann/tokens", map[string]any{"name": "x"}, 404)

	token := w.ask(adminToken, "POST", "/bots/robot/tokens", map[string]any{"name": "posts"}, 201)
	require.Equal(t, []any{"post", "read"}, token["scopes"])
	require.NotNil(t, token["expires"])
	secret, id := token["token"].(string), token["id"].(string)
	require.Regexp(t, "^cfp_[A-Z0-9]{30,}$", secret)
	manages := w.ask(adminToken, "POST", "/bots/robot/tokens", map[string]any{"name": "manages", "scopes": []string{"manage", "post"}, "expiresIn": 0}, 201)["token"].(string)
	require.Equal(t, 201, w.with(manages, "POST", "/rooms/machines", "{}"))
	require.Equal(t, 201, w.with(secret, "POST", "/messages/machines", `{"content":"beep"}`))
	require.Equal(t, 403, w.with(secret, "POST", "/rooms/another", "{}"))
	require.Equal(t, 403, w.with(manages, "GET", "/users/robot/tokens", ""), "a token makes no tokens")
	w.ask(adminToken, "POST", "/bots/robot/tokens", map[string]any{"name": "x", "scopes": []string{"admin"}}, 403)
	w.ask(adminToken, "POST", "/bots/robot/tokens", map[string]any{"name": "", "expiresIn": -1, "scopes": []string{}}, 422)

	list := w.ask(adminToken, "GET", "/bots/robot/tokens", nil, 200)["tokens"].([]any)
	require.Len(t, list, 2)
	require.NotContains(t, list[0], "token")
	w.ask(adminToken, "GET", "/bots/robot/tokens/"+id, nil, 200)
	w.ask(adminToken, "DELETE", "/bots/robot/tokens/"+id, nil, 204)
	require.Equal(t, 401, w.with(secret, "GET", "/rooms", ""))
	w.ask(adminToken, "DELETE", "/bots/robot", nil, 204)
	require.Equal(t, 401, w.with(manages, "GET", "/rooms", ""))
	w.ask(adminToken, "GET", "/bots/robot", nil, 410)
	w.ask(adminToken, "POST", "/bots", map[string]any{"login": "robot", "firstname": "R", "lastname": "B"}, 409)
	require.Equal(t, []string{"account-deleted root robot", "token-deleted root robot", "token-created root robot", "token-created root robot", "login-failed  robot",
		"account-created root robot"}, w.events("?login=robot"))
}
