package server

import (
	"io"
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
	pool   *budget.Pool
	client client
	read   int64
	taken  int64
}

// Read implements io.Reader. The error is Unavailable (with RetryAfter) if the pool has nothing left.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	// A slice that grows while it is read is up to twice as large as what it holds.
	for b.read += int64(n); 2*b.read > smallBody+b.taken; b.taken += bodyStep {
		if !b.pool.Take(b.client.address(), bodyStep) {
			return 0, &chat.Error{Kind: chat.Unavailable, Cause: chat.RetryAfter{Duration: 2 * time.Second},
				Message: "too many large requests are under way; try again in a moment"}
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
