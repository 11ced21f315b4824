// Package coalesce lets identical reads that come at the same time share their work, and
// never answers a request with what was read before it came.
package coalesce

import (
	"context"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/guard"
)

// patience is how long reads wait for one that began before them, to be shared by all that
// come meanwhile. One that hangs does not hold up those that come later.
const patience = 50 * time.Millisecond

// Group runs reads. For each key there is at most one that others can still join: those that come while
// one is under way share the next one. The zero Group is ready; all methods may be called concurrently.
type Group[K comparable, V any] struct {
	// Timeout of a read; 10 seconds if 0.
	Timeout time.Duration

	mu   sync.Mutex
	keys map[K]*reads[V]
}

// reads are those of a key: the one that began last, and the one after it.
type reads[V any] struct {
	last, next *flight[V]
	running    int
}

type flight[V any] struct {
	done    chan struct{}
	value   V
	err     error
	cancel  context.CancelFunc
	waiting int // who still wants the answer
}

// Do returns what a call of read returned that began after Do did. read may be one of another caller
// with the same key, so the value is shared: nobody may change it. Its context has the values of one
// caller, but a deadline of its own, and ends early only when nobody waits any longer. Do itself
// returns early with the error of ctx when that ends.
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

// launch makes a flight with one who waits for it.
func (g *Group[K, V]) launch(ctx context.Context, r *reads[V]) (*flight[V], context.Context) {
	timeout := g.Timeout
	if timeout == 0 {
		timeout = 10 * time.Second
	}
	rctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	r.running++
	return &flight[V]{done: make(chan struct{}), cancel: cancel, waiting: 1}, rctx
}

// follow begins f when the one before is done, or has had its time.
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
		r.last, r.next = f, nil // from now on it is too late to join
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
				r.next = nil // nobody joins what was given up
			}
		}
		g.mu.Unlock()
		var none V
		return none, ctx.Err()
	}
}
