package stomp

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gobwas/ws"

	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/live"
)

// wsTransport is a WebSocket that carries STOMP, bare or in SockJS frames. While it is idle, it has one goroutine,
// which reads, and one small buffer. Server.writers write what is queued. If a write has to wait for the client, a
// goroutine of the transport's own takes over.
type wsTransport struct {
	c      *conn
	net    net.Conn
	raw    syscall.RawConn // of net; nil if there is none
	in     *bufio.Reader
	sockjs bool

	header  [ws.MaxHeaderSize]byte
	state   ws.State
	message []byte // SockJS: the pieces of the current message
	work    sync.WaitGroup
	hurried bool // there is a deadline for reading

	writer bool         // it is queued for a writer, or a goroutine writes to it; guarded by conn.mu
	closed bool         // the closing handshake has begun or the connection is dead; guarded by conn.mu
	over   bool         // the reader has ended; guarded by Server.mu
	after  *wsTransport // the next one in the queue of Server.writers; guarded by that queue's lock
}

const (
	readBuffer = 256
	// maxMessage bounds a WebSocket message in SockJS frames. It allows for the longest STOMP frame, quoted.
	maxMessage = 256 << 10
	// maxPiece is the most that is read of a message at a time.
	maxPiece = 16 << 10
	// lingering is how long a closed connection is still read, so that the client receives the last frames.
	lingering = 2 * time.Second
	// frameWithin is how long a client may take to send a STOMP frame or a SockJS message once it has begun: until it is
	// complete it is kept in memory.
	frameWithin = 30 * time.Second
)

// subprotocols are the names of STOMP's versions as WebSocket subprotocols, highest first.
var subprotocols = []string{"v12.stomp", "v11.stomp", "v10.stomp"}

// upgrade upgrades the request to a WebSocket and starts the connection. It answers errors.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request, enc *encoding, extra, sockjs bool) {
	login, ok := s.admit(w, r)
	if !ok {
		return
	}
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Connection", "Upgrade")
		s.opts.Refuse(w, r, http.StatusUpgradeRequired, "this is a WebSocket")
		return
	}
	if !s.hasRoom(w, r, login.Identity) {
		return
	}
	var u ws.HTTPUpgrader
	if !sockjs {
		// The library takes the first name in the client's order. We want the highest version.
		best := highest(r.Header.Values("Sec-Websocket-Protocol"))
		u.Protocol = func(p string) bool { return p == best }
	}
	// The library answers on the connection itself. Without the cookies that the login has set, the browser would keep a
	// remembered login's previous token, which counts as stolen soon.
	if cookies := w.Header().Values("Set-Cookie"); len(cookies) > 0 {
		u.Header = http.Header{"Set-Cookie": cookies}
	}
	u.Timeout = 10 * time.Second
	nc, rw, _, err := u.Upgrade(r, w)
	if err != nil {
		if nc != nil {
			_ = nc.Close()
		}
		return
	}
	_ = nc.SetDeadline(time.Time{})
	t := &wsTransport{net: nc, sockjs: sockjs, state: ws.StateServerSide, in: bufio.NewReaderSize(afterUpgrade(nc, rw.Reader), readBuffer)}
	if sc, ok := nc.(syscall.Conn); ok {
		t.raw, _ = sc.SyscallConn()
	}
	t.c = s.newConn(login, enc, extra, t)
	if sockjs {
		t.c.enqueue(entry{enc: openFrame, op: opBare})
	}
	if !s.start(t.c, t.read) {
		t.c.abandon()
	}
}

func highest(offers []string) string {
	best := len(subprotocols)
	for _, line := range offers {
		for _, p := range strings.Split(line, ",") {
			if i := slices.Index(subprotocols, strings.TrimSpace(p)); i >= 0 {
				best = min(best, i)
			}
		}
	}
	if best == len(subprotocols) {
		return ""
	}
	return subprotocols[best]
}

// afterUpgrade returns a reader of what follows the request: first the bytes that net/http has read already, then the
// connection. It does not keep net/http's buffers.
func afterUpgrade(nc net.Conn, in *bufio.Reader) io.Reader {
	n := in.Buffered()
	if n == 0 {
		return nc
	}
	ahead, _ := in.Peek(n)
	return io.MultiReader(bytes.NewReader(bytes.Clone(ahead)), nc)
}

// read is the goroutine of an idle connection. To keep its stack small, it does almost nothing itself: it starts
// another goroutine to process what the client sent, and waits for it.
func (t *wsTransport) read() {
	defer t.c.srv.lingers(t, false)
	defer t.c.abandon()
	for {
		h, err := ws.ReadHeaderBuffer(t.in, t.header[:0])
		if err != nil {
			return
		}
		t.c.lastRead.Store(t.c.srv.now().UnixNano())
		ok := false
		t.work.Add(1)
		go func() {
			defer t.work.Done()
			guard.Run(t.c.srv.log, "a frame of a client", func() { ok = t.frame(h) })
		}()
		t.work.Wait()
		if !ok {
			return
		}
	}
}

