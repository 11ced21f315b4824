package cassandra

import (
	"context"
	"slices"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

const (
	insertJoining = `INSERT INTO members_by_joining (tenant, room_id, since, login) VALUES (?, ?, ?, ?) USING TIMESTAMP ?`
	deleteJoining = `DELETE FROM members_by_joining USING TIMESTAMP ? WHERE tenant = ? AND room_id = ? AND since = ? AND login = ?`
	insertJoined  = `INSERT INTO rooms_by_joining (tenant, login, since, room_id, room_name) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?`
	deleteJoined  = `DELETE FROM rooms_by_joining USING TIMESTAMP ? WHERE tenant = ? AND login = ? AND since = ? AND room_id = ?`

	listJoining = `SELECT since, login FROM members_by_joining WHERE tenant = ? AND room_id = ? AND since > ? AND since <= ?
ORDER BY since ASC LIMIT ?`
	listJoiningBack = `SELECT since, login FROM members_by_joining WHERE tenant = ? AND room_id = ? AND since > ? AND since <= ?
ORDER BY since DESC LIMIT ?`
	listJoined = `SELECT since, room_id, room_name FROM rooms_by_joining WHERE tenant = ? AND login = ? AND since > ? AND since <= ?
ORDER BY since DESC LIMIT ?`
	selectMembers = `SELECT login, first_name, last_name, since, room_deleted FROM participants_by_room
WHERE tenant = ? AND room_id = ? AND login IN ?`
	selectRoomsOfUser = `SELECT room_id, since FROM rooms_by_user WHERE tenant = ? AND login = ? AND room_name IN ?`

	// verifiedAtOnce is how many rows of an index are verified by one statement.
	verifiedAtOnce = 100
)

// Both lists in the order of joining are indexes: a row may stand for a membership that has ended, never the other way
// round. So readers look each row up in the lists by name, which alone have names, and know of deleted rooms.

// unlisted returns the writes that remove a membership from the lists in the order of joining.
func (m membership) unlisted(t chat.Tenant, room, since id.ID) []write {
	if since.IsZero() {
		return nil
	}
	return []write{
		{deleteJoining, []any{m.version, string(t), uuid(room), uuid(since), m.person.Login}},
		{deleteJoined, []any{m.version, string(t), m.person.Login, uuid(since), uuid(room)}},
	}
}

// Members implements chat.MembershipStore.
func (s *Store) Members(ctx context.Context, t chat.Tenant, room id.ID, from id.ID, newest bool, limit int) ([]chat.Member, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	statement, at := listJoining, span{listed{id: id.Min}, listed{id: id.Max}}
	if newest {
		statement = listJoiningBack
	}
	read := func(ctx context.Context, want int) ([]chat.Member, error) {
		return inSpan(ctx, entrySpan{at, newest}, want, func(ctx context.Context, sp entrySpan, n int) (part []chat.Member, err error) {
			var m chat.Member
			err = s.db.rows(ctx, n, func() { part = append(part, m) }, statement,
				[]any{string(t), uuid(room), uuid(sp.after.id), uuid(sp.to.id), n}, into(&m.Since), &m.Login)
			return part, err
		})
	}
	pass := func(m chat.Member) {
		if newest {
			at.to.id = m.Since.Before()
		} else {
			at.after.id = m.Since
		}
	}
	if !from.IsZero() {
		pass(chat.Member{Since: from})
	}
	return verified(ctx, limit, read, pass, func(ctx context.Context, page []chat.Member) (map[id.ID]chat.Member, error) {
		logins := make([]string, len(page))
		for i, m := range page {
			logins[i] = m.Login
		}
		found := map[id.ID]chat.Member{}
		var m chat.Member
		var deleted bool
		err := s.db.rows(ctx, verifiedAtOnce, func() {
			if !deleted {
				found[m.Since] = m
			}
		}, selectMembers, []any{string(t), uuid(room), logins}, &m.Login, &m.FirstName, &m.LastName, maybe(&m.Since), &deleted)
		return found, err
	}, func(m chat.Member) id.ID { return m.Since })
}

// RoomsByJoining implements chat.MembershipStore.
func (s *Store) RoomsByJoining(ctx context.Context, t chat.Tenant, login string, before id.ID, limit int) ([]chat.JoinedRoom, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	return s.roomsNewestFirst(ctx, listJoined, []any{string(t), login}, before, limit, func(ctx context.Context, page []chat.JoinedRoom) (map[id.ID]chat.JoinedRoom, error) {
		names, refs, byID := make([]string, len(page)), make([]chat.RoomRef, len(page)), map[id.ID]chat.JoinedRoom{}
		for i, r := range page {
			names[i], refs[i], byID[r.ID] = r.Name, r.RoomRef, r
		}
		deleted, err := s.deletedOf(ctx, t, refs)
		if err != nil {
			return nil, err
		}
		found := map[id.ID]chat.JoinedRoom{}
		var room, since id.ID
		err = s.db.rows(ctx, verifiedAtOnce, func() {
			if r := byID[room]; r.Since == since && !deleted[room] {
				found[since] = r
			}
		}, selectRoomsOfUser, []any{string(t), login, names}, into(&room), maybe(&since))
		return found, err
	})
}

// roomsNewestFirst returns up to limit rooms of an index in the reverse order of time, before a position (zero: from the
// newest). list reads the part of it that key names; check returns the rows of a page that stand for something.
func (s *Store) roomsNewestFirst(ctx context.Context, list string, key []any, before id.ID, limit int,
	check func(ctx context.Context, page []chat.JoinedRoom) (map[id.ID]chat.JoinedRoom, error)) ([]chat.JoinedRoom, error) {
	at := span{listed{id: id.Min}, listed{id: id.Max}}
	read := func(ctx context.Context, want int) ([]chat.JoinedRoom, error) {
		return inSpan(ctx, entrySpan{at, true}, want, func(ctx context.Context, sp entrySpan, n int) (part []chat.JoinedRoom, err error) {
			var r chat.JoinedRoom
			err = s.db.rows(ctx, n, func() { part = append(part, r) }, list,
				append(slices.Clone(key), uuid(sp.after.id), uuid(sp.to.id), n), into(&r.Since), into(&r.ID), &r.Name)
			return part, err
		})
	}
	pass := func(r chat.JoinedRoom) { at.to.id = r.Since.Before() }
	if !before.IsZero() {
		pass(chat.JoinedRoom{Since: before})
	}
	return verified(ctx, limit, read, pass, check, func(r chat.JoinedRoom) id.ID { return r.Since })
}

// verified returns up to limit rows of an index that stand for something. read returns the next rows, and pass moves the
// position behind a row. look returns those of a page that are found elsewhere, by their since.
func verified[R any](ctx context.Context, limit int, read func(ctx context.Context, want int) ([]R, error), pass func(R),
	look func(ctx context.Context, page []R) (map[id.ID]R, error), since func(R) id.ID) ([]R, error) {
	out := make([]R, 0, min(limit, pageRows))
	for len(out) < limit {
		want := min(limit-len(out), verifiedAtOnce)
		page, err := read(ctx, want)
		if err != nil {
			return nil, err
		}
		if len(page) == 0 {
			break
		}
		found, err := look(ctx, page)
		if err != nil {
			return nil, err
		}
		for _, row := range page {
			if r, ok := found[since(row)]; ok {
				out = append(out, r)
			}
			pass(row)
		}
		if len(page) < want {
			break
		}
	}
	return out, nil
}
