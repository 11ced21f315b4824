package embedded

import (
	"context"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// joiningKey and joinedKey are the keys of a membership in the two lists in the order of joining.
func joiningKey(t chat.Tenant, room id.ID, m chat.Member) key {
	return joiningOf(t, room).lastID(m.Since).last(m.Login)
}

func joinedKey(t chat.Tenant, m chat.Member, room id.ID) key {
	return joinedBy(t, m.Login).lastID(m.Since).id(room)
}

// addParticipant writes a membership in both directions, and the footprint of the user.
func addParticipant(b *pebble.Batch, t chat.Tenant, r chat.Room, m chat.Member) {
	set(b, participantsOf(t, r.ID).last(m.Login), encodeMember(m))
	set(b, roomsOf(t, m.Login).last(r.Name), encodeRoomOf(r.ID))
	if !m.Since.IsZero() {
		set(b, joiningKey(t, r.ID, m), nil)
		set(b, joinedKey(t, m, r.ID), encodeJoined(r.Name))
	}
	addFootprint(b, t, r.Ref(), m.Login)
}

// removeParticipant removes what addParticipant has written, but the footprint.
func removeParticipant(b *pebble.Batch, t chat.Tenant, r chat.Room, m chat.Member) {
	remove(b, participantsOf(t, r.ID).last(m.Login))
	remove(b, roomsOf(t, m.Login).last(r.Name))
	if !m.Since.IsZero() {
		remove(b, joiningKey(t, r.ID, m))
		remove(b, joinedKey(t, m, r.ID))
	}
}

func (s *Store) member(t chat.Tenant, room id.ID, login string) (m chat.Member, found bool, err error) {
	v, found, err := s.find(participantsOf(t, room).last(login))
	if err != nil || !found {
		return m, false, err
	}
	m, err = decodeMember(login, v)
	return m, true, s.corrupt(err)
}

// Join implements chat.MembershipStore.
func (s *Store) Join(ctx context.Context, t chat.Tenant, r chat.Room, p chat.Person, since id.ID) (changed bool, err error) {
	joined, err := s.JoinAll(ctx, t, r, []chat.Person{p}, func() id.ID { return since })
	return len(joined) > 0, err
}

// JoinAll implements chat.MembershipStore.
func (s *Store) JoinAll(ctx context.Context, t chat.Tenant, r chat.Room, ps []chat.Person, since func() id.ID) (joined []string, err error) {
	members := participantsOf(t, r.ID)
	err = s.change(ctx, &s.members, members, func(b *pebble.Batch) error {
		now, err := s.sameRoom(t, r)
		if err != nil {
			return err
		}
		for _, p := range ps {
			m := chat.Member{Person: p, Since: since()}
			there, err := s.has(members.last(p.Login))
			if err != nil {
				return err
			}
			if !there && !slices.Contains(joined, p.Login) {
				joined = append(joined, p.Login)
				addParticipant(b, t, r, m)
			}
		}
		return s.count(b, t, now, len(joined))
	})
	if err != nil {
		return nil, err
	}
	return joined, nil
}

// count changes the number of participants of a room that has or had a limit, by some that a batch adds or removes. Full
// if there would be too many.
func (s *Store) count(b *pebble.Batch, t chat.Tenant, r chat.Room, by int) error {
	if by == 0 {
		return nil
	}
	n, counted, err := s.counted(t, r.ID)
	if err != nil || !counted {
		return err
	}
	if by > 0 && r.Settings.MaxMembers > 0 && n+by > r.Settings.MaxMembers {
		return chat.ErrFull(r.Name)
	}
	set(b, countKey(t, r.ID), encodeCount(n+by))
	return nil
}

// counted returns the number of participants of a room that has or had a limit.
func (s *Store) counted(t chat.Tenant, room id.ID) (n int, counted bool, err error) {
	v, found, err := s.find(countKey(t, room))
	if err != nil || !found {
		return 0, false, err
	}
	n, err = decodeCount(v)
	return n, true, s.corrupt(err)
}

// countMembers returns the number of participants of any room. It counts up to most if it has to.
func (s *Store) countMembers(ctx context.Context, t chat.Tenant, room id.ID, most int) (int, error) {
	n, counted, err := s.counted(t, room)
	if err != nil || counted {
		return n, err
	}
	return s.countParticipants(ctx, t, room, most)
}

// Leave implements chat.MembershipStore.
func (s *Store) Leave(ctx context.Context, t chat.Tenant, r chat.Room, login string) (changed bool, err error) {
	members := participantsOf(t, r.ID)
	err = s.change(ctx, &s.members, members, func(b *pebble.Batch) error {
		now, err := s.sameRoom(t, r)
		if err != nil {
			return err
		}
		m, there, err := s.member(t, r.ID, login)
		if err != nil || !there {
			return err
		}
		changed = true
		removeParticipant(b, t, r, m)
		return s.count(b, t, now, -1)
	})
	return changed && err == nil, err
}

// Participant implements chat.MembershipStore.
func (s *Store) Participant(ctx context.Context, t chat.Tenant, room id.ID, login string) (chat.Person, error) {
	if err := s.begin(ctx); err != nil {
		return chat.Person{}, err
	}
	defer s.calls.Done()
	m, found, err := s.member(t, room, login)
	if err == nil && !found {
		err = chat.ErrNotFound(chat.UserEntity, login)
	}
	if err != nil {
		return chat.Person{}, err
	}
	return m.Person, nil
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
func (s *Store) CountParticipants(ctx context.Context, t chat.Tenant, rooms []chat.Room, most int) (map[id.ID]int, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	counts := make(map[id.ID]int, len(rooms))
	for _, r := range rooms {
		n, err := s.countMembers(ctx, t, r.ID, most)
		if err != nil {
			return nil, err
		}
		counts[r.ID] = min(n, most)
	}
	return counts, nil
}

func (s *Store) countParticipants(ctx context.Context, t chat.Tenant, room id.ID, most int) (n int, err error) {
	prefix := participantsOf(t, room)
	err = s.scan(ctx, prefix, prefix, func(_, _ []byte) (bool, error) {
		n++
		return n < most, nil
	})
	return n, err
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
		m, there, err := s.member(t, room, p.Login)
		if err != nil || !there {
			return err
		}
		m.Person = p
		set(b, members.last(p.Login), encodeMember(m))
		return nil
	})
}

