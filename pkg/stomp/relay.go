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

// A polling session is in the memory of one node, its owner. A load balancer may send the client's requests to any
// node. A node that does not have the session of a request asks the other nodes for its owner (relayFind).
//
//   - It passes what the client sends to the owner (relaySend).
//   - It passes a receiving request to the owner (relayPoll). The owner serves it like any other receiver, but sends
//     each piece of the response back in a request (relayWrite). The node with the client writes the piece, then
//     answers.

// The questions and requests between nodes.
const (
	relayFind  = "sockjs-find"  // does the node have the session?
	relaySend  = "sockjs-send"  // accept texts of the client
	relayPoll  = "sockjs-poll"  // serve a receiving request of a client at this node
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

// relaying is a receiving request that another node serves.
type relaying struct {
	writes chan relayedWrite
	done   chan struct{} // closed when the response has ended
}

type relayedWrite struct {
	text string
	end  bool
	ok   chan bool
}

// relayPiece is the longest text of one relayWrite. It fits into a packet of the bus.
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

// find returns the other node that has the session, if it belongs to who. It returns "" if no node has it.
func (s *Server) find(ctx context.Context, session string, who chat.Identity) (node string, err error) {
	if s.opts.Hub.Alone() {
		return "", nil
	}
	q := relayRequest{Session: session, Tenant: who.Tenant, Login: who.Login}
	return s.opts.Hub.Ask(ctx, relayFind, mustJSON(q))
}

// relay answers a receiving request with the response of the node that has the session.
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
	// Unless the other node is gone, it is never silent for longer than the interval of heart-beats.
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

// setRelay registers a relaying request. With nil, it removes it.
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

// receiveFor starts to serve a receiving request that has arrived at another node.
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

// writeRelayed passes a piece to its relaying request. It returns false if that request has ended.
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

// pieceLen returns the length of the first piece of a text. The piece does not end within a character, because pieces
// are sent as JSON.
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

// end ends the response. It also works while this server closes.
func (o relaySink) end() {
	ctx, cancel := context.WithTimeout(context.Background(), relayEndTimeout)
	defer cancel()
	o.send(ctx, relayRequest{Request: o.request, End: true})
}

func (o relaySink) send(ctx context.Context, q relayRequest) bool {
	ok, err := o.s.opts.Hub.Request(ctx, o.node, relayWrite, mustJSON(q))
	return ok && err == nil
}

// guardPoll runs f, which works for a session. A panic of f ends the session.
func (s *Server) guardPoll(p *polling, f func()) (ok bool) {
	if ok = guard.Run(s.log, "a polling session", f); !ok {
		p.c.abandon()
	}
	return ok
}
