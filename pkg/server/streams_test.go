package server_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/live/livetest"
	"github.com/confab-chat/confab/pkg/server"
)

func (s *announcingStore) ReplaceEntry(ctx context.Context, e directory.Entry) error {
	return s.announcing(ctx, directory.Key(e.Space, e.ID), func() error { return s.Store.ReplaceEntry(ctx, e) })
}

func (s *announcingStore) DeleteEntry(ctx context.Context, space string, u id.ID) error {
	return s.announcing(ctx, directory.Key(space, u), func() error { return s.Store.DeleteEntry(ctx, space, u) })
}

// platformOf returns a function that calls the platform of a server: it wants a status, and returns the members of the answer.
func platformOf(t *testing.T, h http.Handler) func(want int, method, path, token, body string) map[string]any {
	return func(want int, method, path, token, body string) map[string]any {
		t.Helper()
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(t, want, w.Code, "%s %s: %s", method, path, w.Body)
		out := map[string]any{}
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &out))
		return out
	}
}

// openStream is an event stream of one of two servers, and what came over it.
type openStream struct {
	mu   sync.Mutex
	got  strings.Builder
	over bool
}

func (o *openStream) received() (text string, over bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.got.String(), o.over
}

func (o *openStream) read(in io.ReadCloser) {
	defer in.Close()
	part := make([]byte, 4096)
	for {
		n, err := in.Read(part)
		o.mu.Lock()
		o.got.Write(part[:n])
		o.over = err != nil
		o.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func openStreamAt(t *testing.T, p *pipes, path, token string) *openStream {
	web := &http.Transport{DialContext: p.dial, DisableKeepAlives: true}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://confab"+path, http.NoBody)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := web.RoundTrip(r)
	require.NoError(t, err)
	require.Equal(t, 200, res.StatusCode)
	o := &openStream{}
	go o.read(res.Body)
	synctest.Wait()
	return o
}

// An open event stream ends within a second of its cause at another server, without a bus, even if the account and the
// app have just been read.
func TestOpenStreamsObeyOtherServers(t *testing.T) {
	const app = "/acme/shop"
	for name, c := range map[string]struct{ method, path, body, reason string }{
		"deactivated":   {"POST", app + "/users/ann/deactivate", "", "deactivated"},
		"new password":  {"PUT", app + "/users/ann/password", `{"newpassword":"other"}`, "password"},
		"deleted":       {"DELETE", app + "/users/ann", "", "deleted"},
		"the app ended": {"DELETE", "/management/organizations/acme/applications/shop", "", "deleted"},
		"tokens ended":  {"POST", "/management/organizations/acme/applications/shop/credentials?end_tokens=true", "", "expired"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := &announcingStore{sharedStore: sharedStore{open(t), &livetest.Registry{}}}
				config := server.Config{Hashes: 1, Admin: auth.Admin{Login: "operator", Password: "correct horse", Token: "a token of the administrator's"}}
				here, there := start(t, st, config), start(t, st, config)
				p := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
				web := &http.Server{Handler: here, ReadHeaderTimeout: time.Minute}
				go func() { _ = web.Serve(p) }()
				t.Cleanup(func() { _ = web.Close() })
				near, far := platformOf(t, here), platformOf(t, there)

				operator := far(200, "POST", "/management/token", "", `{"grant_type":"password","username":"operator","password":"correct horse"}`)["access_token"].(string)
				far(200, "POST", "/management/organizations", operator,
					`{"organization":"acme","username":"boss","name":"B","email":"b@example.org","password":"correct horse"}`)
				far(200, "POST", "/management/organizations/acme/applications", operator, `{"name":"shop"}`)
				users := map[string]string{}
				for _, u := range []string{"ann", "bob"} {
					far(200, "POST", app+"/users", operator, `{"username":"`+u+`","password":"pw"}`)
					users[u] = far(200, "POST", app+"/token", "", `{"grant_type":"password","username":"`+u+`","password":"pw"}`)["access_token"].(string)
				}
				time.Sleep(2 * time.Minute) // nothing of this is announced any more
				ann := openStreamAt(t, p, app+"/users/ann/stream", users["ann"])
				bob := openStreamAt(t, p, app+"/users/bob/stream", users["bob"])
				for u, token := range users {
					near(200, "GET", app+"/users/"+u, token, "")
				}
				text, over := ann.received()
				require.Contains(t, text, "event: ready")
				require.False(t, over)

				far(200, c.method, c.path, operator, c.body)
				time.Sleep(time.Second)
				text, over = ann.received()
				require.True(t, over, "%q", text)
				require.Contains(t, text, `{"reason":"`+c.reason+`"}`)
				if c.path[:len(app)] == app {
					text, over = bob.received()
					require.False(t, over, "others go on: %q", text)
				}
			})
		})
	}
}
