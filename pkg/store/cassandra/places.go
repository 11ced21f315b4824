package cassandra

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gocql/gocql"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
)

const (
	selectPlaces = `SELECT login, place, taken, change, filled, looked_at FROM room_places WHERE tenant = ? AND room_id = ? AND login IN ?`
	selectTaken  = `SELECT taken, filled FROM room_places WHERE tenant = ? AND room_id = ? AND login = ''`
	listPlaces   = `SELECT login, place, taken_at FROM room_places WHERE tenant = ? AND room_id = ? AND login > ? AND login <= ? LIMIT ?`
	savePlaces   = `UPDATE room_places SET taken = ?, change = ?, filled = ?, looked_at = ? WHERE tenant = ? AND room_id = ? AND login = ''
IF change = ?`
	insertPlace = `INSERT INTO room_places (tenant, room_id, login, place, taken_at) VALUES (?, ?, ?, ?, ?) IF NOT EXISTS`
	renewPlace  = `UPDATE room_places SET place = ?, taken_at = ? WHERE tenant = ? AND room_id = ? AND login = ? IF EXISTS`
	deletePlace = `DELETE FROM room_places WHERE tenant = ? AND room_id = ? AND login = ? IF EXISTS`

	// placesAtOnce is how many places one transaction changes, unless one caller needs more. It is about 8 KB.
	placesAtOnce = 60
	// lookEvery is how often the places of a full room are compared with its members, and how old a place is that nobody has.
	lookEvery = time.Minute
)

// In a room with a limit, a member has a place. All places of a room are one partition, so one transaction takes places
// and counts them. A join has three steps:
//
//  1. It takes a place (takePlaces), or finds the one that another join of the same user has taken.
//  2. It decides the membership, which notes the place.
//  3. It writes the views.
//
// A leave decides the membership first, and then gives back the place that the membership has noted: no other. So a place
// that is given back belongs to no membership: a join that found the place before the leave cannot decide any more, as the
// membership has another version; one that reads the membership afterwards knows that its place has ended, and renews it.
//
// A place whose join broke off stays until somebody finds the room full. Then places older than lookEvery without a member
// are given back, in the same way: by deciding that the user has left, which a join that still runs would notice. So there
// is never a member without a place, and for a moment there may be a place without a member.
//
// Members from before a room had a limit have the place zero. See fillPlaces.

// placeRoom is a room that has places.
type placeRoom struct {
	tenant chat.Tenant
	room   id.ID
}

// seat is a place that a call takes, or gives back.
type seat struct {
	login string
	own   gocql.UUID // the place to take, if there is none, or to give back
	ended gocql.UUID // the place that ended with the last membership; zero: none, or one from before there was a limit
	place gocql.UUID // after the call: the place of the login
}

// placeCall is what one caller wants done with the places of a room: in one step, or not at all.
type placeCall struct {
	name  string // of the room, for errors
	limit int    // of the room; 0: none
	isNew bool   // the room is being created: there is nobody without a place
	take  []*seat
	give  []*seat
	done  chan error
}

// placeQueues gather the calls for each room: while a transaction runs, those that come wait for the next one. So servers
// compete for a room's places, but not the calls of one server.
type placeQueues struct {
	mu    sync.Mutex
	rooms map[placeRoom][]*placeCall // that wait; there is a key while a goroutine works for the room
}

// places does what a call wants. After an error a place may have been taken.
func (s *Store) places(ctx context.Context, r placeRoom, c *placeCall) error {
	c.done = make(chan error, 1)
	q := &s.placeQueues
	q.mu.Lock()
	waiting, works := q.rooms[r]
	if q.rooms == nil {
		q.rooms = map[placeRoom][]*placeCall{}
	}
	q.rooms[r] = append(waiting, c)
	q.mu.Unlock()
	if !works {
		s.calls.Add(1) // allowed: the calling method is still counted, so Close waits
		go func() {
			defer s.calls.Done()
			s.workPlaces(r)
		}()
	}
	select {
	case err := <-c.done:
		return err
	case <-ctx.Done():
		return asChat(ctx.Err())
	}
}

