package embedded

import (
	"context"

	"github.com/cockroachdb/pebble/v2"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

func encodeListed(l chat.Listed) []byte {
	return newRecord().id(1, l.At).time(2, l.Until).text(3, l.By).text(4, l.Note)
}

func decodeListed(login string, b []byte) (chat.Listed, error) {
	l := chat.Listed{Login: login}
	err := decode(b, func(f *field) {
		switch f.number {
		case 1:
			l.At = f.id()
		case 2:
			l.Until = f.time()
		case 3:
			l.By = f.text()
		case 4:
			l.Note = f.text()
		}
	})
	return l, err
}

func (s *Store) listed(t chat.Tenant, room id.ID, list chat.RoomList, login string) (l chat.Listed, there bool, err error) {
	v, there, err := s.find(listedOf(t, room, list).last(login))
	if err != nil || !there {
		return l, false, err
	}
	l, err = decodeListed(login, v)
	return l, true, s.corrupt(err)
}

// unlist removes an entry, and what finds it.
func unlist(b *pebble.Batch, t chat.Tenant, room id.ID, list chat.RoomList, l chat.Listed) {
	remove(b, listedOf(t, room, list).last(l.Login))
	if list.Found() {
		remove(b, listedIn(t, l.Login, list).lastID(l.At).id(room))
	}
}

// SetListed implements chat.ListStore. The members' lock is that of the room's deletion.
func (s *Store) SetListed(ctx context.Context, t chat.Tenant, r chat.RoomRef, list chat.RoomList, l chat.Listed) error {
	return s.change(ctx, &s.members, participantsOf(t, r.ID), func(b *pebble.Batch) error {
		if _, err := s.sameRoom(t, chat.Room{ID: r.ID, Name: r.Name}); err != nil {
			return err
		}
		before, there, err := s.listed(t, r.ID, list, l.Login)
		if err != nil {
			return err
		}
		if there {
			unlist(b, t, r.ID, list, before)
		}
		set(b, listedOf(t, r.ID, list).last(l.Login), encodeListed(l))
		if list.Found() {
			set(b, listedIn(t, l.Login, list).lastID(l.At).id(r.ID), encodeJoined(r.Name))
		}
		for _, login := range []string{l.Login, l.By} {
			if login != "" {
				addFootprint(b, t, r, login)
			}
		}
		return nil
	})
}

// Unlist implements chat.ListStore.
func (s *Store) Unlist(ctx context.Context, t chat.Tenant, room id.ID, list chat.RoomList, login string) (was bool, err error) {
	err = s.change(ctx, &s.members, participantsOf(t, room), func(b *pebble.Batch) error {
		l, there, err := s.listed(t, room, list, login)
		if err == nil && there {
			was = true
			unlist(b, t, room, list, l)
		}
		return err
	})
	return was && err == nil, err
}

// OnLists implements chat.ListStore.
func (s *Store) OnLists(ctx context.Context, t chat.Tenant, room id.ID, login string) (map[chat.RoomList]chat.Listed, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	on := map[chat.RoomList]chat.Listed{}
	for _, list := range chat.RoomLists {
		l, there, err := s.listed(t, room, list, login)
		if err != nil {
			return nil, err
		}
		if there {
			on[list] = l
		}
	}
	return on, nil
}

// Listed implements chat.ListStore.
func (s *Store) Listed(ctx context.Context, t chat.Tenant, room id.ID, list chat.RoomList, after string, limit int) (all []chat.Listed, err error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	prefix := listedOf(t, room, list)
	err = s.scan(ctx, prefix, from(prefix, after), func(login, v []byte) (bool, error) {
		l, err := decodeListed(string(login), v)
		all = append(all, l)
		return len(all) < limit, s.corrupt(err)
	})
	return all, err
}

// ListedIn implements chat.ListStore.
func (s *Store) ListedIn(ctx context.Context, t chat.Tenant, login string, list chat.RoomList, before id.ID, limit int) ([]chat.JoinedRoom, error) {
	return s.roomsIn(ctx, listedIn(t, login, list), before, limit)
}

// eachListed visits all lists of a room.
func (s *Store) eachListed(ctx context.Context, t chat.Tenant, room id.ID, visit func(list chat.RoomList, l chat.Listed)) error {
	prefix := listsOf(t, room)
	return s.scan(ctx, prefix, prefix, func(k, v []byte) (bool, error) {
		c := columns{rest: k}
		list := chat.RoomList(c.text())
		l, err := decodeListed(string(c.rest), v)
		if c.err != nil || err != nil {
			_ = s.corrupt(errKey) // for the log; what is visited is removed
			return true, nil
		}
		visit(list, l)
		return true, nil
	})
}

// removeLists puts the removal of a room's lists into b.
func (s *Store) removeLists(ctx context.Context, b *pebble.Batch, t chat.Tenant, room id.ID) error {
	some := false
	err := s.eachListed(ctx, t, room, func(list chat.RoomList, l chat.Listed) {
		some = true
		unlist(b, t, room, list, l)
	})
	// An empty range is not deleted, because each range deletion costs later readers.
	if some {
		removeAll(b, listsOf(t, room))
	}
	return err
}

// forgetListed removes a user from all lists of a room, also as the one who has listed others.
func (s *Store) forgetListed(ctx context.Context, t chat.Tenant, room id.ID, login string) error {
	return s.change(ctx, &s.members, participantsOf(t, room), func(b *pebble.Batch) error {
		return s.eachListed(ctx, t, room, func(list chat.RoomList, l chat.Listed) {
			switch login {
			case l.Login:
				unlist(b, t, room, list, l)
			case l.By:
				l.By = ""
				set(b, listedOf(t, room, list).last(l.Login), encodeListed(l))
			}
		})
	})
}
