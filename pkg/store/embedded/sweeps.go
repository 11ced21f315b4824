package embedded

import (
	"context"

	"github.com/cockroachdb/pebble/v2"

	"github.com/confab-chat/confab/pkg/chat"
)

// removeMembers puts the removal of all memberships of a room into b. While the room has its name, each row of a
// participant has a matching row in the user's rooms.
func (s *Store) removeMembers(ctx context.Context, b *pebble.Batch, t chat.Tenant, r chat.Room) error {
	members := participantsOf(t, r.ID)
	removeAll(b, members)
	removeAll(b, joiningOf(t, r.ID))
	remove(b, countKey(t, r.ID))
	if err := s.removeLists(ctx, b, t, r.ID); err != nil {
		return err
	}
	return s.scan(ctx, members, members, func(login, v []byte) (bool, error) {
		m, err := decodeMember(string(login), v)
		if err != nil {
			_ = s.corrupt(err) // for the log; the row is removed
		} else if !m.Since.IsZero() {
			remove(b, joinedKey(t, m, r.ID))
		}
		remove(b, roomsOf(t, string(login)).last(r.Name))
		remove(b, readingsOf(t, string(login)).lastID(r.ID))
		return true, nil
	})
}

// removeKeys removes the idempotency keys under a prefix, and with each its entry in the expiry index, which holds the
// login too. It returns whether there were any.
func (s *Store) removeKeys(ctx context.Context, prefix key) (some bool, err error) {
	for n := expiryRun; n == expiryRun; {
		err := s.changeUnder(ctx, nil, func(b *pebble.Batch) error {
			n = 0
			return s.scan(ctx, prefix, prefix, func(last, v []byte) (bool, error) {
				c, err := decodeClaim(v)
				if err != nil {
					_ = s.corrupt(err) // for the log; the row is removed
				}
				dropLease(b, prefix.last(string(last)), c.lease)
				n++
				return n < expiryRun, nil
			})
		})
		if err != nil {
			return some, err
		}
		some = some || n > 0
	}
	return some, nil
}

// removeLog puts the removal of a log's rows but its idempotency keys into b. It returns how many tables had rows of the log.
func (s *Store) removeLog(ctx context.Context, b *pebble.Batch, l chat.Log) (tables int, err error) {
	for _, prefix := range []key{messagesOf(l), fatesOf(l), messagesOf(chat.ChangesOf(l))} {
		some := false
		err := s.scan(ctx, prefix, prefix, func(_, _ []byte) (bool, error) {
			some = true
			return false, nil
		})
		if err != nil {
			return 0, err
		}
		// An empty range is not deleted, because each range deletion costs later readers.
		if some {
			removeAll(b, prefix)
			tables++
		}
	}
	return tables, nil
}

// SweepRoom implements chat.Sweeper. It finds no memberships: DeleteRoom ends all of them, and no user can join later.
// progress counts the tables that had rows of the room. Each but the keys is deleted as one range, regardless of its number
// of rows.
func (s *Store) SweepRoom(ctx context.Context, w chat.Sweep, progress func(removed int)) error {
	tables := 0
	err := s.change(ctx, &s.members, participantsOf(w.Tenant, w.Room.ID), func(b *pebble.Batch) (err error) {
		tables, err = s.removeLog(ctx, b, chat.Log{Tenant: w.Tenant, ID: w.Room.ID})
		return err
	})
	if err != nil {
		return err
	}
	some, err := s.removeKeys(ctx, keysOf(chat.Log{Tenant: w.Tenant, ID: w.Room.ID}))
	if some {
		tables++
	}
	if err == nil && progress != nil {
		progress(tables)
	}
	return err
}

// EndSweep implements chat.Sweeper. Only a deletion of an earlier version has a row.
func (s *Store) EndSweep(ctx context.Context, w chat.Sweep) error {
	return s.put(ctx, func(b *pebble.Batch) { remove(b, sweepKey(w)) })
}