// workPlaces does the calls for a room until none waits.
func (s *Store) workPlaces(r placeRoom) {
	q := &s.placeQueues
	for {
		q.mu.Lock()
		calls := q.rooms[r]
		if len(calls) == 0 {
			delete(q.rooms, r)
			q.mu.Unlock()
			return
		}
		n, size := 1, len(calls[0].take)+len(calls[0].give)
		for n < len(calls) && size+len(calls[n].take)+len(calls[n].give) <= placesAtOnce {
			size += len(calls[n].take) + len(calls[n].give)
			n++
		}
		some := calls[:n:n]
		q.rooms[r] = calls[n:]
		q.mu.Unlock()
		err := guard.Try(func() error { // the callers wait for an answer
			// Not the context of one caller: the transaction is for all of them.
			ctx, cancel := context.WithTimeout(context.Background(), s.db.timeout)
			defer cancel()
			return s.changePlaces(ctx, r, some)
		})
		for _, c := range some {
			select {
			case c.done <- err: // unless it was refused
			default:
			}
		}
	}
}

// placesOf are the rows of some places of a room.
type placesOf struct {
	taken    int
	change   gocql.UUID // zero if there are no places yet
	filled   bool
	lookedAt time.Time
	rows     map[string]gocql.UUID
}

func (s *Store) readPlaces(ctx context.Context, r placeRoom, logins []string) (placesOf, error) {
	now := placesOf{rows: map[string]gocql.UUID{}}
	var login string
	var place, change gocql.UUID
	var taken int
	var filled bool
	var lookedAt time.Time
	err := s.db.decidedRows(ctx, func() {
		if login == "" {
			now.taken, now.change, now.filled, now.lookedAt = taken, change, filled, lookedAt
		} else {
			now.rows[login] = place
		}
	}, selectPlaces, []any{string(r.tenant), uuid(r.room), append([]string{""}, logins...)}, &login, &place, &taken, &change, &filled, &lookedAt)
	return now, err
}

// changePlaces does some calls in one transaction. It answers those that it refuses, and returns what all others are to be
// answered.
func (s *Store) changePlaces(ctx context.Context, r placeRoom, calls []*placeCall) error {
	var logins []string
	for _, c := range calls {
		for _, x := range slices.Concat(c.take, c.give) {
			logins = append(logins, x.login)
		}
	}
	logins = distinct(logins)
	for {
		now, err := s.readPlaces(ctx, r, logins)
		if err != nil {
			return err
		}
		if now.mustFill(calls) {
			if err := s.fillPlaces(ctx, r); err != nil {
				return err
			}
			continue
		}
		writes, next, full := now.plan(r, calls, s.present())
		if len(full) > 0 && s.present().Sub(now.lookedAt) >= lookEvery {
			if err := s.freePlaces(ctx, r, now); err != nil {
				return err
			}
			continue
		}
		for _, c := range full {
			c.done <- chat.ErrFull(c.name)
		}
		calls = slices.DeleteFunc(slices.Clone(calls), func(c *placeCall) bool { return slices.Contains(full, c) })
		if len(writes) == 0 {
			return nil
		}
		done, err := s.savePlaces(ctx, r, now, next, writes)
		if err != nil || done {
			return err
		}
	}
}

// isNew reports whether the room is being created by one of the calls.
func (now placesOf) isNew(calls []*placeCall) bool {
	return now.change == (gocql.UUID{}) && slices.ContainsFunc(calls, func(c *placeCall) bool { return c.isNew })
}

// mustFill reports whether fillPlaces has to run before the calls. Giving back needs nothing.
func (now placesOf) mustFill(calls []*placeCall) bool {
	return !now.filled && !now.isNew(calls) && slices.ContainsFunc(calls, func(c *placeCall) bool { return len(c.give) == 0 })
}

