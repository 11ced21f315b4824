package cassandra

import (
	"context"

	"github.com/gocql/gocql"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// Join implements chat.MembershipStore.
func (s *Store) Join(ctx context.Context, t chat.Tenant, r chat.Room, p chat.Person, since id.ID) (changed bool, err error) {
	joined, err := s.joinAll(ctx, t, r, []chat.Member{{Person: p, Since: since}})
	return len(joined) > 0, err
}

// JoinAll implements chat.MembershipStore.
func (s *Store) JoinAll(ctx context.Context, t chat.Tenant, r chat.Room, ps []chat.Person, since func() id.ID) (joined []string, err error) {
	members, seen := make([]chat.Member, 0, len(ps)), map[string]bool{}
	for _, p := range ps {
		if !seen[p.Login] {
			seen[p.Login] = true
			members = append(members, chat.Member{Person: p, Since: since()})
		}
	}
	return s.joinAll(ctx, t, r, members)
}

// joinAll makes people participants, and returns the logins of those who were not.
func (s *Store) joinAll(ctx context.Context, t chat.Tenant, r chat.Room, members []chat.Member) (joined []string, err error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	// Most callers that are too late find out here, and write nothing.
	limit, places, there, err := s.limitOf(ctx, t, r.Ref())
	if err != nil || !there {
		return nil, notThere(err, r)
	}
	joins := make([]*join, len(members))
	for i, m := range members {
		joins[i] = &join{Member: m}
	}
	if places {
		if err := s.seat(ctx, t, r, limit, joins...); err != nil {
			return nil, err
		}
	}
	err = forEach(ctx, len(joins), func(ctx context.Context, i int) error { return s.join(ctx, t, r, limit, places, joins[i]) })
	if err != nil {
		return nil, err
	}
	// A deletion removes the room before it lists the participants to remove, and the first limit is set before the members
	// are listed who get a place. So either these find the rows, or this call finds out here.
	limit, limited, there, err := s.limitOf(ctx, t, r.Ref())
	switch {
	case err != nil:
		return nil, err
	case !there:
		err = chat.ErrNotFound(chat.RoomEntity, r.Name)
	case limited && !places:
		err = s.seatLate(ctx, t, r, limit, joins)
	}
	for _, j := range joins {
		switch {
		case err == nil && j.changed:
			joined = append(joined, j.Login)
		case err != nil && (j.changed || !there): // of a deleted room an earlier attempt may have joined
			if _, err := s.leave(ctx, t, r, j.Login, limited); err != nil {
				return nil, err
			}
		}
	}
	return joined, err
}

// join is one person who joins.
type join struct {
	chat.Member
	latest  membership // as it was read; zero: not read yet, or nothing was decided
	place   gocql.UUID
	changed bool
}

// join decides a membership, and shows it in the views.
func (s *Store) join(ctx context.Context, t chat.Tenant, r chat.Room, limit int, places bool, j *join) (err error) {
	// Before the membership: an erasure finds the room even if this call breaks off.
	if err := s.addFootprint(ctx, t, r.Ref(), j.Login); err != nil {
		return err
	}
	for !j.latest.joined {
		next := membership{person: j.Person, since: j.Since, place: j.place, joined: true}
		next, j.changed, err = s.decideMembership(ctx, t, r.ID, j.latest, next)
		if err != nil {
			return err
		}
		if j.changed {
			j.latest = next
			break
		}
		if j.latest, err = s.membership(ctx, t, r.ID, j.Login); err != nil {
			return err
		}
		if places && !j.latest.joined {
			if err := s.seat(ctx, t, r, limit, j); err != nil {
				return err
			}
		}
	}
	// For a repeated join, this completes writes that a crash interrupted.
	return s.db.together(ctx, j.latest.views(t, r.ID, r.Name)...)
}

// seat takes a place for each of those who are not members, or for none of them if there are too few (Full).
func (s *Store) seat(ctx context.Context, t chat.Tenant, r chat.Room, limit int, joins ...*join) error {
	err := forEach(ctx, len(joins), func(ctx context.Context, i int) (err error) {
		joins[i].latest, err = s.membership(ctx, t, r.ID, joins[i].Login)
		return err
	})
	if err != nil {
		return err
	}
	c := &placeCall{name: r.Name, limit: limit}
	var takers []*join
	for _, j := range joins {
		if !j.latest.joined {
			c.take = append(c.take, &seat{login: j.Login, own: gocql.MustRandomUUID(), ended: j.latest.place})
			takers = append(takers, j)
		}
	}
	if len(takers) == 0 {
		return nil
	}
	if err := s.places(ctx, placeRoom{t, r.ID}, c); err != nil {
		return err
	}
	for i, j := range takers {
		j.place = c.take[i].place
	}
	return nil
}

// seatLate takes places for people who have joined a room that had no limit before. They have the place zero, as other
// members from then.
func (s *Store) seatLate(ctx context.Context, t chat.Tenant, r chat.Room, limit int, joins []*join) error {
	c := &placeCall{name: r.Name, limit: limit}
	for _, j := range joins {
		if j.changed {
			c.take = append(c.take, &seat{login: j.Login})
		}
	}
	if len(c.take) == 0 {
		return nil
	}
	return s.places(ctx, placeRoom{t, r.ID}, c)
}

// firstPlace takes the place of the creator of a new room, if the room has places.
func (s *Store) firstPlace(ctx context.Context, t chat.Tenant, r chat.Room) (place gocql.UUID, err error) {
	if r.Settings.MaxMembers == 0 {
		return place, nil
	}
	m, err := s.membership(ctx, t, r.ID, r.Creator.Login)
	if err != nil || m.version != 0 {
		return m.place, err // it was decided already
	}
	x := &seat{login: r.Creator.Login, own: gocql.MustRandomUUID()}
	err = s.places(ctx, placeRoom{t, r.ID}, &placeCall{isNew: true, take: []*seat{x}})
	return x.place, err
}

// countMembers returns the number of participants of a room, at most most: of one with a limit by its places.
func (s *Store) countMembers(ctx context.Context, t chat.Tenant, r chat.Room, most int) (int, error) {
	if r.Settings.MaxMembers > 0 {
		var taken int
		var filled bool
		if _, err := s.db.row(ctx, selectTaken, []any{string(t), uuid(r.ID)}, &taken, &filled); err != nil || filled {
			return min(taken, most), err
		}
	}
	return s.countParticipants(ctx, t, r.ID, most)
}
