package stomp

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
)

// A polling session lives in the memory of one node; a balancer may bring the client's requests to any. A node that does not
// have the session of a request asks the others by its id. What a client sends is then handed to the node that has the session.
// That node also answers a receiving request, as a receiver like any other, whose response is written by the node with the
// client: each piece is a request of its own (relayWrite), done when it is written.

// The questions and requests between nodes.
const (
	relayFind  = "sockjs-find"  // does the node have the session?
	relaySend  = "sockjs-send"  // take texts of the client
	relayPoll  = "sockjs-poll"  // receive, for a request of the client at this node
	relayWrite = "sockjs-write" // write a piece of the response, or end it
)

type relayRequest struct {
	Session string      `json:"session,omitempty"`
	Tenant  chat.Tenant `json:"tenant,omitempty"`
	Login   string      `json:"login,omitempty"`
	Texts   []string    `json:"texts,omitempty"`
	Request string      `json:"request,omitempty"` // the client's, named by the node that has it
	Style   string      `json:"style,omitempty"`
	Text    string      `json:"text,omitempty"`
	End     bool        `json:"end,omitempty"`
}

func (q relayRequest) who() chat.Identity { return chat.Identity{Tenant: q.Tenant, Login: q.Login} }

// relaying is a receiving request that another node answers.
type relaying struct {
	writes chan relayedWrite
	done   chan struct{} // closed when nothing more is written
}

type relayedWrite struct {
	text string
	end  bool
	ok   chan bool
}

// relayPiece is the longest text of one relayWrite, so that it fits into a packet of the bus.
const relayPiece = 64 << 10

// relayEndTimeout bounds the wait for the other node when a response ends.
const relayEndTimeout = 2 * time.Second

func (s *Server) handleRelays() {
	handle := func(kind string, f func(from string, q relayRequest) bool) {
		s.opts.Hub.OnAsk(kind, func(from string, body []byte) bool {
			var q relayRequest
			return json.Unmarshal(body, &q) == nil && f(from, q)
		})
	}
	handle(relayFind, func(_ string, q relayRequest) bool { return s.polling(q.Session, q.who()) != nil })
	handle(relaySend, func(_ string, q relayRequest) bool {
		p := s.polling(q.Session, q.who())
		return p != nil && p.take(q.Texts)
	})
	handle(relayPoll, s.receiveFor)
	handle(relayWrite, s.writeRelayed)
}

// find returns the other node that has a session of the login; "" if none has it.
func (s *Server) find(ctx context.Context, session string, who chat.Identity) (node string, err error) {
	if s.opts.Hub.Alone() {
		return "", nil
	}
	q := relayRequest{Session: session, Tenant: who.Tenant, Login: who.Login}
	return s.opts.Hub.Ask(ctx, relayFind, mustJSON(q))
}

// relay answers a receiving request with what another node, which has the session, writes.
func (s *Server) relay(w http.ResponseWriter, r *http.Request, node, session string, login auth.Login, st style) {
	name := s.ids.New().String()
	in := &relaying{writes: make(chan relayedWrite), done: make(chan struct{})}
	s.setRelay(name, in)
	defer func() {
		s.setRelay(name, nil)
		close(in.done)
	}()
	q := relayRequest{Session: session, Tenant: login.Tenant, Login: login.Login, Request: name, Style: st.name}
	if ok, err := s.opts.Hub.Request(r.Context(), node, relayPoll, mustJSON(q)); err != nil || !ok {
		s.tryAgain(w, r)
		return
	}
	setPollHeaders(w, st)
	out := &response{w: httpSink{w, http.NewResponseController(w), s.opts.WriteTimeout}, style: st}
	// The other node is never silent for longer than between two heart-beats, unless it is gone.
	silence := s.opts.SockJSHeartBeat + s.opts.WriteTimeout
	timer := time.NewTimer(silence)
	defer timer.Stop()
	for {
		select {
		case piece := <-in.writes:
			ok := piece.text == "" || out.w.write(piece.text)
			piece.ok <- ok
			if piece.end || !ok {
				return
			}
			timer.Reset(silence)
		case <-timer.C:
			return
		case <-r.Context().Done():
			return
		case <-s.ctx.Done():
			return
		}
	}
}

// setRelay makes a relaying request known; nil forgets it.
func (s *Server) setRelay(name string, in *relaying) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in == nil {
		delete(s.relays, name)
	} else {
		s.relays[name] = in
	}
}

// tryAgain answers a request while it is not known which node can serve it.
func (s *Server) tryAgain(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Retry-After", "1")
	s.opts.Refuse(w, r, http.StatusServiceUnavailable, "the servers do not reach each other; try again")
}

// receiveFor begins to answer a receiving request that has come to another node.
func (s *Server) receiveFor(from string, q relayRequest) bool {
	p, st := s.polling(q.Session, q.who()), styles[q.Style]
	if p == nil || st == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.work.Go(func() {
		out := relaySink{s, from, q.Request}
		defer out.end()
		s.guardPoll(p, func() { p.receive(s.ctx, out, *st) })
	})
	return true
}

// writeRelayed hands a piece to the request that it is for; false if that is over.
func (s *Server) writeRelayed(_ string, q relayRequest) bool {
	s.mu.Lock()
	in := s.relays[q.Request]
	s.mu.Unlock()
	if in == nil {
		return false
	}
	piece := relayedWrite{q.Text, q.End, make(chan bool, 1)}
	select {
	case in.writes <- piece:
	case <-in.done:
		return false
	}
	return <-piece.ok
}

// relaySink writes to a client of another node.
type relaySink struct {
	s       *Server
	node    string
	request string
}

func (o relaySink) write(text string) bool {
	for len(text) > 0 {
		n := pieceLen(text)
		if !o.send(o.s.ctx, relayRequest{Request: o.request, Text: text[:n]}) {
			return false
		}
		text = text[n:]
	}
	return true
}

// pieceLen is the length of the first piece of a text. It ends where a character does: pieces are sent as JSON.
func pieceLen(text string) int {
	if len(text) <= relayPiece {
		return len(text)
	}
	n := relayPiece
	for !utf8.RuneStart(text[n]) {
		n--
	}
	return n
}

// end ends the response, also while this server closes.
func (o relaySink) end() {
	ctx, cancel := context.WithTimeout(context.Background(), relayEndTimeout)
	defer cancel()
	o.send(ctx, relayRequest{Request: o.request, End: true})
}

func (o relaySink) send(ctx context.Context, q relayRequest) bool {
	ok, err := o.s.opts.Hub.Request(ctx, o.node, relayWrite, mustJSON(q))
	return ok && err == nil
}

// guardPoll runs what is done for a session; a panic ends it.
func (s *Server) guardPoll(p *polling, f func()) (ok bool) {
	if ok = guard.Run(s.log, "a polling session", f); !ok {
		p.c.abandon()
	}
	return ok
}