// plan returns the writes that do the calls, and the counts afterwards. It leaves out the calls for which there are too few
// places, and returns these.
func (now placesOf) plan(r placeRoom, calls []*placeCall, at time.Time) (writes []write, next placesOf, full []*placeCall) {
	rows, next := maps.Clone(now.rows), now
	next.filled = now.filled || now.isNew(calls)
	changed := map[string]bool{}
	for _, c := range calls {
		for _, x := range c.give {
			if place, there := rows[x.login]; there && place == x.own {
				delete(rows, x.login)
				changed[x.login] = true
				next.taken--
			}
		}
	}
	for _, c := range calls {
		needed := 0
		for _, x := range c.take {
			if _, there := rows[x.login]; !there {
				needed++
			}
		}
		if c.limit > 0 && needed > 0 && next.taken+needed > c.limit {
			full = append(full, c)
			continue
		}
		next.taken += needed
		for _, x := range c.take {
			if place, there := rows[x.login]; there && place != x.ended {
				x.place = place
				continue
			}
			x.place, rows[x.login], changed[x.login] = x.own, x.own, true
		}
	}
	for _, login := range slices.Sorted(maps.Keys(changed)) {
		place, there := rows[login]
		_, was := now.rows[login]
		switch key := []any{string(r.tenant), uuid(r.room), login}; {
		case !there:
			writes = append(writes, write{deletePlace, key})
		case was:
			writes = append(writes, write{renewPlace, append([]any{place, at}, key...)})
		default:
			writes = append(writes, write{insertPlace, append(key, place, at)})
		}
	}
	return writes, next, full
}

// savePlaces runs a transaction over the places of a room, if they still are what they were. A transaction whose answer is
// lost counts as not done: the caller finds out what holds by reading.
func (s *Store) savePlaces(ctx context.Context, r placeRoom, was, next placesOf, writes []write) (bool, error) {
	count := write{savePlaces, []any{next.taken, gocql.MustRandomUUID(), next.filled, optionalTime(next.lookedAt), string(r.tenant), uuid(r.room), orNone(was.change)}}
	done, err := s.db.casTogether(ctx, append([]write{count}, writes...))
	if err != nil && (!uncertain(err) || ctx.Err() != nil) {
		return false, asChat(err)
	}
	return done, nil
}

// fillPlaces gives a place to all who are members of a room that had no limit until now. Who joins meanwhile sees the limit
// and takes a place; who leaves meanwhile may leave one without a member.
func (s *Store) fillPlaces(ctx context.Context, r placeRoom) error {
	for after := ""; ; {
		members, _, err := s.memberRows(ctx, r.tenant, r.room, after, placesAtOnce)
		if err != nil {
			return err
		}
		logins := make([]string, len(members))
		for i, m := range members {
			logins[i] = m.Login
		}
		last := len(members) < placesAtOnce
		for done := false; !done; {
			now, err := s.readPlaces(ctx, r, logins)
			if err != nil || now.filled {
				return err
			}
			c := &placeCall{}
			for _, login := range logins {
				if _, there := now.rows[login]; !there {
					c.take = append(c.take, &seat{login: login}) // the place zero
				}
			}
			writes, next, _ := now.plan(r, []*placeCall{c}, s.present())
			if next.filled = last; len(writes) == 0 && !last {
				break
			}
			if done, err = s.savePlaces(ctx, r, now, next, writes); err != nil {
				return err
			}
		}
		if last {
			return nil
		}
		after = logins[len(logins)-1]
	}
}

