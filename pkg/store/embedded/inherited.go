package embedded

import (
	"context"

	"github.com/cockroachdb/pebble/v2"

	"github.com/confab-chat/confab/pkg/chat"
)

// The queues of versions that did not have pkg/jobs: nothing is added to them any more.

func erasureKey(t chat.Tenant, login string) key { return table(tableErasure).tenant(t).last(login) }
func renameKey(t chat.Tenant, login string) key  { return table(tableRename).tenant(t).last(login) }

func sweepKey(s chat.Sweep) key {
	return table(tableSweep).time(s.DeletedAt).tenant(s.Tenant).id(s.Room.ID)
}

// inheritedRows visits up to limit rows of a table.
func (s *Store) inheritedRows(ctx context.Context, t byte, limit int, visit func(last, v []byte) error) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.calls.Done()
	n := 0
	return s.scan(ctx, table(t), table(t), func(last, v []byte) (bool, error) {
		n++
		return n < limit, s.corrupt(visit(last, v))
	})
}

// InheritedSweeps implements chat.Inherited; oldest first.
func (s *Store) InheritedSweeps(ctx context.Context, limit int) (all []chat.Sweep, err error) {
	err = s.inheritedRows(ctx, tableSweep, limit, func(last, v []byte) error {
		w, err := decodeSweep(last, v)
		all = append(all, w)
		return err
	})
	return all, err
}

// InheritedErasures implements chat.Inherited.
func (s *Store) InheritedErasures(ctx context.Context, limit int) (all []chat.Erasure, err error) {
	err = s.inheritedRows(ctx, tableErasure, limit, func(last, v []byte) error {
		c := columns{rest: last}
		t := chat.Tenant(c.text())
		if c.err != nil {
			return c.err
		}
		e, err := decodeErasure(t, string(c.rest), v)
		all = append(all, e)
		return err
	})
	return all, err
}

// EndErasure implements chat.Inherited.
func (s *Store) EndErasure(ctx context.Context, t chat.Tenant, login string) error {
	return s.put(ctx, func(b *pebble.Batch) { remove(b, erasureKey(t, login)) })
}

// InheritedRenames implements chat.Inherited.
func (s *Store) InheritedRenames(ctx context.Context, limit int) (all []chat.Identity, err error) {
	err = s.inheritedRows(ctx, tableRename, limit, func(last, _ []byte) error {
		c := columns{rest: last}
		t := chat.Tenant(c.text())
		all = append(all, chat.Identity{Tenant: t, Login: string(c.rest)})
		return c.err
	})
	return all, err
}

// EndRename implements chat.Inherited.
func (s *Store) EndRename(ctx context.Context, t chat.Tenant, login string) error {
	return s.put(ctx, func(b *pebble.Batch) { remove(b, renameKey(t, login)) })
}

func decodeErasure(t chat.Tenant, login string, b []byte) (chat.Erasure, error) {
	e := chat.Erasure{Tenant: t, Login: login}
	err := decode(b, func(f *field) {
		switch f.number {
		case 1:
			e.Names = append(e.Names, f.text())
		case 2:
			e.KeepMessages = f.flag()
		case 3:
			e.StartedAt = f.time()
		case 4:
			e.UpdatedAt = f.time()
		case 5:
			e.Late = f.flag()
		case 6:
			e.Done = f.id()
		case 7:
			e.At = f.id()
		case 8:
			e.OfRooms = int(f.number64())
		case 9:
			e.Rooms = int(f.number64())
		case 10:
			e.Messages = int(f.number64())
		}
	})
	return e, err
}
