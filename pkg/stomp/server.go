package stomp

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/live"
)

// Options configure a server. Hub and Login are required. The other fields have defaults.
type Options struct {
	Hub *live.Hub
	// Login returns the login of a request. If it returns false, the request is answered with 401. Middleware has
	// checked the Origin before.
	Login func(*http.Request) (auth.Login, bool)
	// KeepAlive keeps the session of a login alive because it has an open socket, or checks its API token. *chat.Error
	// NotFound or Unauthenticated means that the login has ended: its sockets are closed. If KeepAlive is nil, logins
	// are neither kept alive nor checked.
	KeepAlive func(context.Context, auth.Login) error
	// KeepAliveEvery is how often KeepAlive is called for each login that has sockets; default 1 minute.
	KeepAliveEvery time.Duration
	// Refuse answers a request that cannot be served; default: plain text.
	Refuse func(w http.ResponseWriter, r *http.Request, status int, message string)

	HeartBeat       time.Duration // the interval the server offers, in both directions; default 10 s, negative for none
	SockJSHeartBeat time.Duration // the silence after which SockJS sends "h"; default 25 s
	PollTimeout     time.Duration // a SockJS session that is not polled for this long ends; default 5 s
	ConnectTimeout  time.Duration // how long a client may take to CONNECT; default 30 s
	WriteTimeout    time.Duration // how long one write may take; default 30 s

	QueueMessages int // frames that may wait for a client; default 1024
	QueueBytes    int // bytes that may wait for a client, but one frame always may; default 4 MiB
	// Sockets and Subscriptions are how many connections, SockJS sessions too, and subscriptions on all of them a user may
	// have on this server; 0: any number. Users who make several at the same moment may exceed them by a few.
	Sockets, Subscriptions int
	// MaySubscribe is asked before anything is read for a subscription; its error is the client's. If it is nil, users may
	// subscribe as often as they like.
	MaySubscribe func(chat.Identity) error
	// DrainOver is the time over which Drain spreads the endings of connections; default 5 s.
	DrainOver time.Duration

	Now func() time.Time
	Log *slog.Logger
}

// Server serves the STOMP connections of this node. All methods may be called concurrently.
type Server struct {
	opts Options
	now  func() time.Time
	log  *slog.Logger
	ids  *id.Generator
	ctx  context.Context
	stop context.CancelFunc
	work sync.WaitGroup // readers and writers
	own  sync.WaitGroup // the server's own goroutines

	unhear  []func() // unsubscribe from the signals of ended sessions and accounts
	tooSlow atomic.Int64

	mu       sync.Mutex
	draining bool
	closed   bool
	conns    []*conn
	sessions map[auth.Hash]*sessionConns
	accounts map[chat.Identity]*account
	polls    map[string]*polling
	relays   map[string]*relaying // receiving requests that other nodes serve
	// lingering are sockets that are still read for a moment after their connection has ended. Close closes them.
	lingering map[*wsTransport]struct{}
	encoders  map[encoding]*encoding

	writers writers
}

// NewServer starts a server. Close ends it.
func NewServer(o Options) *Server {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&o.KeepAliveEvery, time.Minute)
	def(&o.HeartBeat, 10*time.Second)
	o.HeartBeat = max(o.HeartBeat, 0)
	def(&o.SockJSHeartBeat, 25*time.Second)
	def(&o.PollTimeout, 5*time.Second)
	def(&o.ConnectTimeout, 30*time.Second)
	def(&o.WriteTimeout, 30*time.Second)
	def(&o.DrainOver, 5*time.Second)
	if o.QueueMessages <= 0 {
		o.QueueMessages = 1024
	}
	if o.QueueBytes <= 0 {
		o.QueueBytes = 4 << 20
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Refuse == nil {
		o.Refuse = func(w http.ResponseWriter, _ *http.Request, status int, message string) {
			http.Error(w, message, status)
		}
	}
	s := &Server{opts: o, now: o.Now, log: o.Log, ids: id.NewGenerator(o.Now),
		sessions: make(map[auth.Hash]*sessionConns), accounts: make(map[chat.Identity]*account), polls: make(map[string]*polling), relays: make(map[string]*relaying),
		lingering: make(map[*wsTransport]struct{}), encoders: make(map[encoding]*encoding)}
	s.writers.srv, s.writers.most = s, runtime.GOMAXPROCS(0)
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.unhear = append(s.unhear, o.Hub.OnSignal(live.SessionEnded, s.sessionSignal), o.Hub.OnSignal(live.AccountEnded, s.accountSignal))
	s.handleRelays()
	s.own.Go(s.housekeep)
	s.own.Go(func() { guard.Keep(s.ctx, s.log, "keeping sessions alive", s.keepSessions) })
	return s
}

