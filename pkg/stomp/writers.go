package stomp

import (
	"sync"
	"syscall"
	"time"

	"github.com/confab-chat/confab/pkg/guard"
)

// writers write what is queued for WebSockets. A few goroutines do this for all WebSockets. They are started when there
// is something to write, and end when there is not. They never wait for a client.
//
// A connection that accepts only a part of what is written, or that ends, gets a goroutine of its own
// (wsTransport.write) until its queue is empty.
type writers struct {
	srv  *Server
	most int // the most that run concurrently: one for each processor, because they never wait

	mu          sync.Mutex // taken last, after a connection's
	first, last *wsTransport
	waiting     int
	running     int
}

const (
	// writeTurn is the most connections that a writer takes at a time.
	writeTurn = 16
	// writersPer is how many connections must wait per writer before another writer is started. For smaller broadcasts,
	// another goroutine costs more than it saves.
	writersPer = 128
)

// add queues a connection. The connection's lock is held. It must not be queued already, and no goroutine may be
// writing to it.
func (w *writers) add(t *wsTransport) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.last == nil {
		w.first = t
	} else {
		w.last.after = t
	}
	w.last = t
	w.waiting++
	if w.running == 0 || w.waiting > w.running*writersPer && w.running < w.most {
		w.running++
		w.srv.work.Go(w.run)
	}
}

// take moves the connections that have waited longest into turn. If there are none, the calling writer must end.
func (w *writers) take(turn *[writeTurn]*wsTransport) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for ; n < writeTurn && w.first != nil; n++ {
		t := w.first
		w.first, t.after = t.after, nil
		turn[n] = t
	}
	if w.first == nil {
		w.last = nil
	}
	w.waiting -= n
	if n == 0 {
		w.running--
	}
	return n
}

// run is the goroutine of a writer.
func (w *writers) run() {
	work := writes.Get().(*writeWork)
	defer work.put()
	var turn [writeTurn]*wsTransport
	for n := w.take(&turn); n > 0; n = w.take(&turn) {
		now := w.srv.now()
		for i := 0; i < n; i++ {
			i = w.writeFrom(work, turn[:n], i, now)
		}
	}
}

// writeFrom writes to turn[i] and the connections after it. It returns the index of the connection whose write
// panicked, or len(turn).
func (w *writers) writeFrom(work *writeWork, turn []*wsTransport, i int, now time.Time) (at int) {
	defer func() {
		if value := recover(); value != nil {
			guard.Note(w.srv.log, "writing to a client", value)
			guard.Run(w.srv.log, "ending a connection", turn[at].c.abandon)
		}
	}()
	for at = i; at < len(turn); at++ {
		turn[at].writeSome(work, now.UnixNano())
		turn[at] = nil
	}
	return at
}

// writeSome writes as much of what is queued as it can without waiting.
func (t *wsTransport) writeSome(work *writeWork, now int64) {
	batch := t.nextSome(work.entries[:0])
	if len(batch) == 0 {
		return
	}
	work.buf = t.appendFrames(work.buf[:0], batch)
	if n := work.tryWrite(t.raw); n < len(work.buf) {
		t.c.writing.Store(now)
		t.writeAlone(append([]byte(nil), work.buf[n:]...))
		return
	}
	t.c.lastWrite.Store(now)
	t.wrote()
}

// nextSome takes what is to be written next. If it returns nothing, the caller must leave the connection alone.
func (t *wsTransport) nextSome(into []entry) []entry {
	c := t.c
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case t.closed:
		t.writer = false
	case c.ending != nil:
		t.writeAlone(nil)
	default:
		into, _ = c.takeLocked(into)
		t.writer = len(into) > 0
		return into
	}
	return nil
}

// wrote queues the connection again, behind the others, if there is more to write.
func (t *wsTransport) wrote() {
	c := t.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.queue.n == 0 && c.ending == nil || t.closed {
		t.writer = false
		return
	}
	c.srv.writers.add(t)
}

// writeAlone starts the goroutine that writes rest and then what is queued. That goroutine waits for the client.
// t.writer is true.
func (t *wsTransport) writeAlone(rest []byte) {
	t.c.srv.work.Add(1)
	go t.write(rest)
}

// tryWrite writes as much of the buffer as the connection accepts without waiting.
func (w *writeWork) tryWrite(conn syscall.RawConn) int {
	w.wrote = 0
	_ = conn.Write(w.attempt) // an error occurs again when the rest is written
	return w.wrote
}

func newWriteWork() any {
	w := &writeWork{buf: make([]byte, 0, 4<<10)}
	w.attempt = func(fd uintptr) bool {
		w.wrote = max(writeNow(fd, w.buf), 0)
		return true // do not wait, whatever the result
	}
	return w
}
