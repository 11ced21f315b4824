package embedded

import (
	"context"

	"github.com/cockroachdb/pebble/v2"

	"github.com/confab-chat/confab/pkg/chat"
)

// removeContents puts the removal of all that hangs on a room into b and returns how
// many of its tables had any rows.
func (s *Store) removeContents(ctx context.Context, b *pebble.Batch, w chat.Sweep) (tables int, err error) {
	members := participantsOf(w.Tenant, w.Room.ID)
	err = s.scan(ctx, members, members, func(login, _ []byte) (bool, error) {
		k := roomsOf(w.Tenant, string(login)).last(w.Room.Name)
		v, found, err := s.find(k)
		if err != nil || !found {
			return true, err
		}
		// The name may belong to a newer room by now.
		of, err := decodeRoomOf(w.Room.Name, v)
		if err == nil && of.ID == w.Room.ID {
			remove(b, k)
		}
		return true, s.corrupt(err)
	})
	if err != nil {
		return 0, err
	}
	log := chat.Log{Tenant: w.Tenant, ID: w.Room.ID}
	for _, prefix := range []key{members, messagesOf(log), keysOf(log)} {
		some := false
		err := s.scan(ctx, prefix, prefix, func(_, _ []byte) (bool, error) {
			some = true
			return false, nil
		})
		if err != nil {
			return 0, err
		}
		// A range that is empty is not removed: each removal costs later readers.
		if some {
			removeAll(b, prefix)
			tables++
		}
	}
	return tables, nil
}

// Sweeps implements chat.Sweeper; oldest first.
func (s *Store) Sweeps(ctx context.Context, limit int) ([]chat.Sweep, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	prefix := table(tableSweep)
	var sweeps []chat.Sweep
	err := s.scan(ctx, prefix, prefix, func(last, v []byte) (bool, error) {
		w, err := decodeSweep(last, v)
		sweeps = append(sweeps, w)
		return len(sweeps) < limit, s.corrupt(err)
	})
	return sweeps, err
}

// SweepRoom implements chat.Sweeper. progress counts the tables that had rows of the room:
// each is removed as a whole, however many rows it has.
func (s *Store) SweepRoom(ctx context.Context, w chat.Sweep, progress func(removed int)) error {
	tables := 0
	err := s.change(ctx, &s.members, participantsOf(w.Tenant, w.Room.ID), func(b *pebble.Batch) (err error) {
		tables, err = s.removeContents(ctx, b, w)
		return err
	})
	if err == nil && progress != nil {
		progress(tables)
	}
	return err
}

// EndSweep implements chat.Sweeper.
func (s *Store) EndSweep(ctx context.Context, w chat.Sweep) error {
	return s.put(ctx, func(b *pebble.Batch) { remove(b, sweepKey(w)) })
}
