// Package turns shares what only a few may do at a time, such as hashing a password, fairly among many: addresses or
// accounts.
//
// A Turns runs a fixed number of calls and keeps a bounded queue of others. Those for whom calls are made take turns, so
// a flood of calls for one of them delays a call for another by one of its calls, not by all.
package turns

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// ErrFull is the error of a call that found no place in the queue.
var ErrFull = errors.New("too many wait already")

// Limits bound the calls of a Turns.
type Limits struct {
	Parallel int // that run concurrently
	Waiting  int // that wait
	OfOne    int // of one name that wait
}

// Turns bounds how many calls run concurrently and how many wait. Names take turns: a call waits for at most one call of
// each other name before it, and for those of its own name that came earlier. It may be used concurrently.
type Turns struct {
	limits  Limits
	mu      sync.Mutex
	free    int                        // calls that may start now; while it is not 0, no call waits
	waiting int                        // the calls that wait
	of      map[string][]chan struct{} // those of a name, in the order in which they came; never empty
	order   []string                   // the names in of, the next first
}

// New returns a Turns with nobody in it.
func New(l Limits) *Turns {
	return &Turns{limits: l, free: l.Parallel, of: map[string][]chan struct{}{}}
}

// Take waits for a turn, which the caller has to Pass on. ErrFull if too many wait already, or the error of ctx if it ends
// first: the call then waits no longer.
func (t *Turns) Take(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	turn, err := t.join(name)
	if turn == nil {
		return err
	}
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		if !t.leave(name, turn) {
			t.Pass() // it came at the same moment
		}
		return ctx.Err()
	}
}

// join takes a free turn (nil, nil) or begins to wait for one, which closes the channel.
func (t *Turns) join(name string) (chan struct{}, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.free > 0 {
		t.free--
		return nil, nil
	}
	ours := t.of[name]
	if t.waiting >= t.limits.Waiting || len(ours) >= t.limits.OfOne {
		return nil, ErrFull
	}
	turn := make(chan struct{})
	if len(ours) == 0 {
		t.order = append(t.order, name)
	}
	t.of[name] = append(ours, turn)
	t.waiting++
	return turn, nil
}

// Pass gives the caller's turn to the next call.
func (t *Turns) Pass() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.order) == 0 {
		t.free++
		return
	}
	name := t.order[0]
	t.order = t.order[1:]
	next := t.of[name]
	close(next[0])
	t.waiting--
	if len(next) == 1 {
		delete(t.of, name)
		return
	}
	t.of[name] = next[1:]
	t.order = append(t.order, name)
}

// leave ends waiting. It returns false if the call has got its turn.
func (t *Turns) leave(name string, turn chan struct{}) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	ours := t.of[name]
	i := slices.Index(ours, turn)
	if i < 0 {
		return false
	}
	t.waiting--
	if len(ours) > 1 {
		t.of[name] = slices.Delete(ours, i, i+1)
		return true
	}
	delete(t.of, name)
	t.order = slices.DeleteFunc(t.order, func(a string) bool { return a == name })
	return true
}
