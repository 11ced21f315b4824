package id

import (
	"math"
	"sort"
	"time"
)

// Bucket is the start of a span of time, in milliseconds since 1970. A store keeps the messages of a log in one
// partition per bucket.
type Bucket int64

// Width is a room's bucket width from a moment on. From and Span are in milliseconds; Span is positive.
type Width struct {
	From int64
	Span int64
}

// Widths is the history of a room's bucket widths, oldest first. The first one also holds for all time before it. The
// bucket of an id is a pure function of the id's time and this list, never of the present time. Every node therefore
// finds every message in the bucket where it was stored.
type Widths []Width

// DefaultWidths is the width of a new room: seven days.
var DefaultWidths = Widths{{Span: (7 * 24 * time.Hour).Milliseconds()}}

// Of returns the bucket that holds id.
func (w Widths) Of(u ID) Bucket {
	t := u.UnixMilli()
	at := w.epoch(t)
	b := floor(t, w[at].Span)
	// A bucket never begins before the change of width that began its epoch.
	if at > 0 && b < w[at].From {
		b = w[at].From
	}
	return Bucket(b)
}

// Span returns the end and the width of a bucket of this list. The bucket reaches from b to end, in milliseconds since
// 1970, end not included. It is shorter than the width where a change of width cuts it.
func (w Widths) Span(b Bucket) (end int64, width time.Duration) {
	at := w.epoch(int64(b))
	span := w[at].Span
	end = floor(int64(b), span) + span
	if at+1 < len(w) {
		end = min(end, w[at+1].From)
	}
	return end, time.Duration(span) * time.Millisecond
}

// Newest returns the last width of the list. The moment from which it holds may be in the future.
func (w Widths) Newest() time.Duration {
	return time.Duration(w[len(w)-1].Span) * time.Millisecond
}

// epoch returns the index of the width that holds at t.
func (w Widths) epoch(t int64) int {
	if last := len(w) - 1; last == 0 || w[last].From <= t {
		return last
	}
	return max(0, sort.Search(len(w), func(i int) bool { return w[i].From > t })-1)
}

func floor(t, span int64) int64 {
	q := t / span
	if t%span < 0 {
		q--
	}
	if q < math.MinInt64/span {
		return math.MinInt64
	}
	return q * span
}
