package server_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/server"
)

// The rules of methods hold on everything that answers: the page, what monitoring asks, and the addresses of sockets.
func TestTheRulesOfMethodsHoldEverywhere(t *testing.T) {
	const token = "a token of an administrator"
	h := start(t, open(t), server.Config{Hashes: 1, Admin: auth.Admin{Login: "root", Password: "x", Token: token}})
	do := func(method, target string, header ...string) *http.Response {
		r := httptest.NewRequest(method, target, nil)
		r.Header.Set("Authorization", "Bearer "+token)
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Result()
	}
	for target, allow := range map[string]string{
		"/": "GET, HEAD, OPTIONS", "/ui/chat": "GET, HEAD, OPTIONS", "/ui/chat/": "GET, HEAD, OPTIONS", "/ui/chat/index.html": "GET, HEAD, OPTIONS", "/ui/chat/none": "GET, HEAD, OPTIONS",
		"/docs": "GET, HEAD, OPTIONS", "/docs/": "GET, HEAD, OPTIONS", "/docs/openapi.yaml": "GET, HEAD, OPTIONS", "/docs/platform": "GET, HEAD, OPTIONS", "/docs/none": "GET, HEAD, OPTIONS",
		"/healthz": "GET, HEAD, OPTIONS", "/readyz": "GET, HEAD, OPTIONS",
		"/api/chat/v1/stomp": "GET, HEAD, OPTIONS", "/chat": "GET, HEAD, OPTIONS", "/killrchat/chat/": "GET, HEAD, OPTIONS", "/chat/info": "GET, HEAD, OPTIONS",
		"/chat/000/session1/websocket": "GET, HEAD, OPTIONS", "/killrchat/chat/000/session1/eventsource": "GET, HEAD, OPTIONS",
		"/chat/000/session1/xhr": "POST, OPTIONS", "/chat/000/session1/xhr_streaming": "POST, OPTIONS", "/chat/000/session1/xhr_send": "POST, OPTIONS",
	} {
		res := do("OPTIONS", target)
		require.Equal(t, http.StatusNoContent, res.StatusCode, target)
		require.Equal(t, allow, res.Header.Get("Allow"), target)
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT"} {
			if !strings.Contains(allow, method) {
				res := do(method, target, "X-Probe", "secret")
				require.Equal(t, http.StatusMethodNotAllowed, res.StatusCode, "%s %s", method, target)
				require.Equal(t, allow, res.Header.Get("Allow"), "%s %s", method, target)
				require.NotContains(t, bodyOf(t, res), "secret")
			}
		}
		require.Equal(t, http.StatusNotImplemented, do("FROBNICATE", target).StatusCode, target)
		if strings.Contains(allow, "GET") && !strings.HasSuffix(target, "eventsource") {
			get, head := do("GET", target), do("HEAD", target)
			require.Equal(t, get.StatusCode, head.StatusCode, target)
			require.Equal(t, get.Header.Get("Content-Type"), head.Header.Get("Content-Type"), target)
		}
	}
	// HEAD opens nothing. A recorder cannot be hijacked: an upgrade would fail otherwise.
	upgrade := []string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}
	for _, target := range []string{"/api/chat/v1/stomp", "/chat/000/session1/websocket"} {
		require.Equal(t, http.StatusUpgradeRequired, do("HEAD", target, upgrade...).StatusCode, target)
	}
	require.Equal(t, http.StatusOK, do("HEAD", "/chat/000/session2/eventsource").StatusCode)
	require.Equal(t, http.StatusNotFound, do("POST", "/chat/000/session2/xhr_send").StatusCode, "HEAD has opened no session")
	require.Equal(t, http.StatusNotFound, do("GET", "/chat/000/session1/nothing").StatusCode)
}

func bodyOf(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return string(b)
}
