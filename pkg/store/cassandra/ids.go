package cassandra

import (
	"context"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

const (
	// The timestamp is the time itself, so the latest one wins.
	noteIDs  = `INSERT INTO ids_noted (shard, until) VALUES (0, ?) USING TIMESTAMP ?`
	notedIDs = `SELECT until FROM ids_noted WHERE shard = 0`
)

// NewestID implements chat.IDStore. It reads the index of the log's buckets, not what is cached of it: another server,
// whose clock is ahead, may have written to a bucket of the future. Readers use what it has read.
func (s *Store) NewestID(ctx context.Context, l chat.Log) (id.ID, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return id.ID{}, err
	}
	defer end()
	logs := [2]chat.Log{l, chat.ChangesOf(l)}
	var newest [2]id.ID
	err = forEach(ctx, len(logs), func(ctx context.Context, i int) error {
		u, found, err := s.newestID(ctx, logs[i])
		if err != nil || !found {
			return err
		}
		newest[i] = u
		if u.Time().After(s.present().Add(clockSkew)) {
			b, err := s.bucket(ctx, logs[i], u)
			if err != nil {
				return err
			}
			s.raise(logs[i], b)
		}
		return nil
	})
	if err != nil {
		return id.ID{}, err
	}
	if newest[1].Compare(newest[0]) > 0 {
		return newest[1], nil
	}
	return newest[0], nil
}

// NoteIDs implements chat.IDStore.
func (s *Store) NoteIDs(ctx context.Context, until time.Time) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	return s.db.exec(ctx, noteIDs, until.UTC(), micros(until))
}

// NotedIDs implements chat.IDStore.
func (s *Store) NotedIDs(ctx context.Context) (until time.Time, err error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return time.Time{}, err
	}
	defer end()
	_, err = s.db.row(ctx, notedIDs, nil, &until)
	return until, err
}
