package stomp

import (
	"net/http"
	"sync/atomic"

	"github.com/confab-chat/confab/pkg/chat"
)

// account counts what one user has on this server.
type account struct {
	conns int // guarded by Server.mu
	subs  atomic.Int64
}

// fullFor is the Retry-After, in seconds, of a user who has too many connections: they end with what holds them.
const fullFor = "10"

// hasRoom reports whether a user may have another connection. If not, it answers the request.
func (s *Server) hasRoom(w http.ResponseWriter, r *http.Request, who chat.Identity) bool {
	s.mu.Lock()
	full := s.isFull(who)
	s.mu.Unlock()
	if full {
		w.Header().Set("Retry-After", fullFor)
		s.opts.Refuse(w, r, http.StatusTooManyRequests, "you have too many connections: close some of them")
	}
	return !full
}

// isFull reports whether a user has as many connections as they may have. s.mu is held.
func (s *Server) isFull(who chat.Identity) bool {
	a := s.accounts[who]
	return s.opts.Sockets > 0 && a != nil && a.conns >= s.opts.Sockets
}

// enter counts a connection. s.mu is held.
func (s *Server) enter(c *conn) {
	who := c.login.Identity
	if s.accounts[who] == nil {
		s.accounts[who] = &account{}
	}
	c.account = s.accounts[who]
	c.account.conns++
}

// leave takes back what enter counted. s.mu is held.
func (s *Server) leave(c *conn) {
	if c.account.conns--; c.account.conns == 0 {
		delete(s.accounts, c.login.Identity)
	}
}
