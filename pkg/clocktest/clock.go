// Package clocktest is a clock for tests, which moves only when a test moves it.
package clocktest

import (
	"sync"
	"time"
)

// Clock is a time that stands still until it is moved. It may be used concurrently. The zero Clock stands at the
// zero time.
type Clock struct {
	mu sync.Mutex
	at time.Time
}

// New returns a clock that stands at that time.
func New(at time.Time) *Clock { return &Clock{at: at} }

// Now returns the time at which the clock stands.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// Add moves the clock by d: backwards if that is negative.
func (c *Clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// Set moves the clock to that time, earlier or later.
func (c *Clock) Set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}
