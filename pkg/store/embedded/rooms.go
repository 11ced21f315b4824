package embedded

import (
	"context"
	"math"

	"github.com/cockroachdb/pebble/v2"

	"github.com/confab-chat/confab/pkg/chat"
)

// CreateRoom implements chat.RoomStore.
func (s *Store) CreateRoom(ctx context.Context, t chat.Tenant, r chat.Room) error {
	k := roomKey(t, r.Name)
	return s.change(ctx, &s.rooms, k, func(b *pebble.Batch) error {
		_, taken, err := s.room(t, r.Name)
		if err != nil {
			return err
		}
		if taken {
			return chat.ErrExists(chat.RoomEntity, r.Name)
		}
		addParticipant(b, t, r, chat.Member{Person: r.Creator, Since: r.ID})
		if r.Settings.MaxMembers > 0 {
			set(b, countKey(t, r.ID), encodeCount(1))
		}
		return setRoom(b, t, r)
	})
}

// setRoom writes the row of a room.
func setRoom(b *pebble.Batch, t chat.Tenant, r chat.Room) error {
	row, err := encodeRoom(r)
	if err != nil {
		return err
	}
	set(b, keyOfRoom(t, r), row)
	return nil
}

// Room implements chat.RoomStore.
func (s *Store) Room(ctx context.Context, t chat.Tenant, name string) (chat.Room, error) {
	if err := s.begin(ctx); err != nil {
		return chat.Room{}, err
	}
	defer s.calls.Done()
	r, found, err := s.room(t, name)
	if err == nil && !found {
		err = chat.ErrNotFound(chat.RoomEntity, name)
	}
	return r, err
}

func (s *Store) room(t chat.Tenant, name string) (r chat.Room, found bool, err error) {
	v, found, err := s.find(roomKey(t, name))
	if err == nil && !found {
		v, found, err = s.find(closedRoomKey(t, name))
	}
	if err != nil || !found {
		return chat.Room{}, false, err
	}
	r, err = decodeRoom(name, v)
	return r, true, s.corrupt(err)
}

// sameRoom returns the room that has r's name now. If that is not r, it returns NotFound.
func (s *Store) sameRoom(t chat.Tenant, r chat.Room) (chat.Room, error) {
	now, found, err := s.room(t, r.Name)
	if err != nil {
		return chat.Room{}, err
	}
	if !found || now.ID != r.ID {
		return chat.Room{}, chat.ErrNotFound(chat.RoomEntity, r.Name)
	}
	return now, nil
}

// RoomsByName implements chat.RoomStore.
func (s *Store) RoomsByName(ctx context.Context, t chat.Tenant, names []string) (map[string]chat.Room, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	rooms := make(map[string]chat.Room, len(names))
	for _, name := range names {
		r, found, err := s.room(t, name)
		if err != nil {
			return nil, err
		}
		if found {
			rooms[name] = r
		}
	}
	return rooms, nil
}

// Rooms implements chat.RoomStore.
func (s *Store) Rooms(ctx context.Context, t chat.Tenant, after string, limit int) ([]chat.Room, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	prefix := roomKey(t, "")
	var rooms []chat.Room
	err := s.scan(ctx, prefix, from(prefix, after), func(name, v []byte) (bool, error) {
		r, err := decodeRoom(string(name), v)
		rooms = append(rooms, r)
		return len(rooms) < limit, s.corrupt(err)
	})
	return rooms, err
}

// SetBanner implements chat.RoomStore.
func (s *Store) SetBanner(ctx context.Context, t chat.Tenant, r chat.RoomRef, banner *string, was *chat.Room) error {
	return s.changeRoom(ctx, t, r, func(now *chat.Room) error {
		if was != nil && !chat.SameBanner(*now, *was) {
			return chat.ErrStale(chat.RoomEntity, r.Name)
		}
		now.Banner = banner
		return nil
	})
}

// RenameCreator implements chat.RoomStore.
func (s *Store) RenameCreator(ctx context.Context, t chat.Tenant, r chat.RoomRef, p chat.Person) error {
	return s.changeRoom(ctx, t, r, func(now *chat.Room) error {
		if now.Creator.Login != p.Login {
			return chat.ErrNotFound(chat.RoomEntity, r.Name)
		}
		now.Creator = p
		return nil
	})
}

// ChangeSettings implements chat.RoomStore.
func (s *Store) ChangeSettings(ctx context.Context, t chat.Tenant, r chat.RoomRef, change func(*chat.RoomSettings) error) (changed chat.Room, err error) {
	// The members' lock is held, so that nobody joins by the limit before.
	under := []lockOf{{&s.members, participantsOf(t, r.ID)}, {&s.rooms, roomKey(t, r.Name)}}
	err = s.changeUnder(ctx, under, func(b *pebble.Batch) error {
		now, err := s.sameRoom(t, chat.Room{ID: r.ID, Name: r.Name})
		if err != nil {
			return err
		}
		kind, limit := now.Settings.Kind, now.Settings.MaxMembers
		if err := change(&now.Settings); err != nil {
			return err
		}
		now.Settings.Kind = kind
		if most := now.Settings.MaxMembers; most > 0 && most != limit {
			n, err := s.countMembers(ctx, t, r.ID, math.MaxInt)
			if err != nil {
				return err
			}
			if n > most {
				return chat.ErrFull(r.Name)
			}
			set(b, countKey(t, r.ID), encodeCount(n))
		}
		changed = now
		return setRoom(b, t, now)
	})
	if err != nil {
		return chat.Room{}, err
	}
	return changed, nil
}

// changeRoom changes the room with this name and ID; NotFound if there is none. Nothing is changed if change returns an error.
func (s *Store) changeRoom(ctx context.Context, t chat.Tenant, r chat.RoomRef, change func(*chat.Room) error) error {
	k := roomKey(t, r.Name)
	return s.change(ctx, &s.rooms, k, func(b *pebble.Batch) error {
		now, err := s.sameRoom(t, chat.Room{ID: r.ID, Name: r.Name})
		if err != nil {
			return err
		}
		if err := change(&now); err != nil {
			return err
		}
		return setRoom(b, t, now)
	})
}

// DeleteRoom implements chat.RoomStore. It deletes the whole room in one batch. SweepRoom deletes messages that were
// being written meanwhile.
func (s *Store) DeleteRoom(ctx context.Context, t chat.Tenant, r chat.Room) error {
	k := roomKey(t, r.Name)
	// The members' lock is held until the batch is applied, so that no user joins in between.
	under := []lockOf{{&s.members, participantsOf(t, r.ID)}, {&s.rooms, k}}
	return s.changeUnder(ctx, under, func(b *pebble.Batch) error {
		now, err := s.sameRoom(t, r)
		if err != nil {
			return err
		}
		remove(b, keyOfRoom(t, now))
		if err := s.removeMembers(ctx, b, t, r); err != nil {
			return err
		}
		_, err = s.removeLog(ctx, b, r.Log(t))
		return err
	})
}