// WebSocket serves STOMP over plain WebSockets with all topics.
func (s *Server) WebSocket(bodies Encoder) http.Handler {
	enc := s.encoding(bodies, false)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.upgrade(w, r, enc, true, false) })
}

// encoding returns the encoding of these bodies. It is always the same one, so that all connections share its bytes.
func (s *Server) encoding(bodies Encoder, quoted bool) *encoding {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := encoding{bodies, quoted}
	if s.encoders[e] == nil {
		s.encoders[e] = &e
	}
	return s.encoders[e]
}

// admit returns the login of a request. If the request cannot be admitted, it answers it and returns false.
func (s *Server) admit(w http.ResponseWriter, r *http.Request) (auth.Login, bool) {
	login, ok := s.opts.Login(r)
	if !ok {
		s.opts.Refuse(w, r, http.StatusUnauthorized, "log in first")
		return login, false
	}
	s.mu.Lock()
	draining := s.draining
	s.mu.Unlock()
	if draining {
		w.Header().Set("Retry-After", "1")
		s.opts.Refuse(w, r, http.StatusServiceUnavailable, "the server is restarting")
		return login, false
	}
	return login, true
}

func (s *Server) newConn(login auth.Login, enc *encoding, extra bool, via transport) *conn {
	c := &conn{srv: s, login: login, enc: enc, extra: extra, via: via, account: &account{}, opened: s.now(), index: -1}
	c.lastRead.Store(c.opened.UnixNano())
	c.lastWrite.Store(c.opened.UnixNano())
	return c
}

// start adds a connection to the server's lists and runs its reader, if it has one. It returns false if the server is
// closed or draining, or the user has too many connections.
func (s *Server) start(c *conn, read func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.startLocked(c, read)
}

// startLocked is start with s.mu held.
func (s *Server) startLocked(c *conn, read func()) bool {
	if s.closed || s.draining || s.isFull(c.login.Identity) {
		return false
	}
	s.enter(c)
	c.index = len(s.conns)
	s.conns = append(s.conns, c)
	s.addToSession(c)
	if read != nil {
		s.work.Go(func() {
			if !guard.Run(s.log, "reading from a client", read) {
				c.abandon()
			}
		})
	}
	return true
}

// forget removes a connection from the lists.
func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.index < 0 {
		return
	}
	last := len(s.conns) - 1
	s.conns[c.index] = s.conns[last]
	s.conns[c.index].index = c.index
	s.conns[last] = nil
	s.conns = s.conns[:last]
	c.index = -1
	s.leave(c)
	s.removeFromSession(c)
}

// lingers records that a socket is still read after its connection has ended. With on false, it records permanently
// that the socket is not read any more.
func (s *Server) lingers(t *wsTransport, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !on {
		t.over = true
		delete(s.lingering, t)
		return
	}
	if t.over {
		return
	}
	s.lingering[t] = struct{}{}
	if s.closed {
		_ = t.net.Close()
	}
}

// Stats are counts for metrics.
type Stats struct {
	Connections int   // open now
	TooSlow     int64 // ended because their queue was full, since the start
}

// Stats returns the current counts.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{Connections: len(s.conns), TooSlow: s.tooSlow.Load()}
}

// Drain refuses new connections and asks clients to connect to another node, a few at a time over DrainOver. Frames
// queued for a client are written first. Drain returns when all connections are gone. If ctx ends before that, it
// returns ctx's error; Close then cuts the remaining connections.
func (s *Server) Drain(ctx context.Context) error {
	s.mu.Lock()
	s.draining = true
	conns := append([]*conn(nil), s.conns...)
	s.mu.Unlock()
	rand.Shuffle(len(conns), func(i, j int) { conns[i], conns[j] = conns[j], conns[i] })
	const steps = 50
	tick := time.NewTicker(max(s.opts.DrainOver/steps, time.Millisecond))
	defer tick.Stop()
	for step := 0; ; step++ {
		n := len(conns)
		if step < steps-1 {
			n = (n + steps - 1 - step) / (steps - step)
		}
		for _, c := range conns[:n] {
			c.finish("", endRestart)
		}
		conns = conns[n:]
		if s.Stats().Connections == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return ctx.Err()
			}
			return context.DeadlineExceeded
		case <-tick.C:
		}
	}
}

// Close cuts all connections and waits until the server's goroutines have ended.
func (s *Server) Close() {
	s.mu.Lock()
	s.draining, s.closed = true, true
	conns := append([]*conn(nil), s.conns...)
	s.mu.Unlock()
	for _, cancel := range s.unhear {
		cancel()
	}
	s.stop()
	for _, c := range conns {
		c.abandon()
	}
	s.mu.Lock()
	for t := range s.lingering {
		_ = t.net.Close()
	}
	s.mu.Unlock()
	s.work.Wait()
	s.own.Wait()
}
