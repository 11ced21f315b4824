package embedded

import (
	"context"
	"time"
)

// Shared implements cache.Announcements: a data folder is open in one process at a time.
func (s *Store) Shared() bool { return false }

// OnAnnounce implements cache.Announcements. Nothing is announced.
func (s *Store) OnAnnounce(func(string)) (cancel func()) { return func() {} }

// Announced implements cache.Announcements.
func (s *Store) Announced(ctx context.Context, _ time.Duration, _ int) ([]string, error) {
	return nil, s.Ping(ctx)
}
