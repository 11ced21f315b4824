package server_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/server"
)

// refused says who is refused what: by whom an operation may be called, and who calls. Those who are not named may.
var refused = map[api.Who]map[string]int{
	api.Anybody:       {},
	api.User:          {"nobody": 401},
	api.Self:          {"nobody": 401, "stranger": 403, "member": 403, "administrator": 403},
	api.Member:        {"nobody": 401, "stranger": 403, "administrator": 403},
	api.Creator:       {"nobody": 401, "stranger": 403, "member": 403, "administrator": 403},
	api.Author:        {"nobody": 401, "stranger": 403, "member": 403, "administrator": 403},
	api.Administrator: {"nobody": 401, "stranger": 403, "member": 403, "creator": 403},
}

// exceptions are operations that somebody may call although their route says another.
var exceptions = map[string]string{"setRetention": "administrator"}

// Each operation of each route is refused to everybody who may not call it, on things of others, and changes nothing.
func TestWhoIsRefusedWhat(t *testing.T) {
	const token = "the token of the administrator"
	h := start(t, open(t), server.Config{NoLimits: true, BackupDir: t.TempDir(), Admin: auth.Admin{Login: "operator", Password: "x", Token: token}})
	callers := map[string]func(*http.Request){
		"nobody":        func(*http.Request) {},
		"administrator": func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) },
	}
	for _, login := range []string{"creator", "member", "stranger"} {
		require.Equal(t, 204, ask(h, "POST", "/users", strings.Replace(jdoe, "jdoe", login, 1)).StatusCode)
		session := cookie(t, ask(h, "POST", "/authenticate?j_username="+login+"&j_password=secret", "{}"), "confab-session")
		callers[login] = func(r *http.Request) { r.AddCookie(session) }
	}
	call := func(caller, method, path, body, kind string) (int, string) {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		if body != "" {
			r.Header.Set("Content-Type", kind)
		}
		callers[caller](r)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		text, err := io.ReadAll(w.Result().Body)
		require.NoError(t, err)
		return w.Code, string(text)
	}
	do := func(caller, method, path, body string) string {
		status, text := call(caller, method, "/api/chat/v1"+path, body, "application/json")
		require.Less(t, status, 300, "%s %s: %s", method, path, text)
		return text
	}
	do("creator", "POST", "/rooms/lounge", "{}")
	do("member", "PUT", "/rooms/participant/lounge", "")
	said := do("creator", "POST", "/messages/lounge", `{"content":"hello"}`)
	_, message, _ := strings.Cut(said, `"messageId":"`)
	message, _, _ = strings.Cut(message, `"`)
	fill := strings.NewReplacer("{room}", "lounge", "{login}", "creator", "{message}", message, "{emoji}", "%F0%9F%91%8D", "{name}", "x")
	state := func() string {
		return do("creator", "GET", "/messages/lounge", "") + do("creator", "GET", "/rooms/lounge", "") + do("member", "GET", "/users/creator", "")
	}
	before := state()
	const anything = `{"content":"x","banner":"x","firstname":"x","lastname":"x","currentPassword":"x","password":"a password","typing":true,"muted":true,` +
		`"messageId":"4e831610-cb0b-11e4-8830-0800200c9a66","retention":"30d","login":"creator","name":"x"}`
	tried := 0
	for _, rt := range server.Routes() {
		path := fill.Replace(rt.Path)
		require.NotContains(t, path, "{", "a variable that this test does not know")
		for method, op := range rt.Operations {
			by, known := refused[op.Who]
			require.True(t, known, "%s: say who is refused it", op.ID)
			body, kind := anything, "application/json"
			switch op.Body {
			case api.NoBody:
				body = ""
			case api.Picture:
				kind = "image/png"
			default:
			}
			for caller, want := range by {
				if exceptions[op.ID] == caller {
					continue
				}
				status, text := call(caller, method, path, body, kind)
				require.Equal(t, want, status, "%s by %s: %s", op.ID, caller, text)
				tried++
			}
		}
	}
	require.Greater(t, tried, 100)
	require.Equal(t, before, state())
}
