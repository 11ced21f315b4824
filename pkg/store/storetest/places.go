package storetest

import (
	"fmt"
	"sync/atomic"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
)

// limited creates a room that takes a number of members.
func (e *env) limited(most int) chat.Room {
	r := e.group(chat.RoomSettings{Kind: chat.GroupRoom, MaxMembers: most})
	require.NoError(e, e.s.CreateRoom(e.ctx, e.tenant, r))
	return r
}

// limit changes how many members a room takes.
func (e *env) limit(r chat.Room, most int) (chat.Room, error) {
	return e.s.ChangeSettings(e.ctx, e.tenant, r.Ref(), func(s *chat.RoomSettings) error { s.MaxMembers = most; return nil })
}

// isFull requires that nobody else can join.
func (e *env) isFull(r chat.Room) {
	e.Helper()
	_, err := e.s.Join(e.ctx, e.tenant, r, person("too-many"), e.ids.New())
	e.isAbout(err, chat.Full, chat.RoomEntity)
	_, err = e.s.Participant(e.ctx, e.tenant, r.ID, "too-many")
	e.isKind(err, chat.NotFound)
}

// counts requires that a room has so many members.
func (e *env) counts(r chat.Room, want int) {
	e.Helper()
	n, err := e.s.CountParticipants(e.ctx, e.tenant, []chat.Room{r}, 1000)
	require.NoError(e, err)
	require.Equal(e, want, n[r.ID])
	people, err := e.s.Participants(e.ctx, e.tenant, r.ID, "", 1000)
	require.NoError(e, err)
	require.Len(e, people, want)
}

func (e *env) leave(r chat.Room, login string) {
	e.Helper()
	changed, err := e.s.Leave(e.ctx, e.tenant, r, login)
	require.NoError(e, err)
	require.True(e, changed)
}

