package stomp

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
)

// polling is a SockJS session over requests: the client sends with xhr_send and receives
// with one request after the other.
type polling struct {
	c     *conn
	name  string
	owner chat.Identity
	woken chan struct{} // has one element if there is something to do
	in    sync.Mutex    // one xhr_send at a time

	mu      sync.Mutex
	current *receiver // the request that receives; nil between two
	seen    time.Time // when the last one ended
	opened  bool      // "o" has been written
}

// receiver is a request that receives.
type receiver struct {
	replaced chan struct{} // closed when another one takes over
	done     chan struct{} // closed when it no longer takes from the queue
}

// style is how frames stand in a response.
type style struct {
	contentType    string
	prelude        string
	before, after  string
	escapePercents bool
	limit          int // the response ends after so many bytes
}

var (
	xhr          = style{contentType: "application/javascript;charset=UTF-8", after: "\n", limit: 1}
	xhrStreaming = style{contentType: "application/javascript;charset=UTF-8", prelude: strings.Repeat("h", 2048) + "\n", after: "\n", limit: 128 << 10}
	// Clients decode what comes by eventsource as a URI.
	eventSource = style{contentType: "text/event-stream;charset=UTF-8", prelude: "\r\n", before: "data: ", after: "\r\n\r\n", escapePercents: true, limit: 128 << 10}
)

// maxPolls bounds the polling sessions of a login, so that nobody fills the memory with sessions that are opened and left.
const maxPolls = 200

// poll serves a receiving request.
func (s *Server) poll(w http.ResponseWriter, r *http.Request, session string, enc *encoding, st style) {
	login, ok := s.admit(w, r)
	if !ok {
		return
	}
	s.mu.Lock()
	p := s.polls[session]
	if p == nil {
		if s.pollsOf(login.Identity) >= maxPolls {
			s.mu.Unlock()
			s.opts.Refuse(w, r, http.StatusTooManyRequests, "too many sessions")
			return
		}
		p = &polling{name: session, owner: login.Identity, woken: make(chan struct{}, 1), seen: s.now()}
		p.c = s.newConn(login, enc, false, p)
		s.polls[session] = p
		s.mu.Unlock()
		if !s.start(p.c, nil) {
			p.c.abandon()
		}
	} else {
		s.mu.Unlock()
	}
	if p.owner != login.Identity {
		s.opts.Refuse(w, r, http.StatusNotFound, "unknown session")
		return
	}
	h := w.Header()
	h.Set("Content-Type", st.contentType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	if !guard.Run(s.log, "writing to a client", func() { p.receive(w, r, st) }) {
		p.c.abandon()
	}
}

// pollsOf counts a login's sessions. s.mu is held.
func (s *Server) pollsOf(who chat.Identity) (n int) {
	for _, p := range s.polls {
		if p.owner == who {
			n++
		}
	}
	return n
}

// polling returns the session if it is alive and belongs to who.
func (s *Server) polling(session string, who chat.Identity) *polling {
	s.mu.Lock()
	p := s.polls[session]
	s.mu.Unlock()
	if p == nil || p.owner != who || p.c.isEnding() {
		return nil
	}
	return p
}

// take gives the client's texts to the connection; false if it has ended.
func (p *polling) take(texts []string) bool {
	p.in.Lock()
	defer p.in.Unlock()
	if p.c.isEnding() {
		return false
	}
	p.c.lastRead.Store(p.c.srv.now().UnixNano())
	ok := guard.Run(p.c.srv.log, "a frame of a client", func() {
		for _, t := range texts {
			p.c.feed([]byte(t))
		}
	})
	if !ok {
		p.c.abandon()
	}
	return ok
}

// receive writes frames until the response is full, the client goes or another request takes over.
func (p *polling) receive(w http.ResponseWriter, r *http.Request, st style) {
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
	out := &response{w: w, control: http.NewResponseController(w), style: st, timeout: p.c.srv.opts.WriteTimeout}
	if st.prelude != "" && !out.write(st.prelude) {
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
				p.c.abandon() // frames are lost; the client has to begin again
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
		case <-r.Context().Done():
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

// checkPolls ends sessions that are not polled any more. An ended one stays for a while, to tell
// a late poll that it has.
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

// idle is for how long no request has received.
func (p *polling) idle(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current != nil {
		return 0
	}
	return now.Sub(p.seen)
}

// response writes SockJS frames into an HTTP response.
type response struct {
	w       http.ResponseWriter
	control *http.ResponseController
	style   style
	timeout time.Duration
	written int
}

func (o *response) full() bool { return o.written >= o.style.limit }

// frame writes one frame; false if the client is gone.
func (o *response) frame(f string) bool {
	if o.style.escapePercents {
		f = strings.ReplaceAll(f, "%", "%25")
	}
	o.written += len(f)
	return o.write(o.style.before + f + o.style.after)
}

func (o *response) write(text string) bool {
	_ = o.control.SetWriteDeadline(time.Now().Add(o.timeout)) // not all writers can
	if _, err := o.w.Write([]byte(text)); err != nil {
		return false
	}
	return o.control.Flush() == nil
}
