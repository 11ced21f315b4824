package chatapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/confab-chat/confab/pkg/api/apitest"
	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/server"
	"github.com/confab-chat/confab/pkg/store/embedded"
)

// The mounts.
const (
	K    = "/killrchat"
	root = ""
	V    = "/api/chat/v1"
)

const adminToken = "a-token-of-the-administrator"

var (
	base string // of the one server that all tests share
	// The names of its cookies.
	sessionCookie, rememberCookie string
	contract                      *apitest.Contract
	store                         *embedded.Store
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "chatapi")
	must(err)
	defer os.RemoveAll(dir)
	quiet := slog.New(slog.DiscardHandler)
	store, err = embedded.Open(dir, embedded.Options{Logger: quiet})
	must(err)
	node, err := server.New(context.Background(), server.Config{PasswordMin: 1, Log: quiet, Hashes: 2, HashCost: auth.CheapForTests, LoginFailures: -1, NoLimits: true,
		Origins: []string{"https://listed.example"},
		Admin:   auth.Admin{Login: "administrator", Password: "x", Token: adminToken}}, store)
	must(err)
	web := httptest.NewUnstartedServer(node.Handler)
	web.Config.DisableGeneralOptionsHandler = true // as the server's own listener does
	web.Start()
	base = web.URL
	resp, err := http.Post(base+"/authenticate?j_username=administrator&j_password=x&_spring_security_remember_me=true", "", nil)
	must(err)
	for _, c := range resp.Cookies() {
		if c.MaxAge == 0 {
			sessionCookie = c.Name
		} else {
			rememberCookie = c.Name
		}
	}
	must(resp.Body.Close())
	contract, err = apitest.Load()
	must(err)

	code := m.Run()
	web.Close()
	node.Close()
	must(store.Close())
	http.DefaultClient.CloseIdleConnections()
	if err := goleak.Find(
		// The caches of sessions and tokens live as long as the process.
		goleak.IgnoreAnyFunction("github.com/maypok86/otter/v2.periodicCleanUp[...]"),
	); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// client is a browser, or a program, at one mount. Copies share nothing.
type client struct {
	t       *testing.T
	mount   string
	login   string
	cookies map[string]string
	bearer  string // sent instead, if it is set
}

func anonymous(t *testing.T, mount string) *client {
	return &client{t: t, mount: mount, cookies: map[string]string{}}
}

var names atomic.Int64

// unique returns a name that is not in use.
func unique(prefix string) string { return fmt.Sprintf("%s-%d", prefix, names.Add(1)) }

// fresh signs up a new user and logs them in.
func fresh(t *testing.T, mount string) *client {
	t.Helper()
	c := signedUp(t, mount)
	c.logIn(false)
	return c
}

// signedUp signs up a new user, who is not logged in. Their password is "pw of " and the login.
func signedUp(t *testing.T, mount string) *client {
	t.Helper()
	c := anonymous(t, mount)
	c.login = unique("user")
	c.do("POST", "/users", map[string]any{"login": c.login, "password": "pw of " + c.login,
		"firstname": "First", "lastname": "Last"}).is(creates(mount))
	return c
}

// creates is the status of a creation.
func creates(mount string) int {
	if mount == V {
		return 201
	}
	return 204
}

func (c *client) logIn(remember bool) {
	c.t.Helper()
	c.do("POST", "/authenticate?j_username="+c.login+"&j_password=pw+of+"+c.login+
		"&_spring_security_remember_me="+fmt.Sprint(remember), "{}", form).is(204)
}

// at returns the same browser at another mount.
func (c *client) at(mount string) *client {
	d := *c
	d.mount, d.cookies = mount, maps.Clone(c.cookies)
	return &d
}

func (c *client) copied() *client { return c.at(c.mount) }

func (c *client) person() map[string]any {
	return map[string]any{"login": c.login, "firstname": "invented", "lastname": "invented"}
}

// room creates a room; the others join it.
func (c *client) room(others ...*client) string {
	c.t.Helper()
	name := unique("room")
	c.do("POST", "/rooms/"+name, map[string]any{"creator": c.person()}).is(creates(c.mount))
	for _, o := range others {
		o.do("PUT", "/rooms/participant/"+name, o.person()).is(204)
	}
	return name
}

