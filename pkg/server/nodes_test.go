package server_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/cache"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/server"
	"github.com/confab-chat/confab/pkg/store/cassandra"
	"github.com/confab-chat/confab/pkg/store/cassandra/cassandratest"
)

const nodesAdmin = "the administrator's token"

// pair is two nodes that share a store and cannot reach each other.
type pair struct {
	t     *testing.T
	a, b  *server.Node
	store *cassandra.Store
}

func newPair(t *testing.T) *pair {
	c := cassandratest.Config(t)
	p := &pair{t: t}
	for _, n := range []**server.Node{&p.a, &p.b} {
		p.store = cassandratest.Open(t, c)
		var err error
		*n, err = server.New(t.Context(), server.Config{PasswordMin: 1, Log: slog.New(slog.DiscardHandler), Hashes: 2, HashCost: auth.CheapForTests, LoginFailures: -1, NoLimits: true,
			Admin: auth.Admin{Login: "root", Password: "x", Token: nodesAdmin}}, p.store)
		require.NoError(t, err)
		t.Cleanup((*n).Close)
	}
	return p
}

// caller asks a node in the name of somebody.
type caller struct {
	cookies []*http.Cookie
	token   string
}

func (p *pair) ask(n *server.Node, as caller, method, path, body string) *http.Response {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, c := range as.cookies {
		r.AddCookie(c)
	}
	if as.token != "" {
		r.Header.Set("Authorization", "Bearer "+as.token)
	}
	w := httptest.NewRecorder()
	n.Handler.ServeHTTP(w, r)
	return w.Result()
}

// does asks and requires success.
func (p *pair) does(n *server.Node, as caller, method, path, body string) *http.Response {
	p.t.Helper()
	r := p.ask(n, as, method, path, body)
	require.Less(p.t, r.StatusCode, 300, "%s %s", method, path)
	return r
}

const admin = v1 + "/admin"

func (p *pair) logIn(login string, remember bool) caller {
	p.t.Helper()
	r := p.does(p.a, caller{}, "POST", fmt.Sprintf(v1+"/authenticate?j_username=%s&j_password=secret&_spring_security_remember_me=%v", login, remember), "{}")
	return caller{cookies: r.Cookies()}
}

