package stomp

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
)

// polling is a SockJS session over HTTP requests. The client sends with xhr_send and receives with one request after
// the other.
type polling struct {
	c     *conn
	name  string
	owner chat.Identity
	woken chan struct{} // has one element if the queue has entries or the connection is ending
	in    sync.Mutex    // one xhr_send at a time

	mu      sync.Mutex
	current *receiver // the current receiving request; nil if there is none
	seen    time.Time // when the last receiving request ended
	opened  bool      // "o" has been written
}

// receiver is a receiving request.
type receiver struct {
	replaced chan struct{} // closed when another one takes over
	done     chan struct{} // closed when it no longer takes from the queue
}

// style says how frames are written in a response.
type style struct {
	name           string // identifies the style in requests between nodes
	contentType    string
	prelude        string
	before, after  string
	escapePercents bool
	limit          int // the response ends after this many bytes
}

var (
	xhr          = style{name: "xhr", contentType: "application/javascript;charset=UTF-8", after: "\n", limit: 1}
	xhrStreaming = style{name: "xhr_streaming", contentType: "application/javascript;charset=UTF-8", prelude: strings.Repeat("h", 2048) + "\n", after: "\n", limit: 128 << 10}
	// Clients decode eventsource data as a URI.
	eventSource = style{name: "eventsource", contentType: "text/event-stream;charset=UTF-8", prelude: "\r\n", before: "data: ", after: "\r\n\r\n", escapePercents: true, limit: 128 << 10}

	styles = map[string]*style{xhr.name: &xhr, xhrStreaming.name: &xhrStreaming, eventSource.name: &eventSource}
)

// poll serves a receiving request.
func (s *Server) poll(w http.ResponseWriter, r *http.Request, session string, enc *encoding, st style) {
	login, ok := s.admit(w, r)
	if !ok {
		return
	}
	s.mu.Lock()
	p := s.polls[session]
	s.mu.Unlock()
	if p == nil {
		node, err := s.find(r.Context(), session, login.Identity)
		switch {
		case err != nil: // a second session of the same id would be worse than none
			s.tryAgain(w, r)
			return
		case node != "":
			s.relay(w, r, node, session, login, st)
			return
		}
		if !s.hasRoom(w, r, login.Identity) {
			return
		}
		p = s.openPolling(session, login, enc)
	}
	if p.owner != login.Identity {
		s.opts.Refuse(w, r, http.StatusNotFound, "unknown session")
		return
	}
	setPollHeaders(w, st)
	s.guardPoll(p, func() {
		p.receive(r.Context(), httpSink{w, http.NewResponseController(w), s.opts.WriteTimeout}, st)
	})
}

