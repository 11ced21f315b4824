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

	// timeReads is how many coordinators are asked for the time. The median outvotes one whose clock is wrong.
	timeReads = 3
)

// RemovalTime implements chat.Clock by the cluster's time. It stores the times seen by a transaction: a plain write
// that is dated by a clock ahead could not be overwritten until that time.
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
	// Not applied means that another server, or an earlier attempt of this call, has stored the time.
	_, err = s.db.apply(ctx, updateTimes, orNull(next.Trusted), orNull(next.Doubted), orNull(next.Last), orNull(seen.Last))
	return next.Removal(now), err
}

func orNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}
