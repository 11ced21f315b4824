package server_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/server"
)

// Every answer, errors too, forbids browsers to guess its type; behind TLS it asks them to come over TLS only.
func TestHeadersOfEveryAnswer(t *testing.T) {
	for _, secure := range []bool{false, true} {
		h := start(t, open(t), server.Config{Secure: secure})
		for _, path := range []string{"/", "/ui/chat/index.html", "/ui/nosuch", "/docs", "/docs/platform", "/healthz", "/readyz", "/users/jdoe", "/api/chat/v1/rooms",
			"/api/chat/v1/admin/backups", "/api/chat/v1/stomp", "/killrchat/chat/info", "/chat/000/abcdefgh/xhr", "/nosuch", "/api/nosuch/v1/x"} {
			for _, method := range []string{"GET", "OPTIONS", "DELETE", "FROBNICATE"} {
				r := ask(h, method, path, "")
				require.Equal(t, []string{"nosniff"}, r.Header.Values("X-Content-Type-Options"), "%s %s", method, path)
				require.Equal(t, secure, r.Header.Get("Strict-Transport-Security") != "", "%s %s", method, path)
			}
		}
	}
}

// A link or picture of another site logs nobody out: such a GET has no Origin, but browsers say where it comes from.
func TestOtherSitesDoNotLogOut(t *testing.T) {
	h := start(t, open(t), server.Config{})
	require.Equal(t, 204, ask(h, "POST", "/users", jdoe).StatusCode)
	session := cookie(t, ask(h, "POST", "/authenticate?j_username=jdoe&j_password=secret", "{}"), "confab-session")
	out := func(site string) *http.Response {
		r := httptest.NewRequest("GET", "/logout", nil)
		r.AddCookie(session)
		if site != "" {
			r.Header.Set("Sec-Fetch-Site", site)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Result()
	}
	r := out("cross-site")
	require.Equal(t, 200, r.StatusCode)
	require.Empty(t, r.Cookies())
	require.Equal(t, 200, ask(h, "GET", "/users/jdoe", "", session).StatusCode)
	require.Equal(t, 200, out("same-origin").StatusCode)
	require.Equal(t, 401, ask(h, "GET", "/users/jdoe", "", session).StatusCode)
}

// Of several cookies of one name each is tried: another site of the domain can add one, and must not lock anybody out.
func TestEachOfSeveralCookiesIsTried(t *testing.T) {
	h := start(t, open(t), server.Config{})
	require.Equal(t, 204, ask(h, "POST", "/users", jdoe).StatusCode)
	in := ask(h, "POST", "/authenticate?j_username=jdoe&j_password=secret&_spring_security_remember_me=true", "{}")
	session, remember := cookie(t, in, "confab-session"), cookie(t, in, "confab-remember")
	bad := func(good *http.Cookie) *http.Cookie { return &http.Cookie{Name: good.Name, Value: "planted"} }
	require.Equal(t, 200, ask(h, "GET", "/users/jdoe", "", bad(session), session).StatusCode)
	require.Equal(t, 200, ask(h, "GET", "/users/jdoe", "", session, bad(session)).StatusCode)
	again := ask(h, "GET", "/users/jdoe", "", bad(remember), remember)
	require.Equal(t, 200, again.StatusCode)
	rotated := cookie(t, again, "confab-remember")
	require.Equal(t, 200, ask(h, "POST", "/logout", "", bad(remember), rotated).StatusCode)
	require.Equal(t, 401, ask(h, "GET", "/users/jdoe", "", rotated).StatusCode, "a logout ends it too")
}
