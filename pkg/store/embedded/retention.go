package embedded

import (
	"bytes"
	"context"

	"github.com/cockroachdb/pebble/v2"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// SetRetention implements chat.RetentionStore.
func (s *Store) SetRetention(ctx context.Context, t chat.Tenant, r chat.RoomRef, to chat.Retention) error {
	return s.changeRoom(ctx, t, r, func(now *chat.Room) error {
		now.Retention = to
		return nil
	})
}

// EachRetention implements chat.RetentionStore.
func (s *Store) EachRetention(ctx context.Context, visit func(chat.Tenant, id.ID, chat.Retention) error) error {
	return s.EachRoom(ctx, func(t chat.Tenant, r chat.Room) error { return visit(t, r.ID, r.Retention) })
}

// Between implements chat.RetentionStore.
func (s *Store) Between(ctx context.Context, l chat.Log, before, after id.ID, limit int) ([]chat.Message, error) {
	return s.page(ctx, l, limit, func(log key) pebble.IterOptions {
		lower, upper := log, log.lastID(before)
		if !after.IsZero() {
			lower = log.lastID(after).after()
		}
		if bytes.Compare(lower, upper) > 0 {
			lower = upper
		}
		return pebble.IterOptions{LowerBound: lower, UpperBound: upper}
	}, (*cursor).Last, (*cursor).Prev)
}

// Trim implements chat.RetentionStore. It deletes one range of each table, regardless of its number of rows.
func (s *Store) Trim(ctx context.Context, l chat.Log, before id.ID) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.calls.Done()
	b := s.db.NewBatch()
	for _, prefix := range []key{messagesOf(l), fatesOf(l), messagesOf(chat.ChangesOf(l))} {
		end, some := prefix.lastID(before), false
		err := s.scan(ctx, prefix, prefix, func(last, _ []byte) (bool, error) {
			some = bytes.Compare(last, end[len(prefix):]) < 0
			return false, nil
		})
		if err != nil {
			_ = b.Close()
			return err
		}
		// An empty range is not deleted, because each range deletion costs later readers.
		if some {
			_ = b.DeleteRange(prefix, end, nil)
		}
	}
	if b.Empty() {
		return b.Close()
	}
	return s.write(ctx, b, func() {})
}
