package cassandra

import (
	"context"
	"time"

	"github.com/gocql/gocql"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

const (
	claimEpoch = `INSERT INTO log_widths (tenant, log_id, epoch, begins, span, claim) VALUES (?, ?, ?, ?, ?, ?) IF NOT EXISTS`
	// Applied once for each epoch, with true or false.
	sealEpoch     = `UPDATE log_widths SET sealed = ? WHERE tenant = ? AND log_id = ? AND epoch = ? IF sealed = null`
	selectEpoch   = `SELECT claim, sealed FROM log_widths WHERE tenant = ? AND log_id = ? AND epoch = ?`
	deleteWidths  = `DELETE FROM log_widths WHERE tenant = ? AND log_id = ?`
	announceEpoch = `INSERT INTO width_changes (period, announced, tenant, log_id, epoch) VALUES (?, ?, ?, ?, ?)`

	newestIDs  = `SELECT message_id FROM messages WHERE tenant = ? AND log_id = ? AND bucket = ? ORDER BY message_id DESC LIMIT ?`
	sampleRows = 200
)

// giveUp decides that an epoch never counts, unless it is sealed. Either way it is
// decided when it returns.
func (s *Store) giveUp(ctx context.Context, l chat.Log, n int) error {
	_, err := s.seal(ctx, l, n, false)
	return err
}

// seal decides about an epoch, and reports whether it was this call that did.
func (s *Store) seal(ctx context.Context, l chat.Log, n int, counts bool) (bool, error) {
	key := []any{string(l.Tenant), uuid(l.ID), n}
	look := func(ctx context.Context) (standing, error) {
		var claim gocql.UUID
		var sealed *bool
		_, err := s.db.decided(ctx, selectEpoch, key, &claim, &sealed)
		switch {
		case err != nil || sealed == nil:
			return open, err
		case *sealed == counts:
			return mine, nil
		default:
			return lost, nil
		}
	}
	return s.db.decide(ctx, look, sealEpoch, append([]any{counts}, key...)...)
}

// setSpan gives a log another width, from about grace from now on. It reports false if it did not:
// because somebody else is at it, or because it took too long.
func (s *Store) setSpan(ctx context.Context, l chat.Log, span time.Duration) (bool, error) {
	now, err := s.book.clock(ctx)
	if err != nil {
		return false, err
	}
	w, err := s.readWidths(ctx, l)
	if err != nil {
		return false, err
	}
	if w.open <= now.UnixMilli() {
		// Left behind by a server that died.
		return false, s.giveUp(ctx, l, w.number)
	}
	if last := w.list[len(w.list)-1]; w.open != neverMillis || last.From > now.UnixMilli() || last.Span == span.Milliseconds() {
		return false, nil
	}
	begins := now.Add(grace)
	newest, found, err := s.newestID(ctx, l)
	if err != nil {
		return false, err
	}
	if found && newest.Time().After(now) {
		begins = newest.Time().Add(grace)
	}
	// Whole milliseconds, as buckets have.
	from := begins.UnixMilli()
	n := w.last + 1
	claimed, err := s.claimEpoch(ctx, l, n, from, span)
	if err != nil || !claimed {
		return false, err
	}
	at := now.UnixMilli()
	period := changesPeriod.Milliseconds()
	if err := s.db.exec(ctx, announceEpoch, at-at%period, at, string(l.Tenant), uuid(l.ID), n); err != nil {
		return false, err
	}
	// Messages that are there by now, and the moment: both read after the claim.
	newest, found, err = s.newestID(ctx, l)
	if err != nil {
		return false, err
	}
	if now, err = s.book.clock(ctx); err != nil {
		return false, err
	}
	inTime := now.UnixMilli() <= from-(validFor+margin).Milliseconds()
	counts := inTime && !(found && newest.UnixMilli() >= from)
	decided, err := s.seal(ctx, l, n, counts)
	s.book.forget(l)
	return decided && counts, err
}

func (s *Store) claimEpoch(ctx context.Context, l chat.Log, n int, from int64, span time.Duration) (bool, error) {
	own := gocql.MustRandomUUID()
	look := func(ctx context.Context) (standing, error) {
		var claim gocql.UUID
		var sealed *bool
		found, err := s.db.decided(ctx, selectEpoch, []any{string(l.Tenant), uuid(l.ID), n}, &claim, &sealed)
		switch {
		case err != nil || !found:
			return open, err
		case claim == own:
			return mine, nil
		default:
			return lost, nil
		}
	}
	return s.db.decide(ctx, look, claimEpoch, string(l.Tenant), uuid(l.ID), n, from, span.Milliseconds(), own)
}

// newestID returns the newest message there is. The index is asked: the message may be of any time.
func (s *Store) newestID(ctx context.Context, l chat.Log) (newest id.ID, found bool, err error) {
	for from := maxBucket; ; {
		buckets, err := s.bucketsBefore(ctx, l, from, indexWindow)
		if err != nil {
			return id.ID{}, false, err
		}
		for _, b := range buckets {
			found, err := s.db.row(ctx, newestIDs, []any{string(l.Tenant), uuid(l.ID), int64(b), 1}, into(&newest))
			if err != nil || found {
				return newest, found, err
			}
		}
		if len(buckets) < indexWindow {
			return id.ID{}, false, nil
		}
		from = buckets[len(buckets)-1]
	}
}

// present is how far from now a message may be to count as traffic, not as an import.
const present = time.Minute

// written counts messages that went into b, and has the width looked after when they are many.
func (s *Store) written(l chat.Log, b id.Bucket, last id.ID, n int) {
	now := s.now()
	if d := now.Sub(last.Time()); d > present || d < -present {
		return
	}
	p, ok := s.book.paces.GetIfPresent(l)
	if !ok {
		p, _ = s.book.paces.SetIfAbsent(l, &pace{})
	}
	q := p.add(b, n, now)
	if q == nil {
		return
	}
	if !s.aside(func(ctx context.Context) {
		before, known, err := s.fit(ctx, l, b, last, q)
		if err != nil {
			s.log.Warn("the width of a log's buckets could not be looked after", "log", l.ID, "error", err)
		}
		p.done(b, before, known)
	}) {
		p.done(b, 0, false)
	}
}

// fit answers a question: it changes the width if another one fits better. It returns how many
// rows others have put into the bucket.
func (s *Store) fit(ctx context.Context, l chat.Log, b id.Bucket, own id.ID, q *question) (before int, known bool, err error) {
	share, err := s.share(ctx, l, b, own)
	if err != nil {
		return 0, false, err
	}
	before, known = q.before, q.known
	if !known && !q.wider {
		rows, err := s.rowsIn(ctx, l, b, fullBucket)
		if err != nil {
			return 0, false, err
		}
		before, known = max(0, rows-q.rows), true
	}
	w, _, err := s.widthsAt(ctx, l, own.UnixMilli())
	if err != nil {
		return before, known, err
	}
	now := time.Duration(w[len(w)-1].Span) * time.Millisecond
	span, change := verdict(now, q.rate/share, q.average/share, before+int(float64(q.rows)/share), q.wider)
	if !change {
		return before, known, nil
	}
	changed, err := s.setSpan(ctx, l, span)
	if changed {
		s.log.Info("a log's buckets change their width", "log", l.ID, "from", now, "to", span, "rate", int(q.rate/share))
	}
	return before, known, err
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
	return max(float64(mine)/float64(all), 1.0/16), nil
}

// rowsIn returns how many messages a bucket has; limit stands for that many and more.
func (s *Store) rowsIn(ctx context.Context, l chat.Log, b id.Bucket, limit int) (int, error) {
	n := 0
	var u id.ID
	err := s.db.rows(ctx, 5000, func() { n++ }, newestIDs, []any{string(l.Tenant), uuid(l.ID), int64(b), limit}, into(&u))
	return n, err
}
