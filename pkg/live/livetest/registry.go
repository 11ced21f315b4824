package livetest

import (
	"context"
	"sync"
	"time"
)

// forgetAfter is how long a Registry keeps a beat, as a store does.
const forgetAfter = 15 * time.Second

// Registry is a live.Registry in memory, shared by the nodes of a test.
type Registry struct {
	mu    sync.Mutex
	beats map[string]beat
	fail  error
}

type beat struct {
	n  int64
	at time.Time
}

// Beat implements live.Registry.
func (r *Registry) Beat(_ context.Context, node string, n int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.beats == nil {
		r.beats = make(map[string]beat)
	}
	if r.fail == nil {
		r.beats[node] = beat{n, time.Now()}
	}
	return r.fail
}

// Beats implements live.Registry.
func (r *Registry) Beats(context.Context) (map[string]int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[string]int64)
	for node, b := range r.beats {
		if time.Since(b.at) < forgetAfter {
			out[node] = b.n
		}
	}
	return out, r.fail
}

// Fail makes all calls return err until it is called with nil.
func (r *Registry) Fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = err
}
