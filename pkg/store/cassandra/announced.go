package cassandra

import (
	"context"
	"time"

	"github.com/confab-chat/confab/pkg/cache"
)

// The statements use the clock of the coordinator, which is one of the replicas of one partition.
const (
	insertAnnouncement  = `INSERT INTO announcements (shard, announced, key) VALUES (?, currentTimestamp(), ?)`
	selectAnnouncements = `SELECT key FROM announcements WHERE shard = ? AND announced > currentTimestamp() - (duration) ? LIMIT ?`

	announcementShard = 0
)

// announcing makes a change of the data of key, and announces it to all servers.
func (s *Store) announcing(ctx context.Context, key string, change func() error) error {
	return cache.Announcing(ctx, s.now, func(ctx context.Context) error {
		err := s.db.exec(ctx, insertAnnouncement, announcementShard, key)
		if err == nil {
			s.listeners.Call(key)
		}
		return err
	}, change)
}

// Shared implements cache.Announcements.
func (s *Store) Shared() bool { return true }

// OnAnnounce implements cache.Announcements.
func (s *Store) OnAnnounce(f func(key string)) (cancel func()) { return s.listeners.Add(f) }

// Announced implements cache.Announcements.
func (s *Store) Announced(ctx context.Context, span time.Duration, limit int) ([]string, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	// Cassandra refuses units below a millisecond. The span is rounded up, so that no announcement is omitted.
	span = span.Truncate(time.Millisecond) + time.Millisecond
	var keys []string
	var key string
	err = s.db.rows(ctx, pageRows, func() { keys = append(keys, key) }, selectAnnouncements,
		[]any{announcementShard, span, limit}, &key)
	return keys, err
}
