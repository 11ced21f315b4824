package auth

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
)

const (
	// maxWaiting bounds the calls that wait for a Hasher, maxWaitingOfOne those of one address.
	maxWaiting      = 256
	maxWaitingOfOne = 64
	// busyFor is the Retry-After of a call that found no place: in that time even one processor gets through most of
	// the queue of one address.
	busyFor = 2 * time.Second
)

// turns bounds how many calls run concurrently and how many wait. Addresses take turns: a call waits for at most one
// call of each other address before it, and for those of its own address that came earlier. It may be used
// concurrently.
type turns struct {
	mu      sync.Mutex
	free    int                        // calls that may start now; while it is not 0, nobody waits
	waiting int                        // the calls that wait
	of      map[string][]chan struct{} // those of an address, in the order in which they came; never empty
	order   []string                   // the addresses in of, the next first
}

func newTurns(parallel int) *turns {
	return &turns{free: parallel, of: map[string][]chan struct{}{}}
}

// take waits for a turn, which the caller has to pass on. Unavailable if too many wait already (with RetryAfter), or if
// ctx ends first: the call then waits no longer.
func (t *turns) take(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return chat.ErrUnavailable(err)
	}
	address := addressOf(ctx)
	turn, err := t.join(address)
	if turn == nil {
		return err
	}
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		if !t.leave(address, turn) {
			t.pass() // it came at the same moment
		}
		return chat.ErrUnavailable(ctx.Err())
	}
}

// join takes a free turn (nil, nil) or begins to wait for one, which closes the channel.
func (t *turns) join(address string) (chan struct{}, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.free > 0 {
		t.free--
		return nil, nil
	}
	ours := t.of[address]
	if t.waiting >= maxWaiting || len(ours) >= maxWaitingOfOne {
		return nil, &chat.Error{Kind: chat.Unavailable, Cause: RetryAfter{busyFor},
			Message: "too many passwords are being checked now; try again in a moment"}
	}
	turn := make(chan struct{})
	if len(ours) == 0 {
		t.order = append(t.order, address)
	}
	t.of[address] = append(ours, turn)
	t.waiting++
	return turn, nil
}

// pass gives the caller's turn to the next call.
func (t *turns) pass() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.order) == 0 {
		t.free++
		return
	}
	address := t.order[0]
	t.order = t.order[1:]
	next := t.of[address]
	close(next[0])
	t.waiting--
	if len(next) == 1 {
		delete(t.of, address)
		return
	}
	t.of[address] = next[1:]
	t.order = append(t.order, address)
}

// leave ends waiting. It returns false if the call has got its turn.
func (t *turns) leave(address string, turn chan struct{}) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	ours := t.of[address]
	i := slices.Index(ours, turn)
	if i < 0 {
		return false
	}
	t.waiting--
	if len(ours) > 1 {
		t.of[address] = slices.Delete(ours, i, i+1)
		return true
	}
	delete(t.of, address)
	t.order = slices.DeleteFunc(t.order, func(a string) bool { return a == address })
	return true
}

type addressKey struct{}

// WithAddress returns a context of a request from a client's address. Hashing is shared fairly among addresses; calls
// without one count as one address.
func WithAddress(ctx context.Context, address string) context.Context {
	return context.WithValue(ctx, addressKey{}, address)
}

func addressOf(ctx context.Context) string {
	address, _ := ctx.Value(addressKey{}).(string)
	return address
}
