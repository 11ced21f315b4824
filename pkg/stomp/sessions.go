package stomp

import (
	"context"
	"encoding/hex"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/live"
)

// sessionConns are the connections of one login: of a session, or of an API token.
type sessionConns struct {
	conns []*conn
	due   time.Time // of the next KeepAlive
}

const (
	// firstKeepAlive is the delay after which a session with a new socket is checked. The session may have ended while
	// the socket was being opened.
	firstKeepAlive = 2 * time.Second
	keepParallel   = 8
)

// addToSession and removeFromSession are called with s.mu held.
func (s *Server) addToSession(c *conn) {
	h := c.login.Credential()
	if h.IsZero() {
		return
	}
	sc := s.sessions[h]
	if sc == nil {
		sc = &sessionConns{}
		s.sessions[h] = sc
	}
	sc.due = s.now().Add(min(firstKeepAlive, s.opts.KeepAliveEvery))
	c.sessIndex = len(sc.conns)
	sc.conns = append(sc.conns, c)
}

func (s *Server) removeFromSession(c *conn) {
	sc := s.sessions[c.login.Credential()]
	if sc == nil {
		return
	}
	last := len(sc.conns) - 1
	sc.conns[c.sessIndex] = sc.conns[last]
	sc.conns[c.sessIndex].sessIndex = c.sessIndex
	sc.conns[last] = nil
	sc.conns = sc.conns[:last]
	if last == 0 {
		delete(s.sessions, c.login.Credential())
	}
}

// sessionSignal is called when a session has ended on any node. An empty key means that such signals may have been
// missed: all sessions are checked then.
func (s *Server) sessionSignal(key string) {
	if key == "" {
		s.checkSessions(func(auth.Login) bool { return true })
		return
	}
	b, err := hex.DecodeString(key)
	if err != nil || len(b) != len(auth.Hash{}) {
		return
	}
	s.endSession(auth.Hash(b))
}

// accountSignal is called when an account may have ended or its password has changed.
func (s *Server) accountSignal(key string) {
	who := live.AccountOf(key)
	s.checkSessions(func(l auth.Login) bool { return key == "" || l.Identity == who })
}

// checkSessions makes the check of matching sessions due now.
func (s *Server) checkSessions(match func(auth.Login) bool) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sc := range s.sessions {
		if match(sc.conns[0].login) {
			sc.due = now
		}
	}
}

func (s *Server) endSession(h auth.Hash) {
	var conns []*conn
	s.mu.Lock()
	if sc := s.sessions[h]; sc != nil {
		conns = append(conns, sc.conns...)
	}
	s.mu.Unlock()
	for _, c := range conns {
		c.fail("the session has ended", "", endPolicy)
	}
}

// keepSessions calls KeepAlive for the sessions that are due.
func (s *Server) keepSessions(ctx context.Context) {
	if s.opts.KeepAlive == nil {
		return
	}
	tick := time.NewTicker(min(time.Second, s.opts.KeepAliveEvery))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.keepEach(ctx, s.dueSessions(s.now()))
	}
}

// Recheck calls KeepAlive now for the logins for which match is true, and returns when all are checked. match must
// not block.
func (s *Server) Recheck(ctx context.Context, match func(auth.Login) bool) {
	if s.opts.KeepAlive == nil {
		return
	}
	var logins []auth.Login
	s.mu.Lock()
	for _, sc := range s.sessions {
		if l := sc.conns[0].login; match(l) {
			logins = append(logins, l)
		}
	}
	s.mu.Unlock()
	s.keepEach(ctx, logins)
}

func (s *Server) keepEach(ctx context.Context, logins []auth.Login) {
	var g errgroup.Group
	g.SetLimit(keepParallel)
	for _, l := range logins {
		g.Go(func() error {
			guard.Run(s.log, "keeping a session alive", func() { s.keepSession(ctx, l) })
			return nil
		})
	}
	_ = g.Wait()
}

func (s *Server) dueSessions(now time.Time) (out []auth.Login) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sc := range s.sessions {
		if now.Before(sc.due) {
			continue
		}
		// The next time is random, so that sessions that began together are not due together.
		sc.due = now.Add(s.opts.KeepAliveEvery/2 + rand.N(s.opts.KeepAliveEvery/2+1))
		out = append(out, sc.conns[0].login)
	}
	return out
}

func (s *Server) keepSession(ctx context.Context, l auth.Login) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	err := s.opts.KeepAlive(ctx, l)
	switch {
	case err == nil || s.ctx.Err() != nil:
	case chat.IsKind(err, chat.NotFound), chat.IsKind(err, chat.Unauthenticated), chat.IsKind(err, chat.Gone):
		s.endSession(l.Credential())
	default:
		s.log.Warn("cannot keep a session alive; trying again", "error", err)
	}
}
