package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/confab-chat/confab/pkg/chat"
)

// times guards the row of the times seen so far.
type times struct {
	mu   sync.Mutex
	seen chat.Times
}

func timesKey() key { return table(tableMeta).last("times") }

// loadTimes reads the times seen before the start. A store without any begins with the present time.
func (s *Store) loadTimes() error {
	v, found, err := s.find(timesKey())
	if err != nil {
		return err
	}
	s.times.seen, _ = s.times.seen.Observe(s.now())
	if found && len(v) == 24 {
		s.times.seen = decodeTimes(v)
	}
	return nil
}

func decodeTimes(v []byte) chat.Times {
	at := func(i int) time.Time {
		if ms := int64(binary.BigEndian.Uint64(v[i*8:])); ms != 0 {
			return time.UnixMilli(ms).UTC()
		}
		return time.Time{}
	}
	return chat.Times{Trusted: at(0), Doubted: at(1), Last: at(2)}
}

func encodeTimes(t chat.Times) []byte {
	v := make([]byte, 0, 24)
	for _, at := range []time.Time{t.Trusted, t.Doubted, t.Last} {
		ms := int64(0)
		if !at.IsZero() {
			ms = at.UnixMilli()
		}
		v = binary.BigEndian.AppendUint64(v, uint64(ms))
	}
	return v
}

// RemovalTime implements chat.Clock.
func (s *Store) RemovalTime(ctx context.Context) (time.Time, error) {
	if err := s.begin(ctx); err != nil {
		return time.Time{}, err
	}
	defer s.calls.Done()
	return s.removalTime()
}

// removalTime reads the time and stores it. The row is not synced: after a crash the last reading is an earlier one.
func (s *Store) removalTime() (time.Time, error) {
	t := &s.times
	t.mu.Lock()
	defer t.mu.Unlock()
	now := s.now()
	next, warning := t.seen.Observe(now)
	if warning != "" {
		s.diary.log.Warn(warning)
	}
	t.seen = next
	b := s.db.NewBatch()
	set(b, timesKey(), encodeTimes(next))
	return next.Removal(now), errors.Join(s.db.Apply(b, pebble.NoSync), b.Close())
}

// removalTimeNow is removalTime without storing the reading.
func (s *Store) removalTimeNow() time.Time {
	t := &s.times
	t.mu.Lock()
	defer t.mu.Unlock()
	now := s.now()
	next, _ := t.seen.Observe(now)
	return next.Removal(now)
}
