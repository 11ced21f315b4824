package cassandra

import (
	"context"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

const (
	selectParticipant = `SELECT first_name, last_name, room_deleted FROM participants_by_room WHERE tenant = ? AND room_id = ? AND login = ?`
	listParticipants  = `SELECT login, first_name, last_name, room_deleted FROM participants_by_room
WHERE tenant = ? AND room_id = ? AND login > ? LIMIT ?`
	listRoomsOfUser = `SELECT room_name, room_id FROM rooms_by_user
WHERE tenant = ? AND login = ? AND (room_name, room_id) > (?, ?) LIMIT ?`
	selectDeletions = `SELECT room_id, name, done FROM room_deletions WHERE tenant = ? AND room_id IN ?`
)

// Participant implements chat.MembershipStore.
func (s *Store) Participant(ctx context.Context, t chat.Tenant, room id.ID, login string) (chat.Person, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return chat.Person{}, err
	}
	defer end()
	p := chat.Person{Login: login}
	var deleted bool
	found, err := s.db.row(ctx, selectParticipant, []any{string(t), uuid(room), login}, &p.FirstName, &p.LastName, &deleted)
	if err != nil {
		return chat.Person{}, err
	}
	if !found || deleted {
		return chat.Person{}, chat.ErrNotFound(chat.UserEntity, login)
	}
	return p, nil
}

// Participants implements chat.MembershipStore.
func (s *Store) Participants(ctx context.Context, t chat.Tenant, room id.ID, after string, limit int) ([]chat.Person, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	return s.participants(ctx, t, room, after, limit)
}

func (s *Store) participants(ctx context.Context, t chat.Tenant, room id.ID, after string, limit int) ([]chat.Person, error) {
	people, deleted, err := s.participantRows(ctx, t, room, after, limit)
	if err != nil || deleted {
		return nil, err
	}
	return people, nil
}

// participantRows reads rows whether or not the room is deleted.
func (s *Store) participantRows(ctx context.Context, t chat.Tenant, room id.ID, after string, limit int) (people []chat.Person, deleted bool, err error) {
	var p chat.Person
	err = s.db.rows(ctx, limit, func() { people = append(people, p) }, listParticipants,
		[]any{string(t), uuid(room), after, limit}, &p.Login, &p.FirstName, &p.LastName, &deleted)
	return people, deleted, err
}

// ParticipantsOf implements chat.MembershipStore.
func (s *Store) ParticipantsOf(ctx context.Context, t chat.Tenant, rooms []id.ID, limit int) (map[id.ID][]chat.Person, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	lists := make([][]chat.Person, len(rooms))
	err = forEach(ctx, len(rooms), func(ctx context.Context, i int) (err error) {
		lists[i], err = s.participants(ctx, t, rooms[i], "", limit)
		return err
	})
	if err != nil {
		return nil, err
	}
	byRoom := make(map[id.ID][]chat.Person, len(rooms))
	for i, r := range rooms {
		byRoom[r] = lists[i]
	}
	return byRoom, nil
}

// RoomsOf implements chat.MembershipStore. Rows of rooms that are being deleted are
// still there: the deletion does not touch them while somebody waits for it.
func (s *Store) RoomsOf(ctx context.Context, t chat.Tenant, login, after string, limit int) ([]chat.RoomRef, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	rooms := make([]chat.RoomRef, 0, min(limit, 1000))
	for at := afterName(after); len(rooms) < limit; {
		want := min(limit-len(rooms), pageRows)
		page := make([]chat.RoomRef, 0, want)
		var r chat.RoomRef
		err := s.db.rows(ctx, want, func() { page = append(page, r) }, listRoomsOfUser,
			[]any{string(t), login, at.name, uuid(at.id), want}, &r.Name, into(&r.ID))
		if err != nil {
			return nil, err
		}
		deleted, err := s.deletedOf(ctx, t, page)
		if err != nil {
			return nil, err
		}
		for _, r := range page {
			if !deleted[r.ID] {
				rooms = append(rooms, r)
			}
		}
		if len(page) < want {
			break
		}
		last := page[len(page)-1]
		at = listed{name: last.Name, id: last.ID}
	}
	return rooms, nil
}

// deletedOf returns those of rooms that are deleted while their members' rows are still
// there. A deletion that is written down but not decided does not count yet.
func (s *Store) deletedOf(ctx context.Context, t chat.Tenant, rooms []chat.RoomRef) (map[id.ID]bool, error) {
	if len(rooms) == 0 {
		return nil, nil
	}
	ids := make([][16]byte, len(rooms))
	for i, r := range rooms {
		ids[i] = uuid(r.ID)
	}
	deleted := map[id.ID]bool{}
	var unfinished []chat.RoomRef
	var r chat.RoomRef
	var done bool
	err := s.db.rows(ctx, len(rooms), func() {
		deleted[r.ID] = done
		if !done {
			unfinished = append(unfinished, r)
		}
	}, selectDeletions, []any{string(t), ids}, into(&r.ID), &r.Name, &done)
	if err != nil {
		return nil, err
	}
	for _, r := range unfinished {
		there, err := s.isRoom(ctx, t, r)
		if err == nil && !there {
			deleted[r.ID] = true
			err = s.hideRoom(ctx, t, r) // so that the other direction agrees
		}
		if err != nil {
			return nil, err
		}
	}
	return deleted, nil
}