// frame reads the rest of a WebSocket frame and processes it. If it returns false, the connection ends.
func (t *wsTransport) frame(h ws.Header) bool {
	if err := ws.CheckHeader(h, t.state); err != nil {
		t.c.finish("", endFault)
		return t.linger()
	}
	if h.OpCode.IsControl() {
		return t.control(h)
	}
	if h.Fin {
		t.state = t.state.Clear(ws.StateFragmented)
	} else {
		t.state = t.state.Set(ws.StateFragmented)
	}
	if t.sockjs && int64(len(t.message))+h.Length > maxMessage {
		t.c.finish("", ending{1009, "message too big", endGoAway.sockjs})
		return t.linger()
	}
	if h.Length > readBuffer {
		t.hurry()
	}
	defer t.calm()
	buf := getBuffer()
	defer putBuffer(buf)
	offset := 0
	for left := h.Length; left > 0; {
		piece := slices.Grow((*buf)[:0], int(min(left, maxPiece)))[:min(left, maxPiece)]
		if _, err := io.ReadFull(t.in, piece); err != nil {
			return false
		}
		ws.Cipher(piece, h.Mask, offset)
		offset += len(piece)
		left -= int64(len(piece))
		t.c.lastRead.Store(t.c.srv.now().UnixNano())
		if t.sockjs {
			t.message = append(t.message, piece...)
		} else {
			t.c.feed(piece)
		}
		*buf = piece
	}
	if t.sockjs && h.Fin {
		message := t.message
		t.message = nil
		if !t.c.feedSockJS(message) {
			t.c.finish("", endFault)
		}
	}
	if t.c.isEnding() {
		return t.linger()
	}
	return true
}

// hurry sets the deadline for what has begun to arrive.
func (t *wsTransport) hurry() {
	if !t.hurried {
		t.hurried = true
		_ = t.net.SetReadDeadline(time.Now().Add(frameWithin))
	}
}

// calm removes the deadline when nothing incomplete is kept, and sets it otherwise.
func (t *wsTransport) calm() {
	if len(t.message) > 0 || !t.c.parser.idle() {
		t.hurry()
	} else if t.hurried {
		t.hurried = false
		_ = t.net.SetReadDeadline(time.Time{})
	}
}

// feedSockJS processes a message of a SockJS client, which is a JSON array of strings. It returns false if it is not.
// It ignores an empty message.
func (c *conn) feedSockJS(message []byte) bool {
	if len(message) == 0 {
		return true
	}
	var texts []string
	if json.Unmarshal(message, &texts) != nil {
		return false
	}
	for _, text := range texts {
		c.feed([]byte(text))
	}
	return true
}

func (t *wsTransport) control(h ws.Header) bool {
	payload := make([]byte, h.Length) // CheckHeader: at most 125
	if _, err := io.ReadFull(t.in, payload); err != nil {
		return false
	}
	ws.Cipher(payload, h.Mask, 0)
	switch h.OpCode {
	case ws.OpPing:
		t.c.enqueue(entry{enc: &live.Encoded{Head: payload}, op: opPong})
	case ws.OpClose:
		t.c.finish("", endGoAway)
		return t.linger()
	}
	return true
}

// linger reads and drops what the client still sends while the last frames are written. It ends when the client is gone
// or after lingering. It always returns false, which its callers return in turn.
func (t *wsTransport) linger() bool {
	t.c.srv.lingers(t, true)
	_ = t.net.SetReadDeadline(time.Now().Add(lingering))
	_, _ = io.Copy(io.Discard, t.in)
	return false
}

func (t *wsTransport) wake() {
	if !t.writer && !t.closed {
		t.writer = true
		if t.raw == nil {
			t.writeAlone(nil)
		} else {
			t.c.srv.writers.add(t)
		}
	}
	if t.c.ending != nil && t.writer {
		// The running write and those that follow must be done within lingering.
		_ = t.net.SetWriteDeadline(time.Now().Add(lingering))
	}
}

func (t *wsTransport) kill() {
	t.closed = true
	_ = t.net.Close()
}

func (t *wsTransport) silence() (time.Duration, entry) {
	if !t.sockjs {
		return 0, entry{}
	}
	return t.c.srv.opts.SockJSHeartBeat, entry{enc: heartbeatFrame, op: opBare}
}

