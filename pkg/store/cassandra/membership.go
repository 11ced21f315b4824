package cassandra

import (
	"context"

	"github.com/gocql/gocql"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

const (
	selectMembership = `SELECT joined, version, decision, first_name, last_name, since, place FROM memberships WHERE tenant = ? AND room_id = ? AND login = ?`
	selectJoined     = `SELECT joined FROM memberships WHERE tenant = ? AND room_id = ? AND login = ?`
	// An UPDATE, not an INSERT: it leaves no row marker, so the row of a user who left expires as a whole.
	firstJoin = `UPDATE memberships SET joined = true, version = ?, decision = ?, first_name = ?, last_name = ?, since = ?, place = ?
WHERE tenant = ? AND room_id = ? AND login = ? IF version = null`
	nextJoin = `UPDATE memberships SET joined = true, version = ?, decision = ?, first_name = ?, last_name = ?, since = ?, place = ?
WHERE tenant = ? AND room_id = ? AND login = ? IF version = ?`
	// No write of an older version takes as long as 30 days.
	nextLeave = `UPDATE memberships USING TTL 2592000 SET joined = false, version = ?, decision = ?, first_name = '', last_name = '', since = ?, place = ?
WHERE tenant = ? AND room_id = ? AND login = ? IF version = ?`
	forgetMembership = `DELETE FROM memberships WHERE tenant = ? AND room_id = ? AND login = ? IF EXISTS`
	forgetLeave      = `DELETE FROM memberships WHERE tenant = ? AND room_id = ? AND login = ? IF joined = false`

	insertParticipant = `INSERT INTO participants_by_room (tenant, room_id, login, first_name, last_name, since) VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?`
	deleteParticipant = `DELETE FROM participants_by_room USING TIMESTAMP ? WHERE tenant = ? AND room_id = ? AND login = ?`
	insertRoomOfUser  = `INSERT INTO rooms_by_user (tenant, login, room_name, room_id, since) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?`
	deleteRoomOfUser  = `DELETE FROM rooms_by_user USING TIMESTAMP ? WHERE tenant = ? AND login = ? AND room_name = ? AND room_id = ?`
)

// membership is a row of memberships: the latest decision about a user in a room.
type membership struct {
	person   chat.Person
	since    id.ID      // the place in the order of joining, of the last membership if it has ended; zero: none
	before   id.ID      // since of the membership before, where it is known
	place    gocql.UUID // see places.go; that of the last membership if it has ended
	joined   bool
	version  int64 // microseconds; 0 if there is no row
	decision gocql.UUID
}

// views returns the writes by which both directions show m instead of older decisions.
func (m membership) views(t chat.Tenant, room id.ID, name string) []write {
	if !m.joined {
		return append([]write{
			{deleteParticipant, []any{m.version, string(t), uuid(room), m.person.Login}},
			{deleteRoomOfUser, []any{m.version, string(t), m.person.Login, name, uuid(room)}},
		}, m.unlisted(t, room, m.since)...)
	}
	writes := []write{
		{insertParticipant, []any{string(t), uuid(room), m.person.Login, m.person.FirstName, m.person.LastName, optionalID(m.since), m.version}},
		{insertRoomOfUser, []any{string(t), m.person.Login, name, uuid(room), optionalID(m.since), m.version}},
	}
	if !m.since.IsZero() {
		writes = append(writes,
			write{insertJoining, []any{string(t), uuid(room), uuid(m.since), m.person.Login, m.version}},
			write{insertJoined, []any{string(t), m.person.Login, uuid(m.since), uuid(room), name, m.version}})
	}
	if m.before != m.since {
		writes = append(writes, m.unlisted(t, room, m.before)...) // the leave in between may have broken off
	}
	return writes
}

// membership reads the latest decision. It completes transactions that are still running.
func (s *Store) membership(ctx context.Context, t chat.Tenant, room id.ID, login string) (membership, error) {
	m := membership{person: chat.Person{Login: login}}
	_, err := s.db.decided(ctx, selectMembership, []any{string(t), uuid(room), login},
		&m.joined, &m.version, &m.decision, &m.person.FirstName, &m.person.LastName, maybe(&m.since), &m.place)
	return m, err
}

// decideMembership replaces decision old by a new one. It returns false if old is no longer the latest.
func (s *Store) decideMembership(ctx context.Context, t chat.Tenant, room id.ID, old, next membership) (membership, bool, error) {
	next.before = old.since
	next.version = max(next.version, micros(s.present()), old.version+1)
	next.decision = gocql.MustRandomUUID()
	verify := func(ctx context.Context) (outcome, error) {
		kept, err := s.membership(ctx, t, room, next.person.Login)
		switch {
		case err != nil:
			return undecided, err
		case kept.decision == next.decision:
			return applied, nil
		case kept.version == old.version:
			return undecided, nil
		default:
			return rejected, nil
		}
	}
	since, place := orNone(gocql.UUID(next.since)), orNone(next.place)
	key := []any{string(t), uuid(room), next.person.Login}
	var done bool
	var err error
	switch {
	case !next.joined:
		done, err = s.db.decide(ctx, verify, nextLeave, append(append([]any{next.version, next.decision, since, place}, key...), versionOrNone(old.version))...)
	case old.version == 0:
		done, err = s.db.decide(ctx, verify, firstJoin,
			append([]any{next.version, next.decision, next.person.FirstName, next.person.LastName, since, place}, key...)...)
	default:
		done, err = s.db.decide(ctx, verify, nextJoin,
			append(append([]any{next.version, next.decision, next.person.FirstName, next.person.LastName, since, place}, key...), old.version)...)
	}
	return next, done, err
}

// firstMembership makes a new room's creator a participant, unless there is a decision about the creator already. It
// returns the decision that holds.
func (s *Store) firstMembership(ctx context.Context, t chat.Tenant, r chat.Room, at int64, place gocql.UUID) (membership, error) {
	m := membership{person: r.Creator, since: r.ID, place: place, joined: true, version: at, decision: gocql.MustRandomUUID()}
	verify := func(ctx context.Context) (outcome, error) {
		kept, err := s.membership(ctx, t, r.ID, r.Creator.Login)
		switch {
		case err != nil || kept.version == 0:
			return undecided, err
		case kept.decision == m.decision:
			return applied, nil
		default:
			return rejected, nil
		}
	}
	done, err := s.db.decide(ctx, verify, firstJoin, m.version, m.decision, m.person.FirstName, m.person.LastName, uuid(m.since), orNone(m.place),
		string(t), uuid(r.ID), m.person.Login)
	if err != nil || done {
		return m, err
	}
	return s.membership(ctx, t, r.ID, r.Creator.Login)
}

// versionOrNone binds the version of a membership about which nothing may have been decided.
func versionOrNone(version int64) any {
	if version == 0 {
		return nil
	}
	return version
}

func notThere(err error, r chat.Room) error {
	if err != nil {
		return err
	}
	return chat.ErrNotFound(chat.RoomEntity, r.Name)
}

// Leave implements chat.MembershipStore.
func (s *Store) Leave(ctx context.Context, t chat.Tenant, r chat.Room, login string) (changed bool, err error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return false, err
	}
	defer end()
	// Rows that a deleted room leaves are no participations.
	_, places, there, err := s.limitOf(ctx, t, r.Ref())
	if err != nil || !there {
		return false, notThere(err, r)
	}
	return s.leave(ctx, t, r, login, places)
}

