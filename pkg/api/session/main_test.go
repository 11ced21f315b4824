package session_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/api/session"
	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/clocktest"
	"github.com/confab-chat/confab/pkg/store"
	"github.com/confab-chat/confab/pkg/store/embedded"
)

func TestMain(m *testing.M) {
	// The caches of sessions and tokens live as long as the process.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/maypok86/otter/v2.periodicCleanUp[...]"))
}

var quiet = slog.New(slog.DiscardHandler)

const (
	idle  = 30 * time.Minute
	grace = 10 * time.Second
)

// faulty is a store that can be away, for everything or for new sessions only.
type faulty struct {
	store.Store
	away, noNew, full atomic.Bool
}

var errAway = chat.ErrUnavailable(errors.New("away"))

func (f *faulty) Session(ctx context.Context, h auth.Hash) (auth.Session, error) {
	if f.away.Load() {
		return auth.Session{}, errAway
	}
	return f.Store.Session(ctx, h)
}

func (f *faulty) PutSession(ctx context.Context, s auth.Session) error {
	if f.away.Load() || f.noNew.Load() {
		return errAway
	}
	return f.Store.PutSession(ctx, s)
}

func (f *faulty) Remembered(ctx context.Context, series auth.Hash) (auth.Remembered, error) {
	if f.away.Load() {
		return auth.Remembered{}, errAway
	}
	return f.Store.Remembered(ctx, series)
}

func (f *faulty) Token(ctx context.Context, h auth.Hash) (auth.APIToken, error) {
	if f.away.Load() {
		return auth.APIToken{}, errAway
	}
	return f.Store.Token(ctx, h)
}

