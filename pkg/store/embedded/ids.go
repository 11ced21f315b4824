package embedded

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

func notedKey() key { return table(tableMeta).last("ids") }

// NewestID implements chat.IDStore.
func (s *Store) NewestID(ctx context.Context, l chat.Log) (newest id.ID, err error) {
	for _, log := range []chat.Log{l, chat.ChangesOf(l)} {
		u, err := s.lastID(ctx, log)
		if err != nil {
			return id.ID{}, err
		}
		if u.Compare(newest) > 0 {
			newest = u
		}
	}
	return newest, nil
}

// lastID returns the id of the last message of a log; zero if there is none.
func (s *Store) lastID(ctx context.Context, l chat.Log) (id.ID, error) {
	if err := s.begin(ctx); err != nil {
		return id.ID{}, err
	}
	defer s.calls.Done()
	log := messagesOf(l)
	it, err := s.cursor(ctx, pebble.IterOptions{LowerBound: log, UpperBound: log.end()})
	if err != nil {
		return id.ID{}, s.unavailable("read", err)
	}
	defer func() { it.Close() }()
	if !it.Last() {
		if err := it.Error(); err != nil {
			return id.ID{}, s.unavailable("read", err)
		}
		return id.ID{}, nil
	}
	c := columns{rest: it.Key()[len(log):]}
	u := id.Key(c.id()).ID()
	return u, s.corrupt(c.err)
}

// NoteIDs implements chat.IDStore.
func (s *Store) NoteIDs(ctx context.Context, until time.Time) error {
	return s.change(ctx, &s.leases, notedKey(), func(b *pebble.Batch) error {
		noted, err := s.notedIDs()
		if err == nil && until.After(noted) {
			set(b, notedKey(), binary.BigEndian.AppendUint64(nil, uint64(until.UnixMilli())))
		}
		return err
	})
}

// NotedIDs implements chat.IDStore.
func (s *Store) NotedIDs(ctx context.Context) (time.Time, error) {
	if err := s.begin(ctx); err != nil {
		return time.Time{}, err
	}
	defer s.calls.Done()
	return s.notedIDs()
}

func (s *Store) notedIDs() (time.Time, error) {
	v, found, err := s.find(notedKey())
	if err != nil || !found || len(v) != 8 {
		return time.Time{}, err
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(v))).UTC(), nil
}
