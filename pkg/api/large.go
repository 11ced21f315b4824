package api

import (
	"context"
	"runtime"

	"golang.org/x/sync/semaphore"
)

// large is the size in bytes from which on answers are made in turn.
const large = 64 << 10

// makers bounds how many large answers are made concurrently: by half of the processors. Hundreds of clients that ask for
// the longest pages then wait for each other, and a small request finds a processor.
var makers = semaphore.NewWeighted(int64(max(1, runtime.GOMAXPROCS(0)/2)))

// InTurn calls f, which makes an answer of about size bytes, or a part of one. If that is large, the call waits for its
// turn. f must only compute, never wait. If ctx ends first, InTurn returns its error and does not call f. It may be called
// concurrently.
func InTurn(ctx context.Context, size int, f func()) error {
	if size >= large {
		if err := makers.Acquire(ctx, 1); err != nil {
			return err
		}
		defer makers.Release(1)
	}
	f()
	return nil
}

// computed is InTurn without an end.
func computed(size int, f func()) { _ = InTurn(context.Background(), size, f) }
