package server_test

import (
	"bufio"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/clocktest"
	"github.com/confab-chat/confab/pkg/server"
	"github.com/confab-chat/confab/pkg/store/embedded"
)

// upgrade sends the handshake of a WebSocket and returns its answer.
func upgrade(t *testing.T, web *httptest.Server, path, key string, cookies ...*http.Cookie) *http.Response {
	t.Helper()
	c, err := net.Dial("tcp", web.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, web.URL+path, nil)
	require.NoError(t, err)
	for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Origin": web.URL,
		"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key} {
		r.Header.Set(name, value)
	}
	for _, cookie := range cookies {
		r.AddCookie(cookie)
	}
	require.NoError(t, r.Write(c))
	res, err := http.ReadResponse(bufio.NewReader(c), r)
	require.NoError(t, err)
	return res
}

// A remembered login that opens a socket gets the new cookies with the handshake. So it does with one that fails.
func TestAnUpgradeBringsTheCookiesOfARememberedLogin(t *testing.T) {
	const key = "dGhlIHNhbXBsZSBub25jZQ=="
	for name, c := range map[string]struct {
		path, key string
		status    int
	}{
		"STOMP over WebSocket": {"/api/chat/v1/stomp", key, http.StatusSwitchingProtocols},
		"SockJS":               {"/chat/000/abcdefgh/websocket", key, http.StatusSwitchingProtocols},
		"SockJS of KillrChat":  {"/killrchat/chat/000/abcdefgh/websocket", key, http.StatusSwitchingProtocols},
		"a failed handshake":   {"/api/chat/v1/stomp", "short", http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			clock := clocktest.New(time.Now())
			st, err := embedded.Open(t.TempDir(), embedded.Options{Logger: quiet, Now: clock.Now})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, st.Close()) })
			const grace = 10 * time.Second
			h := start(t, st, server.Config{Now: clock.Now, RememberGrace: grace})
			web := httptest.NewServer(h)
			t.Cleanup(web.Close)
			require.Equal(t, 204, ask(h, "POST", "/users", jdoe).StatusCode)
			in := ask(h, "POST", "/authenticate?j_username=jdoe&j_password=secret&_spring_security_remember_me=true", "{}")
			remembered := cookie(t, in, "confab-remember")

			for range 3 { // each time the browser was closed, so that only the remembered login is left
				res := upgrade(t, web, c.path, c.key, remembered)
				require.Equal(t, c.status, res.StatusCode)
				rotated := cookie(t, res, "confab-remember")
				require.NotEqual(t, remembered.Value, rotated.Value)
				require.Equal(t, 200, ask(h, "GET", "/users/jdoe", "", cookie(t, res, "confab-session")).StatusCode, "the session of the socket works")
				remembered = rotated
				clock.Add(grace + time.Second)
			}
			require.Equal(t, 200, ask(h, "GET", "/remember-me", "", remembered).StatusCode, "the series lives")
		})
	}
}

// Two installations at two ports of one host have one cookie jar: browsers keep cookies by host.
func TestInstallationsOnOneHost(t *testing.T) {
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	browser := &http.Client{Jar: jar}
	var installations []*httptest.Server
	for range 2 {
		web := httptest.NewServer(start(t, open(t), server.Config{}))
		t.Cleanup(web.Close)
		installations = append(installations, web)
	}
	do := func(web *httptest.Server, method, path, body string) int {
		r, err := http.NewRequestWithContext(t.Context(), method, web.URL+path, strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		res, err := browser.Do(r)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		return res.StatusCode
	}
	isIn := func(web *httptest.Server) {
		t.Helper()
		require.Equal(t, 200, do(web, "GET", "/api/chat/v1/users/jdoe", ""))
		u, err := url.Parse(web.URL)
		require.NoError(t, err)
		for _, path := range []string{"/api/chat/v1/stomp", "/killrchat/chat/000/abcdefgh/websocket"} {
			res := upgrade(t, web, path, "dGhlIHNhbXBsZSBub25jZQ==", jar.Cookies(u)...)
			require.Equal(t, http.StatusSwitchingProtocols, res.StatusCode, path)
			require.Empty(t, res.Cookies())
		}
	}
	for _, web := range installations {
		require.Equal(t, 204, do(web, "POST", "/users", jdoe))
		require.Equal(t, 204, do(web, "POST", "/authenticate?j_username=jdoe&j_password=secret&_spring_security_remember_me=true", "{}"))
	}
	isIn(installations[0])
	isIn(installations[1])
	require.Equal(t, 200, do(installations[1], "POST", "/logout", ""))
	require.Equal(t, 401, do(installations[1], "GET", "/users/jdoe", ""))
	isIn(installations[0])
}
