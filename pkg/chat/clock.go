package chat

import (
	"context"
	"fmt"
	"time"
)

// Clock says by which time a store may lose what is too old.
type Clock interface {
	// RemovalTime reads the time of the store, and returns the time by which something may be removed permanently: that
	// one, or an earlier time while it cannot be trusted, as Times decides. The store keeps the Times, over restarts and
	// for all servers. The time of a store that servers share is not that of one of them.
	RemovalTime(ctx context.Context) (time.Time, error)
}

const (
	// trustedJump is how far the time may have advanced from one reading to the next. Servers read it once an hour at
	// least: a longer jump means that none ran, or that the clock is wrong.
	trustedJump = 24 * time.Hour
	// doubtedFor is how long nothing is removed by a time that has jumped.
	doubtedFor = 24 * time.Hour
	// setBack is how far the time goes back without a warning.
	setBack = time.Minute
)

// Times is what a store remembers of the time, so that a clock that is wrong hides messages at worst, and removes none:
// what is hidden shows again when the clock is right. The zero Times has seen nothing.
type Times struct {
	// Trusted is the newest time by which something may be removed.
	Trusted time.Time
	// Doubted is when the time was first seen to be too far ahead of Trusted; zero if it is not.
	Doubted time.Time
	// Last is the time when it was read last.
	Last time.Time
}

// Observe returns what is to be remembered when the time is now, and a warning for the log, if there is one. A time that
// has jumped ahead is trusted once it has advanced from there for a day; one that goes back, immediately.
func (t Times) Observe(now time.Time) (next Times, warning string) {
	next = Times{Trusted: now, Last: now}
	if t.Last.IsZero() {
		return next, ""
	}
	if now.Before(t.Last.Add(-setBack)) {
		warning = fmt.Sprintf("the time is %s, but this store has seen %s: the clock is behind now, or was ahead. Set it right (NTP)",
			spell(now), spell(t.Last))
	}
	if !now.After(t.Trusted.Add(trustedJump)) {
		return next, warning
	}
	next.Trusted, next.Doubted = t.Trusted, t.Doubted
	jumped := t.Doubted.IsZero() || now.Before(t.Doubted) || now.After(t.Last.Add(trustedJump))
	if !jumped && !now.Before(t.Doubted.Add(doubtedFor)) {
		return Times{Trusted: now, Last: now}, "the time is trusted now: what is too old by it is removed"
	}
	if jumped {
		next.Doubted = now
	}
	if jumped || now.Truncate(time.Hour).After(t.Last.Truncate(time.Hour)) {
		warning = fmt.Sprintf("the time is %s, but this store was in use at %s and not since: the clock is wrong, or no server ran. "+
			"Until %s nothing is removed that is too old by it. If the clock is wrong, set it right (NTP) before; otherwise there is nothing to do",
			spell(now), spell(t.Trusted), spell(next.Doubted.Add(doubtedFor)))
	}
	return next, warning
}

// Removal returns the time by which something may be removed when the time is now.
func (t Times) Removal(now time.Time) time.Time {
	if now.After(t.Trusted) {
		return t.Trusted
	}
	return now
}

func spell(t time.Time) string { return t.UTC().Format(time.RFC3339) }
