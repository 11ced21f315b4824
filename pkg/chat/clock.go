package chat

import (
	"context"
	"fmt"
	"time"
)

// Clock says by which time old data may be removed from a store.
type Clock interface {
	// RemovalTime reads the time of the store and returns the time by which data may be removed permanently. That is the
	// time of the store, or an earlier time while it cannot be trusted, as Times decides. The store keeps the Times across
	// restarts and for all servers. A store that several servers share has its own time, not that of one of them.
	RemovalTime(ctx context.Context) (time.Time, error)
}

const (
	// trustedJump is how far the time may advance from one reading to the next and still be trusted. Servers read it at
	// least once an hour: a longer jump means that no server ran or that the clock is wrong.
	trustedJump = 24 * time.Hour
	// doubtedFor is how long a time that has jumped removes nothing.
	doubtedFor = 24 * time.Hour
	// setBack is how far the time may go back without a warning.
	setBack = time.Minute
)

// Times is what a store keeps about its time. It keeps a wrong clock from removing messages. Such a clock can only
// hide messages, and they are shown again when the clock is right. The zero Times has observed nothing.
type Times struct {
	// Trusted is the newest time by which data may be removed.
	Trusted time.Time
	// Doubted is the time that was first observed too far ahead of Trusted; zero if the time is trusted.
	Doubted time.Time
	// Last is the time as it was last read.
	Last time.Time
}

// Observe returns the Times to store when the time is now, and a warning for the log, if there is one. A time that has
// jumped ahead is trusted after it has advanced for a day from there. A time that has gone back is trusted immediately.
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

// Removal returns the time by which data may be removed when the time is now.
func (t Times) Removal(now time.Time) time.Time {
	if now.After(t.Trusted) {
		return t.Trusted
	}
	return now
}

func spell(t time.Time) string { return t.UTC().Format(time.RFC3339) }
