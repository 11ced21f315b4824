package adminapi_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
)

// signUp returns the status of a sign-up.
func (w *world) signUp(mount, login, invitation string) int {
	body, _ := json.Marshal(map[string]any{"login": login, "password": "secret", "firstname": "F", "lastname": "L", "invitation": invitation})
	r := httptest.NewRequest("POST", mount+"/users", strings.NewReader(string(body)))
	r.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	w.node.Handler.ServeHTTP(rec, r)
	return rec.Code
}

// invitation makes an invitation and returns its id and secret.
func (w *world) invitation(body map[string]any) (id, secret string) {
	made := w.ask(adminToken, "POST", "/invitations", body, 201)
	_, secret, ok := strings.Cut(made["link"].(string), "/ui/chat/index.html#/signup/")
	require.True(w.t, ok)
	return made["id"].(string), secret
}

func TestWhoMaySignUp(t *testing.T) {
	for mode, want := range map[chat.SignUpMode][2]int{chat.OpenSignUp: {201, 204}, chat.InviteSignUp: {403, 403}, chat.ClosedSignUp: {403, 403}} {
		w := newWorldWith(t, mode)
		r := httptest.NewRequest("GET", "/api/chat/v1/sign-up", nil)
		rec := httptest.NewRecorder()
		w.node.Handler.ServeHTTP(rec, r)
		w.contract.Check(t, r, nil, rec.Code, rec.Header(), rec.Body.Bytes())
		require.JSONEq(t, fmt.Sprintf(`{"signUp":%q,"passwordMin":1}`, mode), rec.Body.String())
		require.Equal(t, want[0], w.signUp("/api/chat/v1", "bob", ""))
		require.Equal(t, want[1], w.signUp("/killrchat", "carl", ""))
		require.Equal(t, want[1], w.signUp("", "dave", "inv_invented"))
		_, secret := w.invitation(map[string]any{})
		if mode == chat.ClosedSignUp {
			require.Equal(t, 403, w.signUp("/api/chat/v1", "eve", secret))
		} else {
			require.Equal(t, 201, w.signUp("/api/chat/v1", "eve", secret))
		}
		w.ask(adminToken, "POST", "/users", map[string]any{"login": "fred", "firstname": "F", "lastname": "L"}, 201) // an administrator always
	}
}

func TestInvitations(t *testing.T) {
	w := newWorldWith(t, chat.InviteSignUp)
	id, secret := w.invitation(map[string]any{"count": 2, "expiresIn": 3600, "note": "the team"})
	require.Equal(t, 201, w.signUp("/api/chat/v1", "bob", secret))
	require.Equal(t, 409, w.signUp("/api/chat/v1", "bob", secret), "a login that is taken takes no place")
	require.Equal(t, 422, w.signUp("/api/chat/v1", "x", secret))
	got := w.ask(adminToken, "GET", "/invitations/"+id, nil, 200)
	require.EqualValues(t, 1, got["used"])
	require.NotContains(t, got, "link")
	require.Equal(t, 201, w.signUp("/api/chat/v1", "carl", secret))
	require.Equal(t, 403, w.signUp("/api/chat/v1", "dave", secret), "used up")

	other, secret := w.invitation(map[string]any{"count": 2})
	require.Len(t, w.ask(adminToken, "GET", "/invitations", nil, 200)["invitations"], 2)
	w.ask(adminToken, "DELETE", "/invitations/"+other, nil, 204)
	w.ask(adminToken, "DELETE", "/invitations/"+other, nil, 404)
	require.Equal(t, 403, w.signUp("/api/chat/v1", "dave", secret), "deleted")
	for _, bad := range []map[string]any{{"count": 0}, {"count": 10001}, {"expiresIn": 59}, {"expiresIn": 31536001}, {"note": strings.Repeat("x", 201)}} {
		w.ask(adminToken, "POST", "/invitations", bad, 422)
	}
	require.NotContains(t, fmt.Sprint(w.ask(adminToken, "GET", "/audit", nil, 200)), "inv_")
}

// Of sign-ups at the same time, at two servers, no more succeed than the invitation is good for.
func TestAnInvitationIsNeverExceeded(t *testing.T) {
	w := newWorldWith(t, chat.InviteSignUp)
	both := []*world{w, w.restart()}
	_, secret := w.invitation(map[string]any{"count": 5})
	var made atomic.Int64
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			if both[i%2].signUp("/api/chat/v1", fmt.Sprint("user", i), secret) == 201 {
				made.Add(1)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 5, made.Load())
}
