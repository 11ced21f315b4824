package server

import (
	"io"
	"net/http"
	"time"

	"github.com/confab-chat/confab/pkg/budget"
	"github.com/confab-chat/confab/pkg/chat"
)

const (
	// smallBody is what each request may send in any case, in bytes. Logins and usual messages are no longer.
	smallBody = 16 << 10
	// bodyStep is how much of the pool is taken at a time.
	bodyStep = 64 << 10
)

// body is the body of a request. What it has beyond smallBody is taken from a pool until the request ends, because a
// handler keeps a body until it is whole. A client may take half a minute to send it.
type body struct {
	io.ReadCloser
	w      http.ResponseWriter
	pool   *budget.Pool
	client client
	read   int64
	taken  int64
	// extend, if set, gives the client another half minute. It is so for bodies that are read as they come.
	extend   func()
	extended int64 // how much was read then
}

// streamBytes is what is taken for a body that is read as it comes: its handler keeps no more of it than buffers.
const streamBytes = 320 << 10

// Stream makes the body one that its handler does not keep. The client may send it for as long as it keeps coming: half a
// minute for each 64 KiB. See api.ReadUpload.
func (b *body) Stream() error {
	if !b.pool.Take(b.client.address(), streamBytes) {
		return errBusy()
	}
	b.taken += streamBytes
	rc := http.NewResponseController(b.w)
	b.extend = func() { _ = rc.SetReadDeadline(time.Now().Add(bodyWithin)) }
	b.extend()
	return nil
}

func errBusy() error {
	return &chat.Error{Kind: chat.Unavailable, Cause: chat.RetryAfter{Duration: 2 * time.Second},
		Message: "too many large requests are under way; try again in a moment"}
}

// Read implements io.Reader. The error is Unavailable (with RetryAfter) if the pool has nothing left.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.extend != nil {
		if b.read += int64(n); b.read-b.extended >= piece {
			b.extended = b.read
			b.extend()
		}
		return n, err
	}
	// A slice that grows while it is read is up to twice as large as what it holds.
	for b.read += int64(n); 2*b.read > smallBody+b.taken; b.taken += bodyStep {
		if !b.pool.Take(b.client.address(), bodyStep) {
			return 0, errBusy()
		}
	}
	return n, err
}

// end gives back what was taken. The handler has ended.
func (b *body) end() {
	if b.taken > 0 {
		b.pool.Give(b.client.address(), b.taken)
	}
}
