package client_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/client"
	"github.com/confab-chat/confab/pkg/server"
	"github.com/confab-chat/confab/pkg/store"
	"github.com/confab-chat/confab/pkg/store/embedded"
)

func TestMain(m *testing.M) {
	// The caches of sessions and tokens live as long as the process.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/maypok86/otter/v2.periodicCleanUp[...]"),
		goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

const (
	password = "correct horse battery"
	token    = "the token of the administrator"
	room     = "lounge"
	// patience is how long a test waits for what must happen.
	patience = 10 * time.Second
)

var quiet = slog.New(slog.DiscardHandler)

// world is a server that can be restarted: a node on a store, at one address.
type world struct {
	store store.Store
	addr  string
	url   string
	node  *server.Node
	web   *http.Server
	ended chan struct{}
	fault atomic.Pointer[http.HandlerFunc] // answers in place of the node, if there is one
}

// newWorld starts a server. The caller closes it.
func newWorld(dir string) (*world, error) {
	st, err := embedded.Open(dir, embedded.Options{Logger: quiet, CacheBytes: 1 << 20})
	if err != nil {
		return nil, err
	}
	w := &world{store: st, addr: "127.0.0.1:0"}
	return w, w.start()
}

func (w *world) start() (err error) {
	w.node, err = server.New(context.Background(), server.Config{PasswordMin: 1, Log: quiet, Hashes: 2, HashCost: auth.CheapForTests, LoginFailures: -1, NoLimits: true,
		Admin: auth.Admin{Login: "operator", Password: password, Token: token}}, w.store)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", w.addr)
	if err != nil {
		return err
	}
	w.addr = listener.Addr().String()
	w.url = "http://" + w.addr
	w.web, w.ended = &http.Server{Handler: http.HandlerFunc(w.serve)}, make(chan struct{})
	go func() {
		defer close(w.ended)
		_ = w.web.Serve(listener)
	}()
	return nil
}

func (w *world) serve(rw http.ResponseWriter, r *http.Request) {
	if f := w.fault.Load(); f != nil {
		(*f)(rw, r)
		return
	}
	w.node.Handler.ServeHTTP(rw, r)
}

// stop ends the server as SIGTERM does; with drain it asks clients to leave before that.
func (w *world) stop(drain bool) {
	if drain {
		_ = w.node.Drain(context.Background())
	}
	_ = w.web.Close()
	<-w.ended
	w.node.Close()
}

func (w *world) close() {
	w.stop(false)
	_ = w.store.Close()
}

// begin returns a server with ann, bob, and a room of ann's that both are in, and clients of both.
func begin(t *testing.T) (w *world, ann, bob *client.Client) {
	t.Helper()
	w, err := newWorld(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(w.close)
	ann, bob = w.user(t, "ann"), w.user(t, "bob")
	_, err = ann.CreateRoom(t.Context(), room, "")
	require.NoError(t, err)
	require.NoError(t, bob.Join(t.Context(), room))
	return w, ann, bob
}

// user signs somebody up.
func (w *world) user(t *testing.T, login string) *client.Client {
	t.Helper()
	c := w.client(t, client.WithPassword(login, password))
	_, err := c.SignUp(t.Context(), client.NewUser{Person: client.Person{Login: login, FirstName: login, LastName: "X"}, Password: password})
	require.NoError(t, err)
	return c
}

func (w *world) client(t *testing.T, options ...client.Option) *client.Client {
	t.Helper()
	c, err := client.New(w.url, options...)
	require.NoError(t, err)
	return c
}

// subscribed returns a subscription to the room.
func subscribed(t *testing.T, c *client.Client, options ...client.SubscribeOption) (*client.Live, *client.Subscription) {
	t.Helper()
	live := c.Live()
	t.Cleanup(live.Close)
	s, err := live.Subscribe(t.Context(), room, options...)
	require.NoError(t, err)
	return live, s
}

// next returns the next event.
func next(t *testing.T, s *client.Subscription) client.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	e, err := s.Next(ctx)
	require.NoError(t, err)
	return e
}

// texts returns the contents of the next n events.
func texts(t *testing.T, s *client.Subscription, n int) (out []string) {
	t.Helper()
	for range n {
		out = append(out, next(t, s).Message.Content)
	}
	return out
}

// connected waits until notices say that there is a connection.
func connected(t *testing.T, n *client.Notices) {
	t.Helper()
	require.Equal(t, client.Resync, notice(t, n, client.Resync).Kind)
}

// notice waits for the next notice of a kind.
func notice(t *testing.T, n *client.Notices, kind client.NoticeKind) client.Notice {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		got, err := n.Next(ctx)
		require.NoError(t, err, "waiting for %s", kind)
		if got.Kind == kind {
			return got
		}
	}
}

func post(t *testing.T, c *client.Client, content string, options ...client.PostOption) client.Message {
	t.Helper()
	m, err := c.Post(t.Context(), room, content, options...)
	require.NoError(t, err)
	return m
}

// tripper is a transport made of a function.
type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func discard(r *http.Response) {
	_, _ = io.Copy(io.Discard, r.Body)
	_ = r.Body.Close()
}