// write is the goroutine that writes to a slow client. It writes rest first, then the queue until it is empty.
func (t *wsTransport) write(rest []byte) {
	defer t.c.srv.work.Done()
	if !guard.Run(t.c.srv.log, "writing to a client", func() { t.writeQueue(rest) }) {
		t.c.abandon()
	}
}

// next takes what is to be written next. If both results are empty, there is nothing to write and the caller must end.
func (t *wsTransport) next(into []entry) (batch []entry, end *ending) {
	c := t.c
	c.mu.Lock()
	defer c.mu.Unlock()
	batch, end = c.takeLocked(into)
	if t.closed {
		batch, end = nil, nil
	}
	t.closed = t.closed || end != nil
	t.writer = len(batch) > 0
	return batch, end
}

// writeQueue writes rest, then the queue until it is empty, many frames at a time.
func (t *wsTransport) writeQueue(rest []byte) {
	// The buffers are not on the stack, because a new goroutine's small stack would have to grow for them.
	work := writes.Get().(*writeWork)
	defer work.put()
	if len(rest) > 0 {
		t.writeAll(rest, nil)
	}
	for {
		batch, end := t.next(work.entries[:0])
		if len(batch) == 0 && end == nil {
			return
		}
		out := work.buf[:0]
		if end != nil {
			out = t.appendEnding(out, *end)
		} else {
			out = t.appendFrames(out, batch)
		}
		work.buf = out
		t.writeAll(out, end)
		if end != nil {
			return
		}
	}
}

// writeAll writes data and waits for the client. If end is set, it then hangs up.
func (t *wsTransport) writeAll(data []byte, end *ending) {
	c := t.c
	now := c.srv.now().UnixNano()
	c.writing.Store(now)
	_, err := t.net.Write(data)
	c.writing.Store(0)
	c.lastWrite.Store(now)
	switch {
	case end != nil:
		t.hangUp()
		c.release()
	case err != nil && !errors.Is(err, net.ErrClosed):
		c.abandon()
	}
}

// hangUp closes the connection for writing. The reader closes the connection when the client has closed it, or after
// lingering.
func (t *wsTransport) hangUp() {
	t.c.srv.lingers(t, true)
	_ = t.net.SetReadDeadline(time.Now().Add(lingering))
	if half, ok := t.net.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

func (t *wsTransport) appendFrames(out []byte, batch []entry) []byte {
	for i := 0; i < len(batch); {
		e := batch[i]
		switch {
		case e.op == opPong:
			out = append(appendHeader(out, ws.OpPong, e.enc.Len()), e.enc.Head...)
			i++
		case e.op == opBare:
			out = append(appendHeader(out, ws.OpText, e.enc.Len()), e.enc.Head...)
			i++
		case t.sockjs:
			n := 1
			for i+n < len(batch) && batch[i+n].op == opFrame {
				n++
			}
			run := batch[i : i+n]
			out = appendSockJS(appendHeader(out, ws.OpText, sockjsLen(run)), run)
			i += n
		default:
			out = appendEntry(appendHeader(out, ws.OpText, e.len()), e)
			i++
		}
	}
	return out
}

func (t *wsTransport) appendEnding(out []byte, end ending) []byte {
	if t.sockjs {
		out = append(appendHeader(out, ws.OpText, len(end.sockjs)), end.sockjs...)
	}
	body := ws.NewCloseFrameBody(ws.StatusCode(end.code), end.reason)
	return append(appendHeader(out, ws.OpClose, len(body)), body...)
}

func appendHeader(out []byte, op ws.OpCode, n int) []byte {
	out = append(out, 0x80|byte(op))
	switch {
	case n < 126:
		return append(out, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(out, 126), uint16(n))
	default:
		return binary.BigEndian.AppendUint64(append(out, 127), uint64(n))
	}
}

func appendEntry(out []byte, e entry) []byte {
	out = append(out, e.enc.Head...)
	if e.sub != nil {
		out = append(out, e.sub.line...)
	}
	return append(out, e.enc.Tail...)
}

// writeWork has the buffers of a running write.
type writeWork struct {
	entries [joinFrames]entry
	buf     []byte
	attempt func(fd uintptr) bool // writes buf without waiting
	wrote   int                   // what attempt has written
}

var writes = sync.Pool{New: newWriteWork}

func (w *writeWork) put() {
	clear(w.entries[:])
	if cap(w.buf) > 2*joinBytes { // a rare long one is not kept
		w.buf = nil
	}
	writes.Put(w)
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

func getBuffer() *[]byte { return buffers.Get().(*[]byte) }

func putBuffer(b *[]byte) {
	if cap(*b) <= 2*joinBytes { // a rare long one is not kept
		buffers.Put(b)
	}
}
