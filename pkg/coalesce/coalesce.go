// Package coalesce shares one read among callers that ask for the same thing at the same time.
//
// Group is its only type. It guarantees that a caller never gets the result of a read that began before its call.
package coalesce

import (
	"context"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/guard"
)

// patience bounds how long a read waits for the one before it. All callers that arrive meanwhile share the waiting
// read. Because of the bound, a read that hangs does not block later callers.
const patience = 50 * time.Millisecond

// Group coalesces concurrent reads of a key. A caller that arrives while a read is running does not get its result,
// which may be older than the call. It waits for the next read, together with all other callers that arrived meanwhile.
// For each key there is at most one read that callers can still join. The zero Group is ready to use. All methods may
// be called concurrently.
type Group[K comparable, V any] struct {
	// Timeout of a read; 10 seconds if 0.
	Timeout time.Duration

	mu   sync.Mutex
	keys map[K]*reads[V]
}

// reads are the reads of a key: the one that began last, and the next one, which has not begun.
type reads[V any] struct {
	last, next *flight[V]
	running    int
}

type flight[V any] struct {
	done    chan struct{}
	value   V
	err     error
	cancel  context.CancelFunc
	waiting int // callers that still wait for the result
}

// Do returns the result of a call of read that began after Do did. It may be the read of another caller with the same
// key. The value is therefore shared, and no caller may change it. The context of read has the values of one caller and
// a deadline of its own; it ends early only when no caller waits any longer. Do itself returns early with the error of
// ctx when ctx ends.
func (g *Group[K, V]) Do(ctx context.Context, key K, read func(ctx context.Context) (V, error)) (V, error) {
	g.mu.Lock()
	if g.keys == nil {
		g.keys = map[K]*reads[V]{}
	}
	r := g.keys[key]
	if r == nil {
		r = &reads[V]{}
		g.keys[key] = r
	}
	if r.running == 0 && r.next == nil {
		f, rctx := g.launch(ctx, r)
		r.last = f
		g.mu.Unlock()
		go g.run(rctx, key, r, f, read)
		return g.wait(ctx, r, f)
	}
	if r.next == nil {
		f, rctx := g.launch(ctx, r)
		r.next = f
		go g.follow(rctx, key, r, r.last, f, read)
	} else {
		r.next.waiting++
	}
	f := r.next
	g.mu.Unlock()
	return g.wait(ctx, r, f)
}

// launch makes a flight with one waiting caller.
func (g *Group[K, V]) launch(ctx context.Context, r *reads[V]) (*flight[V], context.Context) {
	timeout := g.Timeout
	if timeout == 0 {
		timeout = 10 * time.Second
	}
	rctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	r.running++
	return &flight[V]{done: make(chan struct{}), cancel: cancel, waiting: 1}, rctx
}

// follow begins f when the flight before it is done, or after patience.
func (g *Group[K, V]) follow(ctx context.Context, key K, r *reads[V], before, f *flight[V], read func(context.Context) (V, error)) {
	t := time.NewTimer(patience)
	select {
	case <-before.done:
	case <-t.C:
	case <-ctx.Done():
	}
	t.Stop()
	g.mu.Lock()
	if r.next == f {
		r.last, r.next = f, nil // callers cannot join f from now on
	}
	g.mu.Unlock()
	g.run(ctx, key, r, f, read)
}

func (g *Group[K, V]) run(ctx context.Context, key K, r *reads[V], f *flight[V], read func(context.Context) (V, error)) {
	defer func() {
		f.cancel()
		g.mu.Lock()
		if r.running--; r.running == 0 {
			delete(g.keys, key)
		}
		g.mu.Unlock()
		close(f.done)
	}()
	if f.err = ctx.Err(); f.err == nil {
		f.err = guard.Try(func() (err error) {
			f.value, err = read(ctx)
			return err
		})
	}
}

func (g *Group[K, V]) wait(ctx context.Context, r *reads[V], f *flight[V]) (V, error) {
	select {
	case <-f.done:
		return f.value, f.err
	case <-ctx.Done():
		g.mu.Lock()
		if f.waiting--; f.waiting == 0 {
			f.cancel()
			if r.next == f {
				r.next = nil // no caller may join a cancelled read
			}
		}
		g.mu.Unlock()
		var none V
		return none, ctx.Err()
	}
}
