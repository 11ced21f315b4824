package client

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	firstPause = 500 * time.Millisecond
	mostPause  = 30 * time.Second
)

// backoff gives pauses that double from firstPause to mostPause. Each is shortened by up to a half at random, so that the
// clients of a server that restarts do not come back together.
type backoff struct{ full time.Duration }

func (b *backoff) next() time.Duration {
	b.full = min(max(2*b.full, firstPause), mostPause)
	return b.full - rand.N(b.full/2)
}

func (b *backoff) reset() { b.full = 0 }

// sleep waits for d. It returns an error if ctx ends before that.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
