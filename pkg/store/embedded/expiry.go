package embedded

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// expiryRun bounds how many rows are removed in one step.
const expiryRun = 1000

// expireEvery removes expired rows at an interval, until the store is closed.
func (s *Store) expireEvery(interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-tick.C:
		}
		for {
			n, err := s.removeExpired()
			if err != nil || n < expiryRun || s.stopping() {
				break // an error is in the log already; the next tick tries again
			}
		}
	}
}

func (s *Store) stopping() bool {
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}

// removeExpired removes up to expiryRun expired rows and returns how many entries of the expiry index it has handled.
// The removals are not synced: a removal that a crash loses is repeated.
func (s *Store) removeExpired() (int, error) {
	if err := s.health.err(); err != nil {
		return 0, err
	}
	prefix := table(tableExpiry)
	now, err := s.removalTime()
	if err != nil {
		return 0, err
	}
	type entry struct {
		at  time.Time
		row key
	}
	var due []entry
	err = s.scan(context.Background(), prefix, prefix, func(last, _ []byte) (bool, error) {
		c := columns{rest: last}
		e := entry{at: c.time()}
		if c.err != nil || len(c.rest) == 0 {
			_ = s.corrupt(errKey) // for the log: it must not keep others from being removed
			return true, nil
		}
		if now.Before(e.at) {
			return false, nil
		}
		e.row = slices.Clone(c.rest)
		due = append(due, e)
		return len(due) < expiryRun, nil
	})
	if err != nil {
		return 0, err
	}
	for _, e := range due {
		if err := s.expire(e.at, e.row, now); err != nil {
			return 0, err
		}
	}
	return len(due), nil
}

// expire removes one entry of the expiry index. It also removes the row of the entry, unless the row has been replaced
// by one that expires later.
func (s *Store) expire(at time.Time, row key, now time.Time) error {
	unlock, err := s.locked(lockOf{&s.leases, row})
	if err != nil {
		return err
	}
	defer unlock()
	v, found, err := s.find(row)
	if err != nil {
		return err
	}
	b := s.db.NewBatch()
	remove(b, expiryKey(at, row))
	if found {
		e, err := decodeLease(v, nil)
		if err != nil {
			_ = s.corrupt(err) // logs it; the row stays for an investigation, its entry is removed
		} else if e.expired(now) {
			dropLease(b, row, e)
		}
	}
	return errors.Join(s.db.Apply(b, pebble.NoSync), b.Close())
}
