package cassandra

import (
	"context"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// present is how far from now the time of a message may be to count as traffic, not as an import.
const present = time.Minute

// maxLooks is how many looks at the past of logs a server runs concurrently. Few are enough, and after a restart every
// log needs one.
const maxLooks = 2

// written counts messages that were written to b. If the width may no longer fit, it starts a check in the background.
func (s *Store) written(l chat.Log, b id.Bucket, last id.ID, n int) {
	now := s.now()
	switch d := now.Sub(last.Time()); {
	case d < -present:
		s.writtenAhead(l, b, last, n)
		return
	case d > present:
		return
	}
	p, ok := s.book.paces.GetIfPresent(l)
	if !ok {
		p, _ = s.book.paces.SetIfAbsent(l, &pace{})
	}
	if q := p.add(b, n, now); q != nil {
		s.answer(l, b, last, p, q)
	}
	if v := p.look(now); v != nil {
		s.lookBack(l, b, last, p, v)
	}
}

// answer answers a question in the background.
func (s *Store) answer(l chat.Log, b id.Bucket, last id.ID, p *pace, q *question) {
	if !s.aside(func(ctx context.Context) {
		a, err := s.fit(ctx, l, b, last, q)
		if err != nil {
			s.log.Warn("the width of a log's buckets could not be looked after", "log", l.ID, "error", err)
		}
		p.done(b, a)
	}) {
		p.done(b, answer{})
	}
}

// fit makes the log's buckets narrower if they get too full.
func (s *Store) fit(ctx context.Context, l chat.Log, b id.Bucket, own id.ID, q *question) (a answer, err error) {
	share, err := s.share(ctx, l, b, own)
	if err != nil {
		return a, err
	}
	a = answer{share, q.counted, q.known}
	if !a.known {
		rows, err := s.rowsIn(ctx, l, b, fullBucket)
		if err != nil {
			return a, err
		}
		a.counted, a.known = count{rows, min(q.rows, rows)}, true
	}
	w, _, err := s.widthsAt(ctx, l, own.UnixMilli())
	if err != nil {
		return a, err
	}
	if span, change := q.fit(w.Newest(), a, own.Time().Sub(time.UnixMilli(int64(b)))); change {
		err = s.changeSpan(ctx, l, w.Newest(), span)
	}
	return a, err
}

func (s *Store) changeSpan(ctx context.Context, l chat.Log, from, to time.Duration) error {
	changed, err := s.setSpan(ctx, l, to)
	if changed {
		s.log.Info("a log's buckets change their width", "log", l.ID, "from", from, "to", to)
	}
	return err
}

// share returns which part of the newest messages this server has written, at least 1/16.
func (s *Store) share(ctx context.Context, l chat.Log, b id.Bucket, own id.ID) (float64, error) {
	var u id.ID
	all, mine := 0, 0
	err := s.db.rows(ctx, sampleRows, func() {
		all++
		if u.SameMaker(own) {
			mine++
		}
	}, newestIDs, []any{string(l.Tenant), uuid(l.ID), int64(b), sampleRows}, into(&u))
	if err != nil || all == 0 {
		return 1, err
	}
	return max(float64(mine)/float64(all), 1.0/manyServers), nil
}

// rowsIn returns how many messages a bucket has. A result of limit means limit or more.
func (s *Store) rowsIn(ctx context.Context, l chat.Log, b id.Bucket, limit int) (int, error) {
	n := 0
	var u id.ID
	err := s.db.rows(ctx, 5000, func() { n++ }, newestIDs, []any{string(l.Tenant), uuid(l.ID), int64(b), limit}, into(&u))
	return n, err
}

// lookBack looks at the past of a log in the background, unless this server runs maxLooks already.
func (s *Store) lookBack(l chat.Log, b id.Bucket, last id.ID, p *pace, v *view) {
	select {
	case s.book.looks <- struct{}{}:
	default:
		p.looked(b, v, 0, false)
		return
	}
	if !s.aside(func(ctx context.Context) {
		defer func() { <-s.book.looks }()
		there, err := s.widen(ctx, l, b, last, v)
		if err != nil {
			s.log.Debug("the past of a log could not be looked at", "log", l.ID, "error", err)
		}
		p.looked(b, v, there, err == nil)
	}) {
		<-s.book.looks
		p.looked(b, v, 0, false)
	}
}

// widen makes buckets wider if the log has been quiet for long. It returns how many rows b has, because this server may
// have started after they were written.
func (s *Store) widen(ctx context.Context, l chat.Log, b id.Bucket, own id.ID, v *view) (there int, err error) {
	w, _, err := s.widthsAt(ctx, l, own.UnixMilli())
	if err != nil {
		return 0, err
	}
	if there, err = s.rowsIn(ctx, l, b, fullBucket); err != nil {
		return 0, err
	}
	if w[len(w)-1].From > own.UnixMilli() {
		return there, nil // about to change
	}
	_, over := step(w.Newest())
	p, err := s.past(ctx, l, w, own.Time(), over)
	if err != nil {
		return there, err
	}
	// A log with much traffic in short buckets has too many rows to read. The server counted its own while it wrote
	// them.
	if p.over == 0 && over == quietTime && v.over >= over {
		share, err := s.share(ctx, l, b, own)
		if err != nil {
			return there, err
		}
		p = past{v.rows / share, v.over}
	}
	if span, change := wider(w.Newest(), p); change {
		err = s.changeSpan(ctx, l, w.Newest(), span)
	}
	return there, err
}

// past counts the rows of the period over that ends now. If it would have to read many rows or buckets, or if the log
// is younger than the period, it gives up: then nothing is known.
func (s *Store) past(ctx context.Context, l chat.Log, w id.Widths, now time.Time, over time.Duration) (past, error) {
	since := now.Add(-over).UnixMilli()
	buckets, err := s.bucketsBefore(ctx, l, maxBucket, indexWindow)
	if err != nil {
		return past{}, err
	}
	rows := 0
	for _, b := range buckets {
		end, _ := w.Span(b)
		if end > since {
			n, err := s.rowsIn(ctx, l, b, fewRows-rows+1)
			if err != nil {
				return past{}, err
			}
			if rows += n; rows > fewRows {
				break
			}
		}
		if int64(b) <= since {
			return past{float64(rows), over}, nil
		}
	}
	return past{}, nil
}
