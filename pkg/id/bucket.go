package id

import "time"

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
	at := 0
	for at+1 < len(w) && w[at+1].From <= t {
		at++
	}
	b := floor(t, w[at].Span)
	// A bucket never reaches back over the change of width that began its epoch.
	if at > 0 && b < w[at].From {
		b = w[at].From
	}
	return Bucket(b)
}

func floor(t, span int64) int64 {
	q := t / span
	if t%span < 0 {
		q--
	}
	return q * span
}
