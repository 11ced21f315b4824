package server_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/clocktest"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/server"
	"github.com/confab-chat/confab/pkg/store"
	"github.com/confab-chat/confab/pkg/store/embedded"
)

func TestMain(m *testing.M) {
	// The caches of sessions and tokens live as long as the process.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/maypok86/otter/v2.periodicCleanUp[...]"))
}

var quiet = slog.New(slog.DiscardHandler)

func open(t *testing.T) *embedded.Store {
	t.Helper()
	st, err := embedded.Open(t.TempDir(), embedded.Options{Logger: quiet, CacheBytes: 1 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	return st
}

func start(t *testing.T, st store.Store, c server.Config) http.Handler {
	t.Helper()
	if c.Log == nil {
		c.Log = quiet
	}
	if c.PasswordMin == 0 {
		c.PasswordMin = 1 // most tests are not about passwords
	}
	c.HashCost = auth.CheapForTests
	n, err := server.New(t.Context(), c, st)
	require.NoError(t, err)
	t.Cleanup(n.Close)
	return n.Handler
}

func ask(h http.Handler, method, target, body string, cookies ...*http.Cookie) *http.Response {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

const jdoe = `{"login":"jdoe","password":"secret","firstname":"John","lastname":"Doe"}`

// cookie returns the cookie that an answer sets whose name, without what is an installation's own, is name.
func cookie(t *testing.T, r *http.Response, name string) *http.Cookie {
	t.Helper()
	for _, c := range r.Cookies() {
		if strings.HasPrefix(strings.TrimPrefix(c.Name, "__Host-"), name+"-") {
			return c
		}
	}
	require.FailNow(t, "no cookie "+name)
	return nil
}

func TestReadiness(t *testing.T) {
	st, err := embedded.Open(t.TempDir(), embedded.Options{Logger: quiet})
	require.NoError(t, err)
	h := start(t, st, server.Config{})
	require.Equal(t, 200, ask(h, "GET", "/readyz", "").StatusCode)
	guard.Run(quiet, "a test", func() { panic("broken") })
	ready, err := io.ReadAll(ask(h, "GET", "/readyz", "").Body)
	require.NoError(t, err)
	require.Contains(t, string(ready), "panics since the start, see the log: ")
	require.NoError(t, st.Close())
	r := ask(h, "GET", "/readyz", "")
	require.Equal(t, 503, r.StatusCode)
	require.NotEmpty(t, r.Header.Get("Retry-After"))
	r = ask(h, "POST", "/api/chat/v1/users", jdoe)
	require.Equal(t, 503, r.StatusCode)
	require.Equal(t, "2", r.Header.Get("Retry-After"))
	text, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.NotContains(t, strings.ToLower(string(text)), "pebble")
}

func TestSessionsAndRememberedLoginsGoByTheClock(t *testing.T) {
	c := clocktest.New(time.Now())
	st, err := embedded.Open(t.TempDir(), embedded.Options{Logger: quiet, Now: c.Now})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	h := start(t, st, server.Config{Now: c.Now, SessionIdle: time.Minute, RememberGrace: time.Minute, Secure: true})
	require.Equal(t, 204, ask(h, "POST", "/users", jdoe).StatusCode)
	in := ask(h, "POST", "/authenticate?j_username=jdoe&j_password=secret&_spring_security_remember_me=true", "{}")
	require.Equal(t, 204, in.StatusCode)
	session, remember := cookie(t, in, "confab-session"), cookie(t, in, "confab-remember")
	require.True(t, session.Secure)
	require.True(t, remember.Secure)
	require.Equal(t, 200, ask(h, "GET", "/users/jdoe", "", session).StatusCode)
	c.Add(time.Minute)
	require.Equal(t, 401, ask(h, "GET", "/users/jdoe", "", session).StatusCode)

	next := ask(h, "GET", "/users/jdoe", "", session, remember)
	require.Equal(t, 200, next.StatusCode)
	rotated := cookie(t, next, "confab-remember")
	c.Add(59 * time.Second)
	within := ask(h, "GET", "/remember-me", "", remember)
	require.Equal(t, 200, within.StatusCode, "a browser's other requests carry the previous token")
	c.Add(2 * time.Second)
	theft := ask(h, "GET", "/remember-me", "", remember)
	require.Equal(t, 401, theft.StatusCode)
	require.Negative(t, cookie(t, theft, "confab-remember").MaxAge)
	for _, ended := range []*http.Cookie{rotated, cookie(t, next, "confab-session"), cookie(t, within, "confab-session")} {
		require.Equal(t, 401, ask(h, "GET", "/remember-me", "", ended).StatusCode, ended.Name)
	}
}

func TestFailedLoginsAreSlowed(t *testing.T) {
	h := start(t, open(t), server.Config{LoginFailures: 2})
	require.Equal(t, 204, ask(h, "POST", "/users", jdoe).StatusCode)
	for range 2 {
		require.Equal(t, 401, ask(h, "POST", "/authenticate?j_username=jdoe&j_password=x", "{}").StatusCode)
	}
	r := ask(h, "POST", "/authenticate?j_username=jdoe&j_password=secret", "{}")
	require.Equal(t, 429, r.StatusCode)
	require.NotEmpty(t, r.Header.Get("Retry-After"))
}

func TestLoginsSurviveARestart(t *testing.T) {
	st := open(t)
	h := start(t, st, server.Config{})
	require.Equal(t, 204, ask(h, "POST", "/users", jdoe).StatusCode)
	session := cookie(t, ask(h, "POST", "/authenticate?j_username=jdoe&j_password=secret", "{}"), "confab-session")
	require.Equal(t, 200, ask(start(t, st, server.Config{}), "GET", "/users/jdoe", "", session).StatusCode)
}

// records is what is logged.
type records = strings.Builder

// broken is a store whose calls panic.
type broken struct{ store.Store }

func (broken) User(context.Context, chat.Tenant, string) (chat.User, error) { panic("a fault") }

func TestAPanicIsOneRequestsTrouble(t *testing.T) {
	var log records
	h := start(t, broken{open(t)}, server.Config{Files: "file://" + t.TempDir(), Log: slog.New(slog.NewTextHandler(&log, nil))})
	r := ask(h, "POST", "/authenticate?j_username=jdoe&j_password=verysecret", "{}")
	require.Equal(t, 500, r.StatusCode)
	text, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.Contains(t, string(text), `"message"`)
	require.NotContains(t, string(text), "a fault")
	require.Contains(t, log.String(), "a fault")
	require.NotContains(t, log.String(), "verysecret", "credentials in a query string are never logged")
	require.Equal(t, 200, ask(h, "GET", "/readyz", "").StatusCode)
}

func TestAnAdministratorIsMadeSureOf(t *testing.T) {
	st := open(t)
	admin := auth.Admin{Login: "administrator", Password: "secret"}
	for range 2 {
		h := start(t, st, server.Config{Admin: admin})
		require.Equal(t, 204, ask(h, "POST", "/authenticate?j_username=administrator&j_password=secret", "{}").StatusCode)
	}
	_, err := server.New(t.Context(), server.Config{Log: quiet, Admin: auth.Admin{Login: "another"}}, st)
	require.ErrorContains(t, err, "password")
}

// A server whose configured administrator is deleted would not start any more.
func TestTheAdministratorInTheSettingsStays(t *testing.T) {
	st := open(t)
	admin := auth.Admin{Login: "administrator", Password: "secret", Token: "token"}
	h := start(t, st, server.Config{Admin: admin})
	session := cookie(t, ask(h, "POST", "/authenticate?j_username=administrator&j_password=secret", "{}"), "confab-session")
	send := func(h http.Handler, method, path, body string) (int, string) {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.AddCookie(session)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	const erase = `{"login":"administrator"}`
	code, body := send(h, "DELETE", "/api/chat/v1/users/administrator", "")
	require.Equal(t, 409, code)
	require.Contains(t, body, "start it with another CONFAB_ADMIN_LOGIN")
	code, body = send(h, "POST", "/api/chat/v1/admin/erasures", erase)
	require.Equal(t, 409, code)
	require.Contains(t, body, "start it with another CONFAB_ADMIN_LOGIN")
	start(t, st, server.Config{Admin: admin})

	other := start(t, st, server.Config{Admin: auth.Admin{Login: "another", Password: "secret"}})
	code, _ = send(other, "POST", "/api/chat/v1/admin/erasures", erase)
	require.Equal(t, 202, code, "a server with another administrator may")
}