// leave is Leave of a room that is there, or is deleted. places says whether its members have places.
func (s *Store) leave(ctx context.Context, t chat.Tenant, r chat.Room, login string, places bool) (changed bool, err error) {
	m, err := s.membership(ctx, t, r.ID, login)
	if err != nil || m.version == 0 {
		return false, err
	}
	err = s.announcing(ctx, chat.MemberKey(t, r.ID, login), func() error {
		changed, err = s.leaveAfter(ctx, t, r, login, m, places)
		return err
	})
	return changed && err == nil, err
}

// leaveAfter is leave when m was the latest decision.
func (s *Store) leaveAfter(ctx context.Context, t chat.Tenant, r chat.Room, login string, m membership, places bool) (changed bool, err error) {
	for {
		if m.joined {
			next := membership{person: chat.Person{Login: login}, since: m.since, place: m.place}
			if m, changed, err = s.decideMembership(ctx, t, r.ID, m, next); err != nil {
				return false, err
			}
			if !changed {
				if m, err = s.membership(ctx, t, r.ID, login); err != nil || m.version == 0 {
					return false, err
				}
				continue
			}
		}
		// For a repeated leave, this completes writes that a crash interrupted.
		if err := s.db.together(ctx, m.views(t, r.ID, r.Name)...); err != nil {
			return false, err
		}
		if places {
			err = s.places(ctx, placeRoom{t, r.ID}, &placeCall{give: []*seat{{login: login, own: m.place}}})
		}
		return changed, err
	}
}

// UpdateParticipant implements chat.MembershipStore. A change of names is a decision too: a plain write could restore
// the row of a user who is leaving.
func (s *Store) UpdateParticipant(ctx context.Context, t chat.Tenant, room id.ID, p chat.Person) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	m, err := s.membership(ctx, t, room, p.Login)
	if err != nil || !m.joined {
		return err
	}
	return s.announcing(ctx, chat.MemberKey(t, room, p.Login), func() error {
		for {
			next, done, err := s.decideMembership(ctx, t, room, m, membership{person: p, since: m.since, place: m.place, joined: true})
			if err != nil {
				return err
			}
			if done {
				return s.db.exec(ctx, insertParticipant, string(t), uuid(room), p.Login, p.FirstName, p.LastName, optionalID(next.since), next.version)
			}
			if m, err = s.membership(ctx, t, room, p.Login); err != nil || !m.joined {
				return err
			}
		}
	})
}
