package id

import (
	"math"
	"sort"
	"time"
)

// Bucket is the start of a span of time, in milliseconds since 1970. A log's
// messages are kept one partition a bucket.
type Bucket int64

// Width is a room's bucket width from a moment on. From and Span are in
// milliseconds; Span is positive.
type Width struct {
	From int64
	Span int64
}

// Widths is the history of a room's bucket widths, oldest first, the first one
// being valid for all time before as well. The bucket of an id is a pure function of
// its own time and this list, never of the present time, so that every node
// finds every message where it was put.
type Widths []Width

// DefaultWidths is what a room starts with: seven days.
var DefaultWidths = Widths{{Span: (7 * 24 * time.Hour).Milliseconds()}}

// Of returns the bucket that holds id.
func (w Widths) Of(u ID) Bucket {
	t := u.UnixMilli()
	at := w.epoch(t)
	b := floor(t, w[at].Span)
	// A bucket never reaches back over the change of width that began its epoch.
	if at > 0 && b < w[at].From {
		b = w[at].From
	}
	return Bucket(b)
}

// Span returns how far a bucket of this list reaches: from itself to end, in milliseconds since 1970,
// end not included. It is shorter than the width where a change of width cuts it.
func (w Widths) Span(b Bucket) (end int64, width time.Duration) {
	at := w.epoch(int64(b))
	span := w[at].Span
	end = floor(int64(b), span) + span
	if at+1 < len(w) {
		end = min(end, w[at+1].From)
	}
	return end, time.Duration(span) * time.Millisecond
}

// Newest returns the last width, in time as it may not have come yet.
func (w Widths) Newest() time.Duration {
	return time.Duration(w[len(w)-1].Span) * time.Millisecond
}

// epoch returns which width is valid at t.
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
