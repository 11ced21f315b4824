package embedded

import (
	"context"

	"github.com/cockroachdb/pebble/v2"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// addParticipant writes a membership in both directions, and the footprint of the user.
func addParticipant(b *pebble.Batch, t chat.Tenant, r chat.Room, p chat.Person) {
	set(b, participantsOf(t, r.ID).last(p.Login), encodePerson(p))
	set(b, roomsOf(t, p.Login).last(r.Name), encodeRoomOf(r.ID))
	addFootprint(b, t, r.Ref(), p.Login)
}

// Join implements chat.MembershipStore.
func (s *Store) Join(ctx context.Context, t chat.Tenant, r chat.Room, p chat.Person) (changed bool, err error) {
	members := participantsOf(t, r.ID)
	err = s.change(ctx, &s.members, members, func(b *pebble.Batch) error {
		if _, err := s.sameRoom(t, r); err != nil {
			return err
		}
		there, err := s.has(members.last(p.Login))
		if err != nil || there {
			return err
		}
		changed = true
		addParticipant(b, t, r, p)
		return nil
	})
	return changed && err == nil, err
}

// Leave implements chat.MembershipStore.
func (s *Store) Leave(ctx context.Context, t chat.Tenant, r chat.Room, login string) (changed bool, err error) {
	members := participantsOf(t, r.ID)
	err = s.change(ctx, &s.members, members, func(b *pebble.Batch) error {
		if _, err := s.sameRoom(t, r); err != nil {
			return err
		}
		there, err := s.has(members.last(login))
		if err != nil || !there {
			return err
		}
		changed = true
		remove(b, members.last(login))
		remove(b, roomsOf(t, login).last(r.Name))
		return nil
	})
	return changed && err == nil, err
}

// Participant implements chat.MembershipStore.
func (s *Store) Participant(ctx context.Context, t chat.Tenant, room id.ID, login string) (chat.Person, error) {
	if err := s.begin(ctx); err != nil {
		return chat.Person{}, err
	}
	defer s.calls.Done()
	v, found, err := s.find(participantsOf(t, room).last(login))
	if err != nil {
		return chat.Person{}, err
	}
	if !found {
		return chat.Person{}, chat.ErrNotFound(chat.UserEntity, login)
	}
	p, err := decodePerson(login, v)
	return p, s.corrupt(err)
}

// Participants implements chat.MembershipStore.
func (s *Store) Participants(ctx context.Context, t chat.Tenant, room id.ID, after string, limit int) ([]chat.Person, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	return s.participants(ctx, t, room, after, limit)
}

func (s *Store) participants(ctx context.Context, t chat.Tenant, room id.ID, after string, limit int) ([]chat.Person, error) {
	prefix := participantsOf(t, room)
	var people []chat.Person
	err := s.scan(ctx, prefix, from(prefix, after), func(login, v []byte) (bool, error) {
		p, err := decodePerson(string(login), v)
		people = append(people, p)
		return len(people) < limit, s.corrupt(err)
	})
	return people, err
}

// ParticipantsOf implements chat.MembershipStore. Rooms without participants are not in the answer.
func (s *Store) ParticipantsOf(ctx context.Context, t chat.Tenant, rooms []id.ID, limit int) (map[id.ID][]chat.Person, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	all := make(map[id.ID][]chat.Person, len(rooms))
	for _, room := range rooms {
		people, err := s.participants(ctx, t, room, "", limit)
		if err != nil {
			return nil, err
		}
		if len(people) > 0 {
			all[room] = people
		}
	}
	return all, nil
}

// CountParticipants implements chat.MembershipStore.
func (s *Store) CountParticipants(ctx context.Context, t chat.Tenant, rooms []id.ID, most int) (map[id.ID]int, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	counts := make(map[id.ID]int, len(rooms))
	for _, room := range rooms {
		prefix, n := participantsOf(t, room), 0
		err := s.scan(ctx, prefix, prefix, func(_, _ []byte) (bool, error) {
			n++
			return n < most, nil
		})
		if err != nil {
			return nil, err
		}
		counts[room] = n
	}
	return counts, nil
}

// RoomsOf implements chat.MembershipStore.
func (s *Store) RoomsOf(ctx context.Context, t chat.Tenant, login, after string, limit int) ([]chat.RoomRef, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	prefix := roomsOf(t, login)
	var rooms []chat.RoomRef
	err := s.scan(ctx, prefix, from(prefix, after), func(name, v []byte) (bool, error) {
		r, err := decodeRoomOf(string(name), v)
		rooms = append(rooms, r)
		return len(rooms) < limit, s.corrupt(err)
	})
	return rooms, err
}

// UpdateParticipant implements chat.MembershipStore.
func (s *Store) UpdateParticipant(ctx context.Context, t chat.Tenant, room id.ID, p chat.Person) error {
	members := participantsOf(t, room)
	return s.change(ctx, &s.members, members, func(b *pebble.Batch) error {
		there, err := s.has(members.last(p.Login))
		if err != nil || !there {
			return err
		}
		set(b, members.last(p.Login), encodePerson(p))
		return nil
	})
}