func setPollHeaders(w http.ResponseWriter, st style) {
	h := w.Header()
	h.Set("Content-Type", st.contentType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
}

// openPolling returns the session of that id, and makes it if there is none.
func (s *Server) openPolling(session string, login auth.Login, enc *encoding) *polling {
	p, ok := s.addPolling(session, login, enc)
	if !ok {
		p.c.abandon()
	}
	return p
}

// addPolling is openPolling. It returns false if a new session could not be started.
func (s *Server) addPolling(session string, login auth.Login, enc *encoding) (p *polling, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p = s.polls[session]; p != nil {
		return p, true
	}
	p = &polling{name: session, owner: login.Identity, woken: make(chan struct{}, 1), seen: s.now()}
	p.c = s.newConn(login, enc, false, p)
	s.polls[session] = p
	return p, s.startLocked(p.c, nil)
}

// polling returns the session if it belongs to who. The session may have ended; its client learns that when it polls.
func (s *Server) polling(session string, who chat.Identity) *polling {
	s.mu.Lock()
	p := s.polls[session]
	s.mu.Unlock()
	if p == nil || p.owner != who {
		return nil
	}
	return p
}

// take passes the client's texts to the connection. It returns false if the connection has ended.
func (p *polling) take(texts []string) bool {
	p.in.Lock()
	defer p.in.Unlock()
	if p.c.isEnding() {
		return false
	}
	p.c.lastRead.Store(p.c.srv.now().UnixNano())
	return p.c.srv.guardPoll(p, func() {
		for _, t := range texts {
			p.c.feed([]byte(t))
		}
	})
}

// receive writes frames until the response is full, the client goes or another request takes over.
func (p *polling) receive(ctx context.Context, w sink, st style) {
	me := &receiver{replaced: make(chan struct{}), done: make(chan struct{})}
	p.mu.Lock()
	before := p.current
	p.current = me
	p.mu.Unlock()
	if before != nil {
		close(before.replaced)
		<-before.done
	}
	defer func() {
		p.mu.Lock()
		if p.current == me {
			p.current, p.seen = nil, p.c.srv.now()
		}
		p.mu.Unlock()
		close(me.done)
	}()
	out := &response{w: w, style: st}
	if st.prelude != "" && !w.write(st.prelude) {
		return
	}
	if first := p.open(); first && (!out.frame("o") || out.full()) {
		return
	}
	heartbeat := time.NewTimer(p.c.srv.opts.SockJSHeartBeat)
	defer heartbeat.Stop()
	var entries [joinFrames]entry
	for !out.full() {
		batch, end := p.c.take(entries[:0])
		switch {
		case len(batch) > 0:
			now := p.c.srv.now().UnixNano()
			p.c.writing.Store(now)
			ok := out.frame(string(appendSockJS(nil, batch)))
			p.c.writing.Store(0)
			p.c.lastWrite.Store(now)
			if !ok {
				p.c.abandon() // frames are lost, so the client has to connect again
				return
			}
			continue
		case end != nil:
			p.c.release()
			out.frame(end.sockjs)
			return
		}
		select {
		case <-p.woken:
		case <-me.replaced:
			out.frame(`c[2010,"Another connection still open"]`)
			return
		case <-ctx.Done():
			return
		case <-heartbeat.C:
			if !out.frame("h") {
				return
			}
			heartbeat.Reset(p.c.srv.opts.SockJSHeartBeat)
		}
	}
}

func (p *polling) open() (first bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	first, p.opened = !p.opened, true
	return first
}

func (p *polling) wake() {
	select {
	case p.woken <- struct{}{}:
	default:
	}
}

func (p *polling) kill()                           { p.wake() }
func (p *polling) silence() (time.Duration, entry) { return 0, entry{} }

// checkPolls ends sessions that are not polled any more. An ended session is kept for a while, so that a late poll is
// answered with its end.
func (s *Server) checkPolls(now time.Time) {
	var over []*polling
	s.mu.Lock()
	for name, p := range s.polls {
		if p.idle(now) > s.opts.PollTimeout {
			over = append(over, p)
			delete(s.polls, name)
		}
	}
	s.mu.Unlock()
	for _, p := range over {
		p.c.abandon()
	}
}

// idle returns for how long there has been no receiving request.
func (p *polling) idle(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current != nil {
		return 0
	}
	return now.Sub(p.seen)
}

// response writes SockJS frames to an HTTP response.
type response struct {
	w       sink
	style   style
	written int
}

// sink is the destination of a response: a client of this node or of another one. write returns false if the client is
// gone.
type sink interface{ write(text string) bool }

func (o *response) full() bool { return o.written >= o.style.limit }

// frame writes one frame. It returns false if the client is gone.
func (o *response) frame(f string) bool {
	if o.style.escapePercents {
		f = strings.ReplaceAll(f, "%", "%25")
	}
	o.written += len(f)
	return o.w.write(o.style.before + f + o.style.after)
}

// httpSink writes to a client of this node.
type httpSink struct {
	w       http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration
}

func (o httpSink) write(text string) bool {
	_ = o.control.SetWriteDeadline(time.Now().Add(o.timeout)) // not all writers support it
	if _, err := o.w.Write([]byte(text)); err != nil {
		return false
	}
	return o.control.Flush() == nil
}
