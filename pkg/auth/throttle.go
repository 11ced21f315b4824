package auth

import (
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/time/rate"
)

// throttled bounds the number of keys (pairs of login and address) that are watched.
const throttled = 100_000

// Throttle slows failed logins for each key (a login and an address). It may be used concurrently.
type Throttle struct {
	perMinute int
	limiters  *otter.Cache[string, *rate.Limiter]
}

// NewThrottle allows perMinute failures a minute for each key, in a burst or spread; 0 turns it off.
func NewThrottle(perMinute int) *Throttle {
	return &Throttle{perMinute: perMinute, limiters: otter.Must(&otter.Options[string, *rate.Limiter]{
		MaximumSize:      throttled,
		ExpiryCalculator: otter.ExpiryAccessing[string, *rate.Limiter](5 * time.Minute),
	})}
}

// Wait returns how long key has to wait before its next try; 0 if it may try now.
func (t *Throttle) Wait(key string) time.Duration {
	if t.perMinute <= 0 {
		return 0
	}
	l, ok := t.limiters.GetIfPresent(key)
	if !ok || l.Tokens() >= 1 {
		return 0
	}
	return time.Duration((1 - l.Tokens()) / float64(l.Limit()) * float64(time.Second))
}

// Failed counts a failure of key.
func (t *Throttle) Failed(key string) {
	if t.perMinute <= 0 {
		return
	}
	l, _ := t.limiters.ComputeIfAbsent(key, func() (*rate.Limiter, bool) {
		return rate.NewLimiter(rate.Limit(float64(t.perMinute)/60), t.perMinute), false
	})
	l.Allow()
}

// Close stops the background work.
func (t *Throttle) Close() { t.limiters.StopAllGoroutines() }
