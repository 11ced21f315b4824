package limit

import (
	"sync"
	"time"
)

// Windows counts what is done for keys, so that of a key there are at most so many in any time of a length. Buckets may let
// through twice as many: all at once, and as many more as are free until the time is over. It keeps keys for which something
// was done in the last length only. It may be used concurrently.
type Windows struct {
	now func() time.Time
	per time.Duration

	mu    sync.Mutex
	of    map[string]*window
	swept time.Time
}

// window is what was done for a key, oldest first.
type window struct {
	steps []step
	sum   int
}

// step is what was done in a short time. All of it counts as done at its last moment.
type step struct {
	begun, last time.Time
	n           int
}

// mostSteps is how many steps a length has at most: how much is kept of a key.
const mostSteps = 600

// NewWindows returns windows of a length that go by a clock.
func NewWindows(now func() time.Time, per time.Duration) *Windows {
	return &Windows{now: now, per: per, of: map[string]*window{}}
}

// Take counts n for a key, or nothing if that would be more than most in the length that ends now. refund takes it back.
func (ws *Windows) Take(key string, n, most int) (refund func(), ok bool) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	now := ws.now()
	ws.sweep(now)
	w := ws.of[key]
	if w == nil {
		w = &window{}
		ws.of[key] = w
	}
	w.pass(now.Add(-ws.per))
	if w.sum+n > most {
		return nil, false
	}
	if i := len(w.steps); i == 0 || now.Sub(w.steps[i-1].begun) >= ws.per/mostSteps {
		w.steps = append(w.steps, step{begun: now})
	}
	s := &w.steps[len(w.steps)-1]
	s.last = now
	s.n += n
	w.sum += n
	return func() {
		ws.mu.Lock()
		defer ws.mu.Unlock()
		w.takeBack(now, n)
	}, true
}

// takeBack takes back n that were counted at a time, if they still count.
func (w *window) takeBack(at time.Time, n int) {
	for i := len(w.steps) - 1; i >= 0; i-- {
		if s := &w.steps[i]; !s.begun.After(at) {
			s.n -= n
			w.sum -= n
			return
		}
	}
}

// pass forgets what was done until a time.
func (w *window) pass(until time.Time) {
	passed := 0
	for passed < len(w.steps) && !w.steps[passed].last.After(until) {
		w.sum -= w.steps[passed].n
		passed++
	}
	w.steps = w.steps[passed:]
}

// sweep forgets keys for which nothing was done for a length, once in a length.
func (ws *Windows) sweep(now time.Time) {
	if now.Sub(ws.swept).Abs() < ws.per {
		return
	}
	ws.swept = now
	for key, w := range ws.of {
		if w.pass(now.Add(-ws.per)); len(w.steps) == 0 {
			delete(ws.of, key)
		}
	}
}