// freePlaces gives back the places of a full room that no member has.
func (s *Store) freePlaces(ctx context.Context, r placeRoom, now placesOf) error {
	next := now
	next.lookedAt = s.present()
	if done, err := s.savePlaces(ctx, r, now, next, nil); err != nil || !done {
		return err // another server looks
	}
	for after := ""; ; {
		old, rows, last, err := s.oldPlaces(ctx, r, after)
		if err != nil {
			return err
		}
		free := make([]*seat, len(old))
		err = forEach(ctx, len(old), func(ctx context.Context, i int) error {
			ended, err := s.endJoin(ctx, r, old[i])
			if ended {
				free[i] = old[i]
			}
			return err
		})
		if err != nil {
			return err
		}
		free = slices.DeleteFunc(free, func(x *seat) bool { return x == nil })
		for part := range slices.Chunk(free, placesAtOnce) {
			if err := s.changePlaces(ctx, r, []*placeCall{{give: part, done: make(chan error, 1)}}); err != nil {
				return err
			}
		}
		if rows < pageRows {
			return nil
		}
		after = last
	}
}

// oldPlaces returns the places after a login that are old and belong to nobody who is listed, of a page that has as many
// rows as it says, up to the login last.
func (s *Store) oldPlaces(ctx context.Context, r placeRoom, after string) (old []*seat, rows int, last string, err error) {
	type row struct {
		login string
		place gocql.UUID
		at    time.Time
	}
	if after == "" {
		after = "\x00" // the first row is no place
	}
	page, err := inSpan(ctx, span{afterName(after), listEnd}, pageRows, func(ctx context.Context, sp span, n int) (part []row, err error) {
		var x row
		err = s.db.rows(ctx, n, func() { part = append(part, x) }, listPlaces, []any{string(r.tenant), uuid(r.room), sp.after.name, sp.to.name, n},
			&x.login, &x.place, &x.at)
		return part, err
	})
	if err != nil || len(page) == 0 {
		return nil, 0, "", err
	}
	members := map[string]bool{}
	for part := range slices.Chunk(page, verifiedAtOnce) {
		logins := make([]string, len(part))
		for i, x := range part {
			logins[i] = x.login
		}
		var m chat.Member
		var deleted bool
		err := s.db.rows(ctx, verifiedAtOnce, func() { members[m.Login] = true }, selectMembers, []any{string(r.tenant), uuid(r.room), logins},
			&m.Login, &m.FirstName, &m.LastName, maybe(&m.Since), &deleted)
		if err != nil {
			return nil, 0, "", err
		}
	}
	for _, x := range page {
		if !members[x.login] && s.present().Sub(x.at) >= lookEvery {
			old = append(old, &seat{login: x.login, own: x.place})
		}
	}
	return old, len(page), page[len(page)-1].login, nil
}

// endJoin decides that a user who has a place is not in the room, unless they are. A join that has taken the place and not
// decided yet cannot decide afterwards.
func (s *Store) endJoin(ctx context.Context, r placeRoom, x *seat) (bool, error) {
	m, err := s.membership(ctx, r.tenant, r.room, x.login)
	if err != nil || m.joined {
		return false, err
	}
	_, done, err := s.decideMembership(ctx, r.tenant, r.room, m, membership{person: chat.Person{Login: x.login}, since: m.since, place: x.own})
	return done, err
}

// sweepPlaces removes the places of a deleted room.
func (s *Store) sweepPlaces(ctx context.Context, r placeRoom) error {
	for after := "\x00"; ; {
		page, err := inSpan(ctx, span{afterName(after), listEnd}, placesAtOnce, func(ctx context.Context, sp span, n int) (logins []string, err error) {
			var login string
			err = s.db.rows(ctx, n, func() { logins = append(logins, login) }, listPlaces,
				[]any{string(r.tenant), uuid(r.room), sp.after.name, sp.to.name, n}, &login, new(gocql.UUID), new(time.Time))
			return logins, err
		})
		if err != nil {
			return err
		}
		for _, login := range page {
			after = login
		}
		last := len(page) < placesAtOnce
		if last {
			page = append(page, "")
		}
		writes := make([]write, len(page))
		for i, login := range page {
			writes[i] = write{deletePlace, []any{string(r.tenant), uuid(r.room), login}}
		}
		// Not applied means that another sweep was faster.
		if _, err := s.db.casTogether(ctx, writes); err != nil {
			return asChat(err)
		}
		if last {
			return nil
		}
	}
}
