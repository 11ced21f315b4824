package cassandra

import (
	"context"
	"sync/atomic"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

const (
	selectParticipant = `SELECT first_name, last_name, room_deleted FROM participants_by_room WHERE tenant = ? AND room_id = ? AND login = ?`
	listParticipants  = `SELECT login, first_name, last_name, since, room_deleted FROM participants_by_room
WHERE tenant = ? AND room_id = ? AND login > ? AND login <= ? LIMIT ?`
	countParticipants = `SELECT login, room_deleted FROM participants_by_room
WHERE tenant = ? AND room_id = ? AND login > ? AND login <= ? LIMIT ?`
	listRoomsOfUser = `SELECT room_name, room_id FROM rooms_by_user
WHERE tenant = ? AND login = ? AND (room_name, room_id) > (?, ?) AND (room_name, room_id) <= (?, ?) LIMIT ?`
	selectDeletions = `SELECT room_id, name, done FROM room_deletions WHERE tenant = ? AND room_id IN ?`
)

// Participant implements chat.MembershipStore. Permissions depend on it, so it also reads the decision in memberships.
// A deleted row of the view comes back if a node was away for longer than the view's gc_grace_seconds and is not
// repaired.
func (s *Store) Participant(ctx context.Context, t chat.Tenant, room id.ID, login string) (chat.Person, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return chat.Person{}, err
	}
	defer end()
	p := chat.Person{Login: login}
	var listed, deleted, joined bool
	err = forEach(ctx, 2, func(ctx context.Context, i int) (err error) {
		if i == 0 {
			listed, err = s.db.row(ctx, selectParticipant, []any{string(t), uuid(room), login}, &p.FirstName, &p.LastName, &deleted)
		} else {
			_, err = s.db.row(ctx, selectJoined, []any{string(t), uuid(room), login}, &joined)
		}
		return err
	})
	if err != nil {
		return chat.Person{}, err
	}
	if !listed || deleted || !joined {
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
	members, deleted, err := s.memberRows(ctx, t, room, after, limit)
	if err != nil || deleted {
		return nil, err
	}
	people := make([]chat.Person, len(members))
	for i, m := range members {
		people[i] = m.Person
	}
	return people, nil
}

// memberRows reads rows whether or not the room is deleted.
func (s *Store) memberRows(ctx context.Context, t chat.Tenant, room id.ID, after string, limit int) (members []chat.Member, deleted bool, err error) {
	var gone atomic.Bool // parts of a list may be read concurrently
	members, err = inSpan(ctx, span{afterName(after), listEnd}, limit, func(ctx context.Context, sp span, limit int) (part []chat.Member, err error) {
		var m chat.Member
		var deleted bool
		err = s.db.rows(ctx, limit, func() {
			part = append(part, m)
			if deleted {
				gone.Store(true)
			}
		}, listParticipants, []any{string(t), uuid(room), sp.after.name, sp.to.name, limit}, &m.Login, &m.FirstName, &m.LastName, maybe(&m.Since), &deleted)
		return part, err
	})
	return members, gone.Load(), err
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

// CountParticipants implements chat.MembershipStore.
func (s *Store) CountParticipants(ctx context.Context, t chat.Tenant, rooms []chat.Room, most int) (map[id.ID]int, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	counts := make([]int, len(rooms))
	err = forEach(ctx, len(rooms), func(ctx context.Context, i int) (err error) {
		counts[i], err = s.countMembers(ctx, t, rooms[i], most)
		return err
	})
	if err != nil {
		return nil, err
	}
	byRoom := make(map[id.ID]int, len(rooms))
	for i, r := range rooms {
		byRoom[r.ID] = counts[i]
	}
	return byRoom, nil
}

func (s *Store) countParticipants(ctx context.Context, t chat.Tenant, room id.ID, most int) (int, error) {
	var gone atomic.Bool // parts of a list may be read concurrently
	rows, err := inSpan(ctx, span{afterName(""), listEnd}, most, func(ctx context.Context, sp span, limit int) (part []struct{}, err error) {
		var login string
		var deleted bool
		err = s.db.rows(ctx, min(limit, pageRows), func() {
			part = append(part, struct{}{})
			if deleted {
				gone.Store(true)
			}
		}, countParticipants, []any{string(t), uuid(room), sp.after.name, sp.to.name, limit}, &login, &deleted)
		return part, err
	})
	if gone.Load() {
		return 0, err
	}
	return len(rows), err
}

// RoomsOf implements chat.MembershipStore. It finds rows of rooms that are being deleted, because the sweep removes
// them only after the deletion was answered.
func (s *Store) RoomsOf(ctx context.Context, t chat.Tenant, login, after string, limit int) ([]chat.RoomRef, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	rooms := make([]chat.RoomRef, 0, min(limit, 1000))
	for at := afterName(after); len(rooms) < limit; {
		want := min(limit-len(rooms), pageRows)
		page, err := inSpan(ctx, span{at, listEnd}, want, func(ctx context.Context, sp span, n int) (part []chat.RoomRef, err error) {
			var r chat.RoomRef
			err = s.db.rows(ctx, n, func() { part = append(part, r) }, listRoomsOfUser,
				[]any{string(t), login, sp.after.name, uuid(sp.after.id), sp.to.name, uuid(sp.to.id), n}, &r.Name, into(&r.ID))
			return part, err
		})
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

// deletedOf returns the rooms that are deleted although their members' rows still exist. A deletion that is recorded
// but not decided does not count yet.
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
