package server

import (
	"bufio"
	"net"
	"net/http"
	"time"

	"github.com/confab-chat/confab/pkg/budget"
)

const (
	// takenWithin is how long a client may take to receive each piece of an answer. A client that takes longer is cut off,
	// because the answer is kept in memory until it is received.
	takenWithin = 30 * time.Second
	// piece is how many bytes of an answer a client has to receive in that time.
	piece = 64 << 10
	// takenHurriedly is takenWithin while others wait for much already. Clients that do read are fast enough for it.
	takenHurriedly = 2 * time.Second
	// extendEvery is the age from which on a deadline is replaced by a new one. Most requests end earlier.
	extendEvery = time.Second
)

// writer is a ResponseWriter that sets a deadline for each piece of an answer. A connection that is hijacked has none.
//
// It does not implement io.ReaderFrom, so that io.Copy writes in pieces too.
type writer struct {
	http.ResponseWriter
	extended time.Time // when the deadline was set
	hijacked bool
	client   client
	pool     *budget.Pool // what answers larger than a piece take their size from
	hurried  bool         // the pool had not enough
}

// extend sets the deadline of what is written next. That includes net/http's own buffer and its "100 Continue".
func (w *writer) extend() {
	now := time.Now()
	if w.hijacked || now.Sub(w.extended) < extendEvery {
		return
	}
	w.extended = now
	within := takenWithin
	if w.hurried {
		within = takenHurriedly
	}
	// An unsupported deadline (a test's recorder) is no reason to refuse.
	_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(now.Add(within))
}

// Write implements http.ResponseWriter.
func (w *writer) Write(b []byte) (written int, err error) {
	if size := int64(len(b)); size > piece {
		if address := w.client.address(); w.pool.Take(address, size) {
			defer w.pool.Give(address, size)
		} else if !w.hurried {
			w.hurried, w.extended = true, time.Time{}
		}
	}
	for {
		w.extend()
		n, err := w.ResponseWriter.Write(b[:min(len(b), piece)])
		written += n
		if b = b[n:]; err != nil || len(b) == 0 {
			return written, err
		}
	}
}

// Flush implements http.Flusher.
func (w *writer) Flush() { _ = w.FlushError() }

// FlushError is called by http.ResponseController.
func (w *writer) FlushError() error {
	w.extend()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack implements http.Hijacker. net/http removes the deadlines of a hijacked connection.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	w.hijacked = err == nil
	return c, rw, err
}

// Unwrap is called by http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