func (c *client) post(room, content string) {
	c.t.Helper()
	c.do("POST", "/messages/"+room, map[string]any{"author": c.person(), "content": content}).is(creates(c.mount))
}

// said returns the contents of a page.
func (c *client) said(path string) []string {
	c.t.Helper()
	a := c.do("GET", path, nil).is(200)
	out := []string{}
	for _, m := range a.list("messages") {
		out = append(out, m.(map[string]any)["content"].(string))
	}
	return out
}

type option func(*http.Request)

func header(name, value string) option {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func without(name string) option { return func(r *http.Request) { r.Header.Del(name) } }

func form(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }

func key(k string) option { return header("Idempotency-Key", k) }

// answer is a response, read whole.
type answer struct {
	t      *testing.T
	what   string
	status int
	header http.Header
	body   string
	set    map[string]*http.Cookie
}

// do sends a request; a body is nil, a text sent as it is, or something to send as JSON.
func (c *client) do(method, path string, body any, options ...option) *answer {
	c.t.Helper()
	var sent []byte
	switch b := body.(type) {
	case nil:
	case string:
		sent = []byte(b)
	default:
		raw, err := json.Marshal(b)
		require.NoError(c.t, err)
		sent = raw
	}
	r, err := http.NewRequestWithContext(c.t.Context(), method, base+c.mount+path, bytes.NewReader(sent))
	require.NoError(c.t, err)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range c.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	if c.bearer != "" {
		r.Header.Set("Authorization", "Bearer "+c.bearer)
	}
	for _, o := range options {
		o(r)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	require.NoError(c.t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(c.t, err)
	a := &answer{t: c.t, what: method + " " + c.mount + path, status: resp.StatusCode, header: resp.Header,
		body: string(raw), set: map[string]*http.Cookie{}}
	for _, k := range resp.Cookies() {
		a.set[k.Name] = k
		if k.MaxAge < 0 {
			delete(c.cookies, k.Name)
		} else {
			c.cookies[k.Name] = k.Value
		}
	}
	if resp.StatusCode == http.StatusNoContent {
		require.Empty(c.t, raw, a.what)
	}
	if c.mount == V {
		contract.Check(c.t, r, sent, a.status, a.header, raw)
	}
	return a
}

func (a *answer) is(status int) *answer {
	a.t.Helper()
	require.Equal(a.t, status, a.status, "%s: %s", a.what, a.body)
	return a
}

// text requires bare text and returns it.
func (a *answer) text() string {
	a.t.Helper()
	require.Equal(a.t, "text/plain;charset=UTF-8", a.header.Get("Content-Type"), a.what)
	require.NotEmpty(a.t, a.body, a.what)
	require.NotContains(a.t, `{["`, a.body[:1], a.what)
	return a.body
}

// object requires a JSON object and returns it.
func (a *answer) object() map[string]any {
	a.t.Helper()
	require.Contains(a.t, a.header.Get("Content-Type"), "json", "%s: %s", a.what, a.body)
	var v map[string]any
	require.NoError(a.t, json.Unmarshal([]byte(a.body), &v), a.what)
	return v
}

// list returns the rows of a list: the array itself, or, in an object, those under name.
func (a *answer) list(name string) []any {
	a.t.Helper()
	var v any
	require.NoError(a.t, json.Unmarshal([]byte(a.body), &v), a.what)
	if o, ok := v.(map[string]any); ok {
		v = o[name]
	}
	rows, ok := v.([]any)
	require.True(a.t, ok, "%s: %s", a.what, a.body)
	return rows
}

// refused requires the error object that mounts share.
func (a *answer) refused(status int) map[string]any {
	a.t.Helper()
	o := a.is(status).object()
	require.EqualValues(a.t, status, o["status"], a.what)
	require.Equal(a.t, http.StatusText(status), o["error"], a.what)
	require.NotEmpty(a.t, o["message"], a.what)
	path, _, _ := strings.Cut(strings.Fields(a.what)[1], "?")
	require.NotEmpty(a.t, path)
	require.NotContains(a.t, o["path"], "?", a.what)
	return o
}
