package server_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/cache"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/live/livetest"
	"github.com/confab-chat/confab/pkg/server"
)

// announcingStore is a sharedStore that announces what the tests change, as a store of many servers does.
type announcingStore struct {
	sharedStore
	mu   sync.Mutex
	said []announced
}

type announced struct {
	key string
	at  time.Time
}

func (s *announcingStore) announcing(ctx context.Context, key string, change func() error) error {
	return cache.Announcing(ctx, time.Now, func(context.Context) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.said = append(s.said, announced{key, time.Now()})
		return nil
	}, change)
}

func (s *announcingStore) Announced(_ context.Context, span time.Duration, _ int) (keys []string, _ error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.said {
		if time.Since(a.at) < span {
			keys = append(keys, a.key)
		}
	}
	return keys, nil
}

func (s *announcingStore) DeleteSession(ctx context.Context, h auth.Hash) error {
	return s.announcing(ctx, auth.SessionKey(h), func() error { return s.Store.DeleteSession(ctx, h) })
}

func (s *announcingStore) DeleteToken(ctx context.Context, h auth.Hash) error {
	return s.announcing(ctx, auth.TokenKey(h), func() error { return s.Store.DeleteToken(ctx, h) })
}

func (s *announcingStore) SetPasswordHash(ctx context.Context, t chat.Tenant, login, hash, epoch string) error {
	return s.announcing(ctx, chat.AccountKey(t, login), func() error { return s.Store.SetPasswordHash(ctx, t, login, hash, epoch) })
}

func (s *announcingStore) EndLogins(ctx context.Context, t chat.Tenant, login, epoch string, disabled *bool) error {
	return s.announcing(ctx, chat.AccountKey(t, login), func() error { return s.Store.EndLogins(ctx, t, login, epoch, disabled) })
}

func (s *announcingStore) DeleteUser(ctx context.Context, t chat.Tenant, login string) error {
	return s.announcing(ctx, chat.AccountKey(t, login), func() error { return s.Store.DeleteUser(ctx, t, login) })
}

func (s *announcingStore) DeleteRoom(ctx context.Context, t chat.Tenant, r chat.Room) error {
	return s.announcing(ctx, chat.RoomKey(t, r.Name), func() error { return s.Store.DeleteRoom(ctx, t, r) })
}

func (s *announcingStore) Leave(ctx context.Context, t chat.Tenant, r chat.Room, login string) (left bool, err error) {
	err = s.announcing(ctx, chat.MemberKey(t, r.ID, login), func() (err error) {
		left, err = s.Store.Leave(ctx, t, r, login)
		return err
	})
	return left, err
}

// pipes is a listener within the process: a network would stop the clock of a test.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return ours, nil
}

// openSocket is a STOMP connection to one of two servers, and what came over it.
type openSocket struct {
	net  net.Conn
	mu   sync.Mutex
	got  []string
	over bool
}

func (o *openSocket) read(in net.Conn) {
	for {
		text, err := wsutil.ReadServerText(in)
		o.mu.Lock()
		o.over = o.over || err != nil
		o.got = append(o.got, string(text))
		o.mu.Unlock()
		if err != nil {
			_ = in.Close()
			return
		}
	}
}

func (o *openSocket) received() (string, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.got, ""), o.over
}

func (o *openSocket) send(t *testing.T, frames ...string) {
	for _, f := range frames {
		require.NoError(t, wsutil.WriteClientText(o.net, []byte(f+"\x00")))
	}
}

// openSocketAt opens a socket with a header that says who it is, subscribed to the room.
func openSocketAt(t *testing.T, p *pipes, header, value string) *openSocket {
	d := ws.Dialer{NetDial: p.dial, Header: ws.HandshakeHeaderHTTP{header: {value}}}
	c, ahead, _, err := d.Dial(t.Context(), "ws://confab/api/chat/v1/stomp")
	require.NoError(t, err)
	if ahead != nil {
		c = &buffered{c, ahead}
	}
	t.Cleanup(func() { _ = c.Close() })
	o := &openSocket{net: c}
	go o.read(c)
	o.send(t, "CONNECT\naccept-version:1.2\n\n", "SUBSCRIBE\nid:p\ndestination:/topic/participants/lounge\n\n",
		"SUBSCRIBE\nid:a\ndestination:/topic/action/lounge\nreceipt:r\n\n")
	synctest.Wait()
	text, _ := o.received()
	require.Contains(t, text, "receipt-id:r")
	return o
}

type buffered struct {
	net.Conn
	r *bufio.Reader
}

func (b *buffered) Read(p []byte) (int, error) { return b.r.Read(p) }

