package easemob_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/outbound"
	"github.com/confab-chat/confab/pkg/server"
	"github.com/confab-chat/confab/pkg/store"
	"github.com/confab-chat/confab/pkg/store/embedded"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/maypok86/otter/v2.periodicCleanUp[...]"))
}

const (
	adminLogin    = "operator"
	adminPassword = "operator's password"
	adminToken    = "the operator's own API token"
)

var quiet = slog.New(slog.DiscardHandler)

type object = map[string]any

// rawJSON is a body that is sent as it is.
type rawJSON string

// world is a server with an organisation and two apps, and another organisation with an app.
type world struct {
	*testing.T
	web   *httptest.Server
	store store.Store
	http  *http.Client
	from  string // the client's address, if a proxy says it

	operator         string // a management token
	boss, stranger   string // management tokens of the two organisations
	app, other, away *app
}

// app is an app of the world.
type app struct {
	*world
	key          string // org/name
	uuid         string
	id, secret   string
	token        string
	organisation string
}

var serial atomic.Int64

// unique returns a name that nothing else has.
func unique(prefix string) string { return fmt.Sprintf("%s%d", prefix, serial.Add(1)) }

func openStore(t *testing.T) store.Store {
	st, err := embedded.Open(t.TempDir(), embedded.Options{Logger: quiet, CacheBytes: 1 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	return st
}

func config() server.Config {
	private, _ := outbound.NewGuard([]string{"127.0.0.0/8"})
	return server.Config{Log: quiet, Hashes: 2, HashCost: auth.CheapForTests, NoLimits: true, PasswordMin: 1, Platform: server.Platform{Outbound: private},
		Admin: auth.Admin{Login: adminLogin, Password: adminPassword, Token: adminToken}}
}

// serve starts a server on a store.
func serve(t *testing.T, st store.Store, c server.Config) (w *world, stop func()) {
	n, err := server.New(t.Context(), c, st)
	require.NoError(t, err)
	w = &world{T: t, store: st, web: httptest.NewServer(n.Handler), http: &http.Client{Transport: held{t, &http.Transport{DisableKeepAlives: true}}}}
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			w.web.Close()
			n.Close()
		}
	}
	t.Cleanup(stop)
	return w, stop
}

func newWorld(t *testing.T) *world {
	w, _ := serve(t, openStore(t), config())
	w.operator = w.logIn(adminLogin, adminPassword)
	org, boss := w.newOrg()
	w.boss = boss
	w.app, w.other = w.newApp(org, boss, nil), w.newApp(org, boss, nil)
	org, w.stranger = w.newOrg()
	w.away = w.newApp(org, w.stranger, nil)
	return w
}

// do sends a request, and returns the status and the members of the answer.
func (w *world) do(method, path, token string, body any) (int, object) {
	w.Helper()
	status, _, text := w.raw(method, path, token, body)
	out := object{}
	if method != http.MethodHead && len(text) > 0 {
		require.NoError(w, json.Unmarshal(text, &out), "%s %s: %d %s", method, path, status, text)
	}
	return status, out
}

func (w *world) raw(method, path, token string, body any) (int, http.Header, []byte) {
	w.Helper()
	var in io.Reader
	kind := "application/json"
	switch b := body.(type) {
	case nil:
	case rawJSON:
		in = strings.NewReader(string(b))
	case string:
		in, kind = strings.NewReader(b), "application/x-www-form-urlencoded"
	default:
		text, err := json.Marshal(b)
		require.NoError(w, err)
		in = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(w.Context(), method, w.web.URL+path, in)
	require.NoError(w, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if w.from != "" {
		r.Header.Set("X-Forwarded-For", w.from)
	}
	if in != nil {
		r.Header.Set("Content-Type", kind)
	}
	res, err := w.http.Do(r)
	require.NoError(w, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(w, err)
	return res.StatusCode, res.Header, text
}

// ok is do for a call that has to succeed.
func (w *world) ok(method, path, token string, body any) object {
	w.Helper()
	status, out := w.do(method, path, token, body)
	require.Equal(w, 200, status, "%s %s: %v", method, path, out)
	return out
}

// fails is do for a call that has to fail in this way.
func (w *world) fails(status int, word, method, path, token string, body any) {
	w.Helper()
	got, out := w.do(method, path, token, body)
	require.Equal(w, status, got, "%s %s: %v", method, path, out)
	require.Equal(w, word, out["error"], "%s %s: %v", method, path, out)
	for _, k := range []string{"exception", "timestamp", "duration", "error_description"} {
		require.Contains(w, out, k)
	}
}

func (w *world) logIn(login, password string) string {
	w.Helper()
	return w.ok("POST", "/management/token", "", object{"grant_type": "password", "username": login, "password": password})["access_token"].(string)
}

func (w *world) newOrg() (name, token string) {
	w.Helper()
	name, boss := unique("org"), unique("boss")
	w.ok("POST", "/management/organizations", w.operator, object{"organization": name, "username": boss, "name": "Boss", "email": "b@example.org", "password": "pw"})
	return name, w.logIn(boss, "pw")
}

func (w *world) newApp(org, boss string, settings object) *app {
	w.Helper()
	a := &app{world: w, organisation: org}
	body := object{"name": unique("app")}
	for k, v := range settings {
		body[k] = v
	}
	out := w.ok("POST", "/management/organizations/"+org+"/applications", boss, body)
	a.key = org + "/" + body["name"].(string)
	a.uuid = out["data"].(object)[a.key].(string)
	a.id, a.secret = out["client_id"].(string), out["client_secret"].(string)
	a.token = a.ok("POST", "/token", "", object{"grant_type": "client_credentials", "client_id": a.id, "client_secret": a.secret})["access_token"].(string)
	return a
}

func (a *app) ok(method, path, token string, body any) object {
	a.Helper()
	return a.world.ok(method, "/"+a.key+path, token, body)
}

func (a *app) fails(status int, word, method, path, token string, body any) {
	a.Helper()
	a.world.fails(status, word, method, "/"+a.key+path, token, body)
}

// user registers a user with the password "pw", and returns the id and a token.
func (a *app) user(name string) (uuid, token string) {
	a.Helper()
	e := a.ok("POST", "/users", a.token, object{"username": name, "password": "pw"})["entities"].([]any)[0].(object)
	return e["uuid"].(string), a.userToken(name, "pw")
}

func (a *app) userToken(name, password string) string {
	a.Helper()
	return a.ok("POST", "/token", "", object{"grant_type": "password", "username": name, "password": password})["access_token"].(string)
}

// names are the users of an app, in order of creation.
func (a *app) names() (names []string) {
	a.Helper()
	for cursor := ""; ; {
		path := "/users?limit=2"
		if cursor != "" {
			path += "&cursor=" + cursor
		}
		out := a.ok("GET", path, a.token, nil)
		for _, e := range out["entities"].([]any) {
			names = append(names, e.(object)["username"].(string))
		}
		if cursor, _ = out["cursor"].(string); cursor == "" {
			return names
		}
	}
}
