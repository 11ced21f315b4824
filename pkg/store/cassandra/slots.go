package cassandra

import (
	"context"
	"errors"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
)

const (
	// maxInFlight bounds the unanswered statements of a server. It is far above what a healthy cluster needs: 100,000
	// statements a second of 5 ms each are 500 in flight.
	maxInFlight = 2048
	// slotPatience is how long a statement waits for a free slot.
	slotPatience = 100 * time.Millisecond
)

var errBusy = chat.ErrUnavailable(errors.New("too many statements wait for Cassandra"))

// slots bounds the statements in flight, so that requests to a cluster that hangs fail soon instead of piling up. Nil
// bounds nothing.
type slots chan struct{}

// take waits up to slotPatience for a slot; free releases it.
func (s slots) take(ctx context.Context) error {
	if s == nil {
		return nil
	}
	select {
	case s <- struct{}{}:
		return nil
	default:
	}
	t := time.NewTimer(slotPatience)
	defer t.Stop()
	select {
	case s <- struct{}{}:
		return nil
	case <-t.C:
		return errBusy
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s slots) free() {
	if s != nil {
		<-s
	}
}
