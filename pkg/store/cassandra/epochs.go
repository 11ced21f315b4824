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
	deleteEpoch   = `DELETE FROM log_widths WHERE tenant = ? AND log_id = ? AND epoch = ? IF EXISTS`
	announceEpoch = `INSERT INTO width_changes (period, announced, tenant, log_id, epoch) VALUES (?, ?, ?, ?, ?)`

	newestIDs  = `SELECT message_id FROM messages WHERE tenant = ? AND log_id = ? AND bucket = ? ORDER BY message_id DESC LIMIT ?`
	sampleRows = 200
)

// giveUp decides that an epoch never counts, unless it is sealed. When giveUp returns nil, the epoch is decided.
func (s *Store) giveUp(ctx context.Context, l chat.Log, n int) error {
	_, err := s.seal(ctx, l, n, false)
	return err
}

// seal decides whether an epoch counts, and reports whether this call decided it.
func (s *Store) seal(ctx context.Context, l chat.Log, n int, counts bool) (bool, error) {
	key := []any{string(l.Tenant), uuid(l.ID), n}
	verify := func(ctx context.Context) (outcome, error) {
		var claim gocql.UUID
		var sealed *bool
		_, err := s.db.decided(ctx, selectEpoch, key, &claim, &sealed)
		switch {
		case err != nil || sealed == nil:
			return undecided, err
		case *sealed == counts:
			return applied, nil
		default:
			return rejected, nil
		}
	}
	return s.db.decide(ctx, verify, sealEpoch, append([]any{counts}, key...)...)
}

// setSpan gives a log another width, which begins about grace from now. It reports false if it did not: because another
// server is changing the width, or because setSpan took too long.
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
		// The epoch of a server that crashed.
		return false, s.giveUp(ctx, l, w.number)
	}
	if w.open != neverMillis || w.list[len(w.list)-1].From > now.UnixMilli() || w.list.Newest() == span {
		return false, nil
	}
	begins := now.Add(grace)
	newest, found, err := s.newestID(ctx, l)
	if err != nil {
		return false, err
	}
	if found && newest.Time().After(now) {
		if newest.Time().After(now.Add(clockSkew)) && span > w.list.Newest() {
			return false, nil // a wider span can wait; claimed now, it would block a narrower one until then
		}
		begins = newest.Time().Add(grace)
	}
	// Buckets begin at whole milliseconds.
	from := begins.UnixMilli()
	n := w.last + 1
	claimed, err := s.claimEpoch(ctx, l, n, from, span)
	if err != nil || !claimed {
		return false, err
	}
	if err := s.announceEpoch(ctx, l, n, now); err != nil {
		return false, err
	}
	// The newest message and the time are read after the claim.
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

// announceEpoch announces an epoch, so that every server rereads the widths of the log. now is the cluster's time.
func (s *Store) announceEpoch(ctx context.Context, l chat.Log, n int, now time.Time) error {
	at, period := now.UnixMilli(), changesPeriod.Milliseconds()
	return s.db.exec(ctx, announceEpoch, at-at%period, at, string(l.Tenant), uuid(l.ID), n)
}

// PlanLog implements chat.LogPlanner. For why widths of the past may count here, see widths.go.
func (s *Store) PlanLog(ctx context.Context, l chat.Log, history []chat.Bin) error {
	ctx, end, err := s.beginLong(ctx)
	if err != nil {
		return err
	}
	defer end()
	now, err := s.book.clock(ctx)
	if err != nil {
		return err
	}
	list := plan(history, now)
	if len(list) == 0 {
		return nil
	}
	w, err := s.readWidths(ctx, l)
	if err != nil || w.last > 0 {
		return err
	}
	if _, found, err := s.newestID(ctx, l); err != nil || found {
		return err
	}
	defer s.book.forget(l)
	for i, e := range list {
		claimed, err := s.claimEpoch(ctx, l, i+1, e.From, time.Duration(e.Span)*time.Millisecond)
		if err != nil || !claimed {
			return err
		}
	}
	if err := s.announceEpoch(ctx, l, len(list), now); err != nil {
		return err
	}
	// The last one first: if this fails in between, no width counts beyond the time it was planned for.
	for n := len(list); n > 0; n-- {
		if decided, err := s.seal(ctx, l, n, true); err != nil || !decided {
			return err
		}
	}
	return nil
}

func (s *Store) claimEpoch(ctx context.Context, l chat.Log, n int, from int64, span time.Duration) (bool, error) {
	own := gocql.MustRandomUUID()
	verify := func(ctx context.Context) (outcome, error) {
		var claim gocql.UUID
		var sealed *bool
		found, err := s.db.decided(ctx, selectEpoch, []any{string(l.Tenant), uuid(l.ID), n}, &claim, &sealed)
		switch {
		case err != nil || !found:
			return undecided, err
		case claim == own:
			return applied, nil
		default:
			return rejected, nil
		}
	}
	return s.db.decide(ctx, verify, claimEpoch, string(l.Tenant), uuid(l.ID), n, from, span.Milliseconds(), own)
}

// deleteWidths removes the widths of a log that is gone.
func (s *Store) deleteWidths(ctx context.Context, l chat.Log) error {
	epochs, err := s.epochs(ctx, l)
	if err != nil {
		return err
	}
	for _, e := range epochs {
		if _, err := s.db.apply(ctx, deleteEpoch, string(l.Tenant), uuid(l.ID), e.n); err != nil {
			return err
		}
	}
	return nil
}

// newestID returns the id of the log's newest message. It reads the index, because the message may be of any time.
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