// What changes on one node takes effect on the other, although nothing but the store connects them. Each is
// awaited for much less than what is remembered lives.
func TestNodesHearOfEachOtherThroughTheStore(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	const soon = cache.CacheFor / 3
	type scene struct {
		*pair
		ann, bob caller // ann's room, with bob in it
		login    func(who string) string
		room     string
		token    string // bob's
	}
	status := func(as func(*scene) caller, method, path, body string) func(*scene) string {
		return func(s *scene) string {
			r := s.ask(s.b, as(s), method, strings.NewReplacer("{room}", s.room, "{bob}", s.login("bob")).Replace(path), body)
			return fmt.Sprint(r.StatusCode)
		}
	}
	bob := func(s *scene) caller { return caller{cookies: s.bob.cookies[:1]} } // without the cookie that is remembered
	me := status(bob, "GET", v1+"/users/{bob}", "")
	read := status(func(s *scene) caller { return caller{token: s.token} }, "GET", v1+"/messages/{room}", "")
	byToken := status(func(s *scene) caller { return caller{token: s.token} }, "GET", v1+"/users/root", "")
	name := func(s *scene) string {
		_, p, err := s.b.Chat.Access(s.t.Context(), chat.Identity{Tenant: chat.DefaultTenant, Login: s.login("bob")}, s.room)
		require.NoError(s.t, err)
		return p.FirstName
	}
	for title, c := range map[string]struct {
		look       func(*scene) string
		from, to   string
		change     func(*scene)
		atOnce     bool // as nothing that could be old is remembered
		remembered bool
	}{
		"logging out": {look: me, from: "200", to: "401", change: func(s *scene) { s.does(s.a, s.bob, "POST", v1+"/logout", "") }},
		"logging in anew": {look: me, from: "200", to: "401", change: func(s *scene) {
			s.does(s.a, s.bob, "POST", v1+"/authenticate?j_username="+s.login("bob")+"&j_password=secret", "{}")
		}},
		"another password": {look: me, from: "200", to: "401", change: func(s *scene) {
			s.does(s.a, s.bob, "PUT", v1+"/users/"+s.login("bob")+"/password", `{"currentPassword":"secret","password":"another"}`)
		}},
		"a stolen cookie": {look: me, from: "200", to: "401", remembered: true, change: func(s *scene) {
			thief := caller{cookies: s.bob.cookies[1:]}
			s.does(s.a, thief, "GET", v1+"/remember-me", "") // the token is used up
			row, err := s.store.RememberedOf(s.t.Context(), chat.DefaultTenant, s.login("bob"), 1)
			require.NoError(s.t, err)
			next := row[0]
			next.RotatedAt = next.RotatedAt.Add(-time.Hour) // and was, long ago
			_, err = s.store.Rotate(s.t.Context(), next.Token, next)
			require.NoError(s.t, err)
			require.Equal(s.t, 401, s.ask(s.a, thief, "GET", v1+"/remember-me", "").StatusCode)
		}},
		"the end of an account": {look: me, from: "200", to: "401", change: func(s *scene) {
			s.does(s.a, s.bob, "DELETE", v1+"/users/"+s.login("bob"), "")
		}},
		"an erasure": {look: byToken, from: "200", to: "401", change: func(s *scene) {
			s.does(s.a, caller{token: nodesAdmin}, "POST", admin+"/erasures", `{"login":"`+s.login("bob")+`"}`)
		}},
		"leaving": {look: read, from: "200", to: "403", change: func(s *scene) {
			s.does(s.a, s.bob, "DELETE", v1+"/rooms/participant/"+s.room, "")
		}},
		"removal": {look: read, from: "200", to: "403", change: func(s *scene) {
			s.does(s.a, s.ann, "PATCH", v1+"/rooms/participant/"+s.room, `{"login":"`+s.login("bob")+`"}`)
		}},
		"deleting the room": {look: read, from: "200", to: "404", change: func(s *scene) {
			s.does(s.a, s.ann, "DELETE", v1+"/rooms/"+s.room, "")
		}},
		"deleting the room as an operator": {look: read, from: "200", to: "404", change: func(s *scene) {
			s.does(s.a, caller{token: nodesAdmin}, "DELETE", admin+"/rooms/"+s.room, "")
		}},
		"a room of the same name": {look: read, from: "200", to: "403", change: func(s *scene) {
			s.does(s.a, s.ann, "DELETE", v1+"/rooms/"+s.room, "")
			s.does(s.a, s.ann, "POST", v1+"/rooms", `{"roomName":"`+s.room+`"}`)
		}},
		"another name": {look: name, from: "First", to: "Robert", change: func(s *scene) {
			s.does(s.a, s.bob, "PATCH", v1+"/users/"+s.login("bob"), `{"firstname":"Robert"}`)
		}},
		"another banner": {look: func(s *scene) string {
			r, _, err := s.b.Chat.Access(s.t.Context(), chat.Identity{Tenant: chat.DefaultTenant, Login: s.login("bob")}, s.room)
			require.NoError(s.t, err)
			if r.Banner == nil {
				return ""
			}
			return *r.Banner
		}, from: "", to: "welcome", change: func(s *scene) {
			s.does(s.a, s.ann, "PUT", v1+"/rooms/"+s.room, `{"banner":"welcome"}`)
		}},
		"joining": {look: status(func(s *scene) caller { return s.bob }, "GET", v1+"/messages/{room}-2", ""), from: "403", to: "200", atOnce: true,
			change: func(s *scene) { s.does(s.a, s.bob, "PUT", v1+"/rooms/participant/"+s.room+"-2", "") }},
		"a role": {look: status(func(s *scene) caller { return caller{token: s.token} }, "GET", admin+"/rooms", ""), from: "200", to: "403", atOnce: true,
			change: func(s *scene) {
				require.NoError(s.t, s.store.RevokeRole(s.t.Context(), chat.DefaultTenant, s.login("bob"), auth.SiteAdmin))
			}},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			unique := fmt.Sprintf("%x", time.Now().UnixNano())
			p := *p
			p.t = t
			s := &scene{pair: &p, room: "room-" + unique, token: "token-" + unique,
				login: func(who string) string { return who + "-" + unique }}
			for _, who := range []string{"ann", "bob"} {
				p.does(p.a, caller{}, "POST", v1+"/users", `{"login":"`+s.login(who)+`","password":"secret","firstname":"First","lastname":"Last"}`)
			}
			s.ann, s.bob = p.logIn(s.login("ann"), false), p.logIn(s.login("bob"), c.remembered)
			require.NoError(t, p.store.PutToken(t.Context(), auth.APIToken{Hash: auth.HashOf(s.token), Tenant: chat.DefaultTenant, Login: s.login("bob")}))
			require.NoError(t, p.store.GrantRole(t.Context(), chat.DefaultTenant, s.login("bob"), auth.SiteAdmin))
			for _, room := range []string{s.room, s.room + "-2"} {
				p.does(p.a, s.ann, "POST", v1+"/rooms", `{"roomName":"`+room+`"}`)
			}
			p.does(p.a, s.bob, "PUT", v1+"/rooms/participant/"+s.room, "")
			require.Equal(t, c.from, c.look(s))
			c.change(s)
			if c.atOnce {
				require.Equal(t, c.to, c.look(s))
				return
			}
			require.Eventually(t, func() bool { return c.look(s) == c.to }, soon, 50*time.Millisecond)
		})
	}
}
