package embedded

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
)

func footprintsOf(t chat.Tenant, login string) key {
	return table(tableFootprint).tenant(t).text(login)
}

// footprintsSinceKey is the key of FootprintsSince, in milliseconds; empty for never without footprints.
func footprintsSinceKey() key { return table(tableMeta).last("footprints") }

// noteFootprints records the present time in a database that does not say since when it has footprints: earlier
// versions of the program did not keep any.
func (s *Store) noteFootprints() error {
	_, found, err := s.find(footprintsSinceKey())
	if err != nil || found {
		return err
	}
	return s.db.Set(footprintsSinceKey(), binary.BigEndian.AppendUint64(nil, uint64(s.now().UnixMilli())), pebble.Sync)
}

// FootprintsSince implements chat.FootprintStore.
func (s *Store) FootprintsSince(ctx context.Context) (time.Time, error) {
	if err := s.begin(ctx); err != nil {
		return time.Time{}, err
	}
	defer s.calls.Done()
	v, found, err := s.find(footprintsSinceKey())
	switch {
	case err != nil:
		return time.Time{}, err
	case !found: // opened for reading only
		return s.now(), nil
	case len(v) != 8:
		return time.Time{}, nil
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(v))).UTC(), nil
}

func addFootprint(b *pebble.Batch, t chat.Tenant, r chat.RoomRef, login string) {
	set(b, footprintsOf(t, login).lastID(r.ID), newRecord().text(1, r.Name))
}

func decodeFootprint(k, v []byte) (r chat.RoomRef, err error) {
	c := columns{rest: k}
	if r.ID = id.Key(c.id()).ID(); c.err != nil {
		return r, c.err
	}
	err = decode(v, func(f *field) {
		if f.number == 1 {
			r.Name = f.text()
		}
	})
	return r, err
}

// AddFootprints implements chat.FootprintStore.
func (s *Store) AddFootprints(ctx context.Context, t chat.Tenant, r chat.RoomRef, logins []string) error {
	return s.put(ctx, func(b *pebble.Batch) {
		for _, login := range logins {
			addFootprint(b, t, r, login)
		}
		if len(logins) == 0 {
			_ = b.LogData(nil, nil)
		}
	})
}

// Footprints implements chat.FootprintStore.
func (s *Store) Footprints(ctx context.Context, t chat.Tenant, login string, after id.ID, limit int) ([]chat.RoomRef, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	prefix := footprintsOf(t, login)
	start := prefix
	if !after.IsZero() {
		start = prefix.lastID(after).after()
	}
	var rooms []chat.RoomRef
	err := s.scan(ctx, prefix, start, func(last, v []byte) (bool, error) {
		r, err := decodeFootprint(last, v)
		rooms = append(rooms, r)
		return len(rooms) < limit, s.corrupt(err)
	})
	return rooms, err
}

// ForgetFootprints implements chat.FootprintStore.
func (s *Store) ForgetFootprints(ctx context.Context, t chat.Tenant, login string) error {
	return s.put(ctx, func(b *pebble.Batch) { removeAll(b, footprintsOf(t, login)) })
}

// EachFootprint implements chat.Inventory.
func (s *Store) EachFootprint(ctx context.Context, visit func(chat.Tenant, string, chat.RoomRef) error) error {
	return s.each(ctx, tableFootprint, func(c *columns, v []byte) error {
		t, login := chat.Tenant(c.text()), c.text()
		if c.err != nil {
			return s.corrupt(c.err)
		}
		r, err := decodeFootprint(c.rest, v)
		if err != nil {
			return s.corrupt(err)
		}
		return visit(t, login, r)
	})
}

// MarkErased implements chat.EraseStore.
func (s *Store) MarkErased(ctx context.Context, t chat.Tenant, login string) error {
	return s.change(ctx, &s.users, userKey(t, login), func(b *pebble.Batch) error {
		k := deletedUserKey(t, login)
		deleted, err := s.has(k)
		if err == nil && deleted {
			set(b, k, encodeDeletedUser(chat.User{Erased: true}))
		}
		return err
	})
}

// disownAtOnce is how many messages are disowned concurrently: they share the cost of syncing.
const disownAtOnce = 64

// Disown implements chat.EraseStore.
func (s *Store) Disown(ctx context.Context, l chat.Log, ms []chat.Disowned) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.calls.Done()
	g, ctx := guard.WithContext(ctx)
	g.SetLimit(disownAtOnce)
	for _, m := range ms {
		g.Go(func() error { return s.disown(ctx, l, m) })
	}
	return g.Wait()
}

func (s *Store) disown(ctx context.Context, l chat.Log, d chat.Disowned) error {
	// The lock of ChangeMessage, which writes the message's row anew.
	return s.change(ctx, &s.fates, fatesOf(l).lastID(d.ID), func(b *pebble.Batch) error {
		row, found, err := s.find(messagesOf(l).lastID(d.ID))
		if err != nil || !found {
			return err
		}
		m, err := decodeMessage(d.ID, row)
		if err != nil {
			return s.corrupt(err)
		}
		m.Author = d.Author
		if d.Content != nil {
			m.Content, m.Payload, m.Subject = *d.Content, d.Payload, d.Subject
		}
		addMessage(b, l, m)
		return nil
	})
}

// ForgetTraces implements chat.EraseStore. Nothing is kept of a membership that has ended.
func (s *Store) ForgetTraces(ctx context.Context, t chat.Tenant, r chat.RoomRef, login string) error {
	if err := s.forgetListed(ctx, t, r.ID, login); err != nil {
		return err
	}
	_, err := s.removeKeys(ctx, keysOf(chat.Log{Tenant: t, ID: r.ID}).text(login))
	return err
}

// DisownRoom implements chat.EraseStore.
func (s *Store) DisownRoom(ctx context.Context, t chat.Tenant, r chat.RoomRef, creator chat.Person) error {
	err := s.changeRoom(ctx, t, r, func(now *chat.Room) error {
		now.Creator = creator
		return nil
	})
	if chat.IsKind(err, chat.NotFound) {
		return nil // it is deleted
	}
	return err
}