var placeTests = map[string]func(*env){
	"a room takes as many as it may": func(e *env) {
		r := e.limited(3)
		e.counts(r, 1)
		e.join(r, "jdoe", "ann")
		e.isFull(r)
		e.counts(r, 3)
		changed, err := e.s.Join(e.ctx, e.tenant, r, person("ann"), e.ids.New())
		require.NoError(e, err, "a member needs no place")
		require.False(e, changed)
		for range 2 {
			e.leave(r, "jdoe")
			e.counts(r, 2)
			e.join(r, "jdoe")
			e.isFull(r)
		}
		_, err = e.s.Leave(e.ctx, e.tenant, r, "nobody")
		require.NoError(e, err)
		e.counts(r, 3)
		e.leave(r, "creator")
		e.join(r, "mia")
		e.isFull(r)
		e.agrees(r, "ann", "jdoe", "mia")
	},
	"a caller that has an old room obeys the limit": func(e *env) {
		r := e.limited(1)
		r.Settings.MaxMembers = 0
		e.isFull(r)
	},
	"several join, or nobody": func(e *env) {
		r := e.limited(4)
		people := []chat.Person{person("a"), person("creator"), person("b"), person("b"), person("c")}
		joined, err := e.s.JoinAll(e.ctx, e.tenant, r, people, e.ids.New)
		require.NoError(e, err, "who is in needs no place")
		require.ElementsMatch(e, []string{"a", "b", "c"}, joined)
		e.agrees(r, "a", "b", "c", "creator")
		e.isFull(r)
		e.leave(r, "a")
		_, err = e.s.JoinAll(e.ctx, e.tenant, r, []chat.Person{person("a"), person("d")}, e.ids.New)
		e.isAbout(err, chat.Full, chat.RoomEntity)
		e.agrees(r, "b", "c", "creator")
		e.counts(r, 3)
		joined, err = e.s.JoinAll(e.ctx, e.tenant, r, []chat.Person{person("d")}, e.ids.New)
		require.NoError(e, err)
		require.Equal(e, []string{"d"}, joined)
		joined, err = e.s.JoinAll(e.ctx, e.tenant, r, people[1:3], e.ids.New)
		require.NoError(e, err)
		require.Empty(e, joined)

		open := e.newRoom("games")
		var many []chat.Person
		for i := range chat.MaxJoins {
			many = append(many, person(fmt.Sprintf("user%02d", i)))
		}
		joined, err = e.s.JoinAll(e.ctx, e.tenant, open, many, e.ids.New)
		require.NoError(e, err)
		require.Len(e, joined, chat.MaxJoins)
		e.counts(open, chat.MaxJoins+1)
		members, err := e.s.Members(e.ctx, e.tenant, open.ID, open.ID, false, 100)
		require.NoError(e, err)
		for i, m := range members {
			require.Equal(e, many[i], m.Person, "in the order in which they were given")
		}
		_, err = e.s.JoinAll(e.ctx, e.tenant, chat.Room{ID: e.ids.New(), Name: "other"}, many, e.ids.New)
		e.isAbout(err, chat.NotFound, chat.RoomEntity)
	},
	"of joins at once never one too many": func(e *env) {
		const most = 12
		r := e.limited(most)
		var in atomic.Int32
		race(racers, func(i int) {
			for n := range 4 {
				_, err := e.s.Join(e.ctx, e.tenant, r, person(fmt.Sprintf("user%d-%d", i, n)), e.ids.New())
				switch {
				case err == nil:
					in.Add(1)
				case !chat.IsKind(err, chat.Full):
					e.Errorf("Join: %v", err)
				}
			}
		})
		require.EqualValues(e, most-1, in.Load())
		e.counts(r, most)
		e.isFull(r)
	},
	"one user who joins and leaves at once takes one place": func(e *env) {
		r := e.limited(2)
		for range 3 {
			e.once(racers, func(int) (bool, error) { return e.s.Join(e.ctx, e.tenant, r, person("jdoe"), e.ids.New()) })
			e.counts(r, 2)
			e.isFull(r)
			e.once(racers, func(int) (bool, error) { return e.s.Leave(e.ctx, e.tenant, r, "jdoe") })
			e.counts(r, 1)
		}
		race(racers, func(i int) {
			for range 4 {
				var err error
				if i%2 == 0 {
					_, err = e.s.Join(e.ctx, e.tenant, r, person(fmt.Sprint("user", i)), e.ids.New())
				} else {
					_, err = e.s.Leave(e.ctx, e.tenant, r, fmt.Sprint("user", i-1))
				}
				if err != nil && !chat.IsKind(err, chat.Full) {
					e.Errorf("%v", err)
				}
			}
		})
		people, err := e.s.Participants(e.ctx, e.tenant, r.ID, "", 100)
		require.NoError(e, err)
		require.LessOrEqual(e, len(people), 2)
	},
	"a limit that comes later": func(e *env) {
		r := e.newRoom("games")
		e.join(r, "a", "b", "jdoe")
		e.counts(r, 4)
		_, err := e.limit(r, 3)
		e.isAbout(err, chat.Full, chat.RoomEntity)
		got, err := e.s.Room(e.ctx, e.tenant, r.Name)
		require.NoError(e, err)
		require.Zero(e, got.Settings.MaxMembers)
		r, err = e.limit(r, 5)
		require.NoError(e, err)
		require.Equal(e, 5, r.Settings.MaxMembers)
		e.counts(r, 4)
		e.join(r, "c")
		e.isFull(r)
		e.leave(r, "a")
		e.join(r, "a")
		e.isFull(r)
		r, err = e.limit(r, 6)
		require.NoError(e, err)
		e.join(r, "d")
		e.isFull(r)
		_, err = e.limit(r, 5)
		e.isKind(err, chat.Full)
	},
	"a limit that goes and comes": func(e *env) {
		r := e.limited(2)
		e.join(r, "a")
		e.isFull(r)
		r, err := e.limit(r, 0)
		require.NoError(e, err)
		e.join(r, "b", "c")
		e.leave(r, "a")
		e.counts(r, 3)
		r, err = e.limit(r, 3)
		require.NoError(e, err)
		e.counts(r, 3)
		e.isFull(r)
		e.leave(r, "b")
		e.join(r, "a")
		e.isFull(r)
		e.agrees(r, "a", "c", "creator")
	},
	"a first limit while people join": func(e *env) {
		r := e.newRoom("games")
		e.join(r, "a", "b", "c")
		race(racers, func(i int) {
			var err error
			if i == 0 {
				_, err = e.limit(r, 6)
			} else {
				_, err = e.s.Join(e.ctx, e.tenant, r, person(fmt.Sprint("user", i)), e.ids.New())
			}
			if err != nil && !chat.IsKind(err, chat.Full) {
				e.Errorf("%v", err)
			}
		})
		got, err := e.s.Room(e.ctx, e.tenant, r.Name)
		require.NoError(e, err)
		people, err := e.s.Participants(e.ctx, e.tenant, r.ID, "", 100)
		require.NoError(e, err)
		if got.Settings.MaxMembers == 0 {
			return // the limit came when there were more already
		}
		e.counts(got, len(people))
	},
	"new names and a deletion need no place": func(e *env) {
		r := e.limited(2)
		e.join(r, "jdoe")
		require.NoError(e, e.s.UpdateParticipant(e.ctx, e.tenant, r.ID, chat.Person{Login: "jdoe", FirstName: "New"}))
		e.counts(r, 2)
		e.leave(r, "jdoe")
		e.counts(r, 1)
		e.join(r, "ann")
		e.isFull(r)
		require.NoError(e, e.s.DeleteRoom(e.ctx, e.tenant, r))
		require.NoError(e, e.s.SweepRoom(e.ctx, e.sweepOf(r), nil))
		require.NoError(e, e.s.EndSweep(e.ctx, e.sweepOf(r)))
		n, err := e.s.CountParticipants(e.ctx, e.tenant, []chat.Room{r}, 1000)
		require.NoError(e, err)
		require.Zero(e, n[r.ID])
		_, err = e.s.Join(e.ctx, e.tenant, r, person("ann"), e.ids.New())
		e.isKind(err, chat.NotFound)
	},
	"counts of several rooms": func(e *env) {
		open, group := e.newRoom("games"), e.limited(10)
		e.join(open, "a", "b")
		e.join(group, "a")
		n, err := e.s.CountParticipants(e.ctx, e.tenant, []chat.Room{open, group}, 1000)
		require.NoError(e, err)
		require.Equal(e, 3, n[open.ID])
		require.Equal(e, 2, n[group.ID])
	},
}