// An open socket obeys what another server has changed within a second, without a bus.
func TestOpenSocketsObeyOtherServers(t *testing.T) {
	const room = `{"banner":"Tea"}`
	left := func(text string, over bool) bool { return strings.Contains(text, "status:LEAVE") && !over }
	ended := func(text string, over bool) bool {
		return strings.Contains(text, "message:the session has ended") && over
	}
	for name, c := range map[string]struct {
		with   string // the login of the socket, or "token"
		change func(t *testing.T, at func(login, method, path, body string) int)
		obeys  func(text string, over bool) bool
	}{
		"logout": {"hsue", func(t *testing.T, at func(login, method, path, body string) int) {
			require.Equal(t, 200, at("hsue", "POST", "/logout", ""))
		}, ended},
		"password": {"hsue", func(t *testing.T, at func(login, method, path, body string) int) {
			require.Equal(t, 204, at("hsue", "PUT", "/users/hsue/password", `{"currentPassword":"correct horse","password":"battery staple"}`))
		}, ended},
		"deleted account": {"hsue", func(t *testing.T, at func(login, method, path, body string) int) {
			require.Equal(t, 204, at("hsue", "DELETE", "/users/hsue", ""))
		}, func(text string, over bool) bool { return over }},
		"disabled": {"hsue", func(t *testing.T, at func(login, method, path, body string) int) {
			require.Equal(t, 200, at("operator", "PATCH", "/admin/users/hsue", `{"disabled":true}`))
		}, func(text string, over bool) bool { return over }},
		"logged out by an administrator": {"hsue", func(t *testing.T, at func(login, method, path, body string) int) {
			require.Equal(t, 204, at("operator", "POST", "/admin/users/hsue/logouts", ""))
		}, ended},
		"left": {"hsue", func(t *testing.T, at func(login, method, path, body string) int) {
			require.Equal(t, 204, at("hsue", "DELETE", "/rooms/participant/lounge", ""))
		}, left},
		"removed": {"hsue", func(t *testing.T, at func(login, method, path, body string) int) {
			require.Equal(t, 204, at("jdoe", "PATCH", "/rooms/participant/lounge", `{"login":"hsue"}`))
		}, left},
		"deleted room": {"hsue", func(t *testing.T, at func(login, method, path, body string) int) {
			require.Equal(t, 204, at("jdoe", "DELETE", "/rooms/lounge", ""))
		}, func(text string, over bool) bool { return strings.Contains(text, "action:DELETE") && !over }},
		"deleted token": {"token", func(t *testing.T, at func(login, method, path, body string) int) {
			require.Equal(t, 0, at("", "DELETE", "token", ""))
		}, ended},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := &announcingStore{sharedStore: sharedStore{open(t), &livetest.Registry{}}}
				const token = "a token of the administrator's"
				config := server.Config{Hashes: 1, HashCost: auth.CheapForTests, Admin: auth.Admin{Login: "operator", Password: "correct horse", Token: token}}
				here, there := start(t, st, config), start(t, st, config)
				p := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
				web := &http.Server{Handler: here, ReadHeaderTimeout: time.Minute}
				go func() { _ = web.Serve(p) }()
				t.Cleanup(func() { _ = web.Close() })
				cookies := map[string]*http.Cookie{}
				at := func(login, method, path, body string) int {
					if path == "token" {
						require.NoError(t, st.DeleteToken(t.Context(), auth.HashOf(token)))
						return 0
					}
					var own []*http.Cookie
					if cookies[login] != nil {
						own = append(own, cookies[login])
					}
					r := ask(there, method, "/api/chat/v1"+path, body, own...)
					for _, c := range r.Cookies() {
						cookies[login] = c
					}
					return r.StatusCode
				}
				for _, login := range []string{"jdoe", "hsue"} {
					require.Equal(t, 201, at("", "POST", "/users",
						fmt.Sprintf(`{"login":%q,"password":"correct horse","firstname":"A","lastname":"B"}`, login)))
					require.Equal(t, 204, at(login, "POST", "/authenticate", fmt.Sprintf(`{"login":%q,"password":"correct horse"}`, login)))
				}
				require.Equal(t, 204, at("operator", "POST", "/authenticate", `{"login":"operator","password":"correct horse"}`))
				require.Equal(t, 201, at("jdoe", "POST", "/rooms/lounge", room))
				for _, login := range []string{"hsue", "operator"} {
					require.Equal(t, 204, at(login, "PUT", "/rooms/participant/lounge", ""))
				}
				header, value := "Authorization", "Bearer "+token
				if c.with != "token" {
					header, value = "Cookie", cookies[c.with].Name+"="+cookies[c.with].Value
				}
				o := openSocketAt(t, p, header, value)
				other := openSocketAt(t, p, "Cookie", cookies["jdoe"].Name+"="+cookies["jdoe"].Value)
				time.Sleep(10 * time.Second)
				require.False(t, c.obeys(o.received()))
				c.change(t, at)
				time.Sleep(time.Second)
				text, over := o.received()
				require.True(t, c.obeys(text, over), "%q", text)
				_, over = other.received()
				require.False(t, over, "others go on")
			})
		})
	}
}