// Members implements chat.MembershipStore.
func (s *Store) Members(ctx context.Context, t chat.Tenant, room id.ID, from id.ID, newest bool, limit int) (members []chat.Member, err error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	visit := func(k, _ []byte) (bool, error) {
		c := columns{rest: k}
		since := id.Key(c.id()).ID()
		if c.err != nil {
			return false, s.corrupt(c.err)
		}
		m, found, err := s.member(t, room, string(c.rest))
		if err != nil {
			return false, err
		}
		if found && m.Since == since { // the participant may have left since the scan began
			members = append(members, m)
		}
		return len(members) < limit, nil
	}
	prefix := joiningOf(t, room)
	switch {
	case newest && from.IsZero():
		err = s.scanBack(ctx, prefix, prefix.end(), visit)
	case newest:
		err = s.scanBack(ctx, prefix, prefix.lastID(from), visit)
	case from.IsZero():
		err = s.scan(ctx, prefix, prefix, visit)
	default:
		err = s.scan(ctx, prefix, prefix.lastID(from).end(), visit)
	}
	return members, err
}

// RoomsByJoining implements chat.MembershipStore.
func (s *Store) RoomsByJoining(ctx context.Context, t chat.Tenant, login string, before id.ID, limit int) ([]chat.JoinedRoom, error) {
	return s.roomsIn(ctx, joinedBy(t, login), before, limit)
}

// roomsIn returns rooms of a list that ends with a time, the newest first.
func (s *Store) roomsIn(ctx context.Context, prefix key, before id.ID, limit int) (rooms []chat.JoinedRoom, err error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	to := prefix.end()
	if !before.IsZero() {
		to = prefix.lastID(before)
	}
	err = s.scanBack(ctx, prefix, to, func(k, v []byte) (bool, error) {
		r, err := decodeJoined(k, v)
		rooms = append(rooms, r)
		return len(rooms) < limit, s.corrupt(err)
	})
	return rooms, err
}
