package cassandra

import (
	"context"
	"errors"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
)

const (
	// maxInFlight bounds the statements of a server that Cassandra has not answered. It is far above what
	// a healthy cluster has: 100,000 a second of 5 ms each are 500.
	maxInFlight = 2048
	// slotPatience is how long a statement waits for a place.
	slotPatience = 100 * time.Millisecond
)

var errBusy = chat.ErrUnavailable(errors.New("too many statements wait for Cassandra"))

// slots bound what is under way, so that a cluster that hangs makes requests fail soon instead of piling up. Nil
// bounds nothing.
type slots chan struct{}

// take waits for a place a short while; free gives it back.
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