// world is a store, the time, and the nodes that share them.
type world struct {
	t     *testing.T
	store *faulty
	dir   string
	clock *clocktest.Clock
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, dir: t.TempDir(), clock: clocktest.New(time.Date(2015, 3, 15, 12, 3, 35, 0, time.UTC))}
	s, err := embedded.Open(w.dir, embedded.Options{Logger: quiet, Now: w.clock.Now, CacheBytes: 1 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	w.store = &faulty{Store: s}
	return w
}

// node is a server of logins: POST /login?as=LOGIN[&remember], POST /logout, POST /knows?as=LOGIN, and GET /me behind the
// guard.
type node struct {
	*httptest.Server
	names   session.Names
	guarded atomic.Int64 // requests that the guard has let through
}

type nodeOptions struct{ secure, overTLS bool }

func (w *world) node(o nodeOptions) *node {
	w.t.Helper()
	sessions := auth.NewSessions(w.store, nil, idle, w.clock.Now, auth.Ended{})
	tokens := auth.NewTokens(w.store, sessions, nil, w.clock.Now, auth.SettingsToken)
	m, err := session.NewManager(w.t.Context(), session.Parts{Sessions: sessions, Tokens: tokens, Secrets: w.store, Secure: o.secure,
		Remember: auth.NewRemember(w.store, sessions, grace, w.clock.Now, quiet)})
	require.NoError(w.t, err)
	first := &http.Request{}
	if o.overTLS {
		first.TLS = &tls.ConnectionState{}
	}
	n := &node{names: m.Names(first)}
	fail := func(rw http.ResponseWriter, _ *http.Request, err error) {
		status, message := api.StatusOf(err)
		http.Error(rw, message, status)
	}
	post := func(h api.Handler) http.Handler {
		return &api.Resource{Route: api.Route{Operations: api.Operations{"POST": {Serve: h, Who: api.Anybody}}}, Fail: fail}
	}
	mux := http.NewServeMux()
	mux.Handle("/login", post(func(rw http.ResponseWriter, r *http.Request) error {
		q := r.URL.Query()
		return m.LogIn(rw, r, auth.Login{Identity: chat.Identity{Tenant: chat.DefaultTenant, Login: q.Get("as")}}, q.Has("remember"))
	}))
	mux.Handle("/knows", post(func(rw http.ResponseWriter, r *http.Request) error {
		_, err := io.WriteString(rw, strconv.FormatBool(m.Knows(r, chat.Identity{Tenant: chat.DefaultTenant, Login: r.URL.Query().Get("as")})))
		return err
	}))
	mux.Handle("/logout", post(m.LogOut))
	mux.Handle("/me", &api.Resource{Guard: m.Guard, Fail: fail, Route: api.Route{Operations: api.Operations{
		"GET": {Serve: func(rw http.ResponseWriter, r *http.Request) error {
			n.guarded.Add(1)
			login, ok := session.Of(r)
			if !ok {
				return errors.New("the guard has let nobody through")
			}
			_, err := io.WriteString(rw, string(login.Tenant)+"/"+login.Login)
			return err
		}}}}})
	n.Server = httptest.NewUnstartedServer(mux)
	if o.overTLS {
		n.StartTLS()
	} else {
		n.Start()
	}
	w.t.Cleanup(func() {
		n.Close()
		sessions.Close()
		tokens.Close()
	})
	return n
}

// What a browser calls the cookies, whatever their names are.
const (
	sessionCookie  = "session"
	rememberCookie = "remember"
)

// wire returns the name in requests of what a browser calls name.
func (n *node) wire(name string) string {
	switch name {
	case sessionCookie:
		return n.names.Session
	case rememberCookie:
		return n.names.Remember
	}
	return name
}

// browser keeps cookies, wherever they came from.
type browser struct {
	t       *testing.T
	node    *node
	cookies map[string]string
}

func (n *node) browser(t *testing.T) *browser {
	return &browser{t: t, node: n, cookies: map[string]string{}}
}

// copied returns another browser with the same cookies.
func (b *browser) copied() *browser {
	return &browser{t: b.t, node: b.node, cookies: maps.Clone(b.cookies)}
}

// at returns the same browser's cookies at another node.
func (b *browser) at(n *node) *browser { return &browser{t: b.t, node: n, cookies: b.cookies} }

// without drops a cookie, as the end of a browser or of a session does.
func (b *browser) without(name string) *browser {
	delete(b.cookies, name)
	return b
}

type answer struct {
	status int
	body   string
	header http.Header
	set    map[string]*http.Cookie
}

// do sends a request; more are headers, name and value by turns.
func (b *browser) do(method, path string, more ...string) answer {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.node.URL+path, nil)
	require.NoError(b.t, err)
	for name, value := range b.cookies {
		// As it is: AddCookie would mend broken ones.
		r.Header.Add("Cookie", b.node.wire(name)+"="+value)
	}
	for i := 0; i < len(more); i += 2 {
		r.Header.Add(more[i], more[i+1])
	}
	res, err := b.node.Client().Do(r)
	require.NoError(b.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(b.t, err)
	a := answer{status: res.StatusCode, body: string(body), header: res.Header, set: map[string]*http.Cookie{}}
	for _, c := range res.Cookies() {
		for _, known := range []string{sessionCookie, rememberCookie} {
			if c.Name == b.node.wire(known) {
				c.Name = known
			}
		}
		require.NotContains(b.t, a.set, c.Name, "set once")
		a.set[c.Name] = c
		if b.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	return a
}

func (b *browser) logIn(as string, remember bool) answer {
	b.t.Helper()
	path := "/login?as=" + as
	if remember {
		path += "&remember"
	}
	a := b.do("POST", path)
	require.Equal(b.t, http.StatusOK, a.status, a.body)
	return a
}

// isIn requires that the browser is logged in as login.
func (b *browser) isIn(login string) answer {
	b.t.Helper()
	a := b.do("GET", "/me")
	require.Equal(b.t, http.StatusOK, a.status, a.body)
	require.Equal(b.t, "default/"+login, a.body)
	return a
}

// isOut requires that the browser is logged out, and that no session starts.
func (b *browser) isOut() answer {
	b.t.Helper()
	before := b.node.guarded.Load()
	a := b.do("GET", "/me")
	require.Equal(b.t, http.StatusUnauthorized, a.status, a.body)
	require.Equal(b.t, before, b.node.guarded.Load(), "nothing was done")
	require.NotContains(b.t, a.set, sessionCookie)
	return a
}
