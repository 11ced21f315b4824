package cassandra

import (
	"context"
	"slices"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
)

const (
	selectTimes = `SELECT trusted, doubted, last FROM times_seen WHERE shard = 0`
	updateTimes = `UPDATE times_seen SET trusted = ?, doubted = ?, last = ? WHERE shard = 0 IF last = ?`

	// timeReads is how many coordinators are asked for the time: one whose clock is wrong is outvoted.
	timeReads = 3
)

// RemovalTime implements chat.Clock by the cluster's time. What was seen is kept by a transaction, as a plain write that is
// dated by a clock ahead would stay until that time.
func (s *Store) RemovalTime(ctx context.Context) (time.Time, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return time.Time{}, err
	}
	defer end()
	read := make([]time.Time, timeReads)
	for i := range read {
		if read[i], err = s.book.clock(ctx); err != nil {
			return time.Time{}, err
		}
	}
	slices.SortFunc(read, time.Time.Compare)
	now := read[timeReads/2]
	var seen chat.Times
	if _, err := s.db.decided(ctx, selectTimes, nil, &seen.Trusted, &seen.Doubted, &seen.Last); err != nil {
		return time.Time{}, err
	}
	next, warning := seen.Observe(now)
	if warning != "" {
		s.log.Warn(warning)
	}
	// Not applied: another server has seen the same time, or an attempt of ours.
	_, err = s.db.apply(ctx, updateTimes, orNull(next.Trusted), orNull(next.Doubted), orNull(next.Last), orNull(seen.Last))
	return next.Removal(now), err
}

func orNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}
