package storetest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

var roomTests = map[string]func(*env){
	"create and read": func(e *env) {
		_, err := e.s.Room(e.ctx, e.tenant, "games")
		e.isAbout(err, chat.NotFound, chat.RoomEntity)

		for name, banner := range map[string]*string{"bare": nil, "empty": ptr(""), "games": ptr("be kind")} {
			r := e.room(name)
			r.Banner = banner
			require.NoError(e, e.s.CreateRoom(e.ctx, e.tenant, r))
			got, err := e.s.Room(e.ctx, e.tenant, r.Name)
			require.NoError(e, err)
			require.Equal(e, r, got)
			e.showsRoom(r)
		}
	},
	"a name is claimed once": func(e *env) {
		rooms := make([]chat.Room, racers)
		for i := range rooms {
			rooms[i] = e.room("games")
			rooms[i].Creator = person(fmt.Sprint("creator", i))
		}
		winner := e.claim(racers, chat.Conflict, func(i int) error {
			return e.s.CreateRoom(e.ctx, e.tenant, rooms[i])
		})
		got, err := e.s.Room(e.ctx, e.tenant, "games")
		require.NoError(e, err)
		require.Equal(e, rooms[winner], got)
		e.showsRoom(rooms[winner])
		for i, r := range rooms {
			if i != winner { // the others leave nothing behind
				e.showsNothing(r.ID)
				in, err := e.s.RoomsOf(e.ctx, e.tenant, r.Creator.Login, "", 10)
				require.NoError(e, err)
				require.Empty(e, in)
			}
		}
		e.isAbout(e.s.CreateRoom(e.ctx, e.tenant, e.room("games")), chat.Conflict, chat.RoomEntity)
	},
	"tenants do not see each other": func(e *env) {
		r := e.newRoom("games")
		other := newTenant()
		_, err := e.s.Room(e.ctx, other, "games")
		e.isKind(err, chat.NotFound)
		rooms, err := e.s.Rooms(e.ctx, other, "", 10)
		require.NoError(e, err)
		require.Empty(e, rooms)
		people, err := e.s.Participants(e.ctx, other, r.ID, "", 10)
		require.NoError(e, err)
		require.Empty(e, people)
		in, err := e.s.RoomsOf(e.ctx, other, "creator", "", 10)
		require.NoError(e, err)
		require.Empty(e, in)
		_, err = e.s.Join(e.ctx, other, r, person("jdoe"), e.ids.New())
		e.isKind(err, chat.NotFound)
		e.isKind(e.s.DeleteRoom(e.ctx, other, r), chat.NotFound)
		e.showsRoom(r)
	},
	"text comes back byte for byte": func(e *env) {
		for name, text := range texts {
			r := e.room("room of " + text)
			r.Banner = &text
			r.Creator.FirstName, r.Creator.LastName = text, text
			require.NoError(e, e.s.CreateRoom(e.ctx, e.tenant, r), name)
			got, err := e.s.Room(e.ctx, e.tenant, r.Name)
			require.NoError(e, err)
			require.Equal(e, r, got, name)
		}
	},
	"times are kept to the millisecond, in UTC": func(e *env) {
		r := e.room("games")
		r.CreatedAt = time.Date(2026, 7, 1, 12, 0, 0, 123_456_789, time.FixedZone("CEST", 7200))
		require.NoError(e, e.s.CreateRoom(e.ctx, e.tenant, r))
		got, err := e.s.Room(e.ctx, e.tenant, "games")
		require.NoError(e, err)
		require.Equal(e, time.Date(2026, 7, 1, 10, 0, 0, 123_000_000, time.UTC), got.CreatedAt)
	},
	"several by name": func(e *env) {
		a, b := e.newRoom("a"), e.newRoom("b")
		gone := e.newRoom("gone")
		require.NoError(e, e.s.DeleteRoom(e.ctx, e.tenant, gone))
		got, err := e.s.RoomsByName(e.ctx, e.tenant, []string{"b", "gone", "never", "a", "a"})
		require.NoError(e, err)
		require.Equal(e, map[string]chat.Room{"a": a, "b": b}, got)
		got, err = e.s.RoomsByName(e.ctx, e.tenant, nil)
		require.NoError(e, err)
		require.Empty(e, got)
	},
	"listed in byte order": func(e *env) {
		order := []string{"A", "B", "_", "a", "aa", "ab", "b", "\u00e9", "\uffff", "😀"}
		for i := range order {
			e.newRoom(order[(i*3)%len(order)])
		}
		for _, gone := range []string{"0", "aaa", "😁"} {
			require.NoError(e, e.s.DeleteRoom(e.ctx, e.tenant, e.newRoom(gone)))
		}
		for _, limit := range []int{1, 4, 10, 100} {
			require.Equal(e, order, pageNames(e, limit, func(after string, limit int) ([]string, error) {
				rooms, err := e.s.Rooms(e.ctx, e.tenant, after, limit)
				return names(rooms, func(r chat.Room) string { return r.Name }), err
			}))
			require.Equal(e, order, pageNames(e, limit, func(after string, limit int) ([]string, error) {
				rooms, err := e.s.RoomsOf(e.ctx, e.tenant, "creator", after, limit)
				return names(rooms, func(r chat.RoomRef) string { return r.Name }), err
			}))
		}
		rooms, err := e.s.Rooms(e.ctx, e.tenant, "aaaa", 1)
		require.NoError(e, err)
		require.Equal(e, []string{"ab"}, names(rooms, func(r chat.Room) string { return r.Name }))
	},
	"banner and creator's names change apart": func(e *env) {
		r := e.newRoom("games")
		r.Banner = ptr("be kind")
		r.Creator.FirstName, r.Creator.LastName = "New", ""
		// At the same moment, and neither undoes the other.
		var g errgroup.Group
		g.Go(func() error { return e.s.SetBanner(e.ctx, e.tenant, r.Ref(), r.Banner, nil) })
		g.Go(func() error { return e.s.RenameCreator(e.ctx, e.tenant, r.Ref(), r.Creator) })
		require.NoError(e, g.Wait())
		e.isAbout(e.s.RenameCreator(e.ctx, e.tenant, r.Ref(), person("other")), chat.NotFound, chat.RoomEntity)
		got, err := e.s.Room(e.ctx, e.tenant, "games")
		require.NoError(e, err)
		require.Equal(e, r, got)
		rooms, err := e.s.Rooms(e.ctx, e.tenant, "", 10)
		require.NoError(e, err)
		require.Equal(e, []chat.Room{r}, rooms)

		r.Banner = nil
		require.NoError(e, e.s.SetBanner(e.ctx, e.tenant, r.Ref(), nil, nil))
		got, err = e.s.Room(e.ctx, e.tenant, "games")
		require.NoError(e, err)
		require.Nil(e, got.Banner)
	},
	"a banner is replaced only while it is what it was": func(e *env) {
		r := e.newRoom("games")
		was := r
		require.NoError(e, e.s.SetBanner(e.ctx, e.tenant, r.Ref(), ptr("one"), &was))
		e.isAbout(e.s.SetBanner(e.ctx, e.tenant, r.Ref(), ptr("two"), &was), chat.Stale, chat.RoomEntity)
		got, err := e.s.Room(e.ctx, e.tenant, "games")
		require.NoError(e, err)
		require.Equal(e, "one", *got.Banner, "a refused change changes nothing")
		require.NoError(e, e.s.SetBanner(e.ctx, e.tenant, r.Ref(), nil, &got))
		e.isAbout(e.s.SetBanner(e.ctx, e.tenant, e.room("never").Ref(), nil, &was), chat.NotFound, chat.RoomEntity)
		// Of concurrent calls that saw the same banner exactly one succeeds.
		e.claim(8, chat.Stale, func(n int) error {
			return e.s.SetBanner(e.ctx, e.tenant, r.Ref(), ptr(fmt.Sprint("from ", n)), &was)
		})
	},
	"only the room itself is updated or deleted, not one of its name": func(e *env) {
		r := e.newRoom("games")
		stale := r
		stale.ID = e.ids.New()
		e.isAbout(e.s.SetBanner(e.ctx, e.tenant, stale.Ref(), ptr("stale"), nil), chat.NotFound, chat.RoomEntity)
		e.isAbout(e.s.RenameCreator(e.ctx, e.tenant, stale.Ref(), r.Creator), chat.NotFound, chat.RoomEntity)
		e.isAbout(e.s.DeleteRoom(e.ctx, e.tenant, stale), chat.NotFound, chat.RoomEntity)
		e.isAbout(e.s.SetBanner(e.ctx, e.tenant, e.room("never").Ref(), nil, nil), chat.NotFound, chat.RoomEntity)
		e.isAbout(e.s.RenameCreator(e.ctx, e.tenant, e.room("never").Ref(), r.Creator), chat.NotFound, chat.RoomEntity)
		e.isAbout(e.s.DeleteRoom(e.ctx, e.tenant, e.room("never")), chat.NotFound, chat.RoomEntity)
		got, err := e.s.Room(e.ctx, e.tenant, "games")
		require.NoError(e, err)
		require.Equal(e, r, got)
		_, err = e.s.Room(e.ctx, e.tenant, "never")
		e.isKind(err, chat.NotFound)
	},
	"a deleted room is unknown": func(e *env) {
		r := e.newRoom("games")
		e.join(r, "a", "b")
		e.append(r.Log(e.tenant), e.message("one"))
		require.NoError(e, e.s.DeleteRoom(e.ctx, e.tenant, r))
		_, err := e.s.Room(e.ctx, e.tenant, "games")
		e.isAbout(err, chat.NotFound, chat.RoomEntity)
		e.showsNothing(r.ID)
		for _, login := range []string{"creator", "a", "b"} {
			in, err := e.s.RoomsOf(e.ctx, e.tenant, login, "", 10)
			require.NoError(e, err)
			require.Empty(e, in)
		}
		_, err = e.s.Join(e.ctx, e.tenant, r, person("c"), e.ids.New())
		e.isAbout(err, chat.NotFound, chat.RoomEntity)
		e.isAbout(e.s.SetBanner(e.ctx, e.tenant, r.Ref(), nil, nil), chat.NotFound, chat.RoomEntity)
		e.isAbout(e.s.DeleteRoom(e.ctx, e.tenant, r), chat.NotFound, chat.RoomEntity)
		e.showsNothing(r.ID)
	},
	"deleted once": func(e *env) {
		r := e.newRoom("games")
		errs := make([]error, racers)
		race(racers, func(i int) { errs[i] = e.s.DeleteRoom(e.ctx, e.tenant, r) })
		require.Contains(e, errs, error(nil))
		for _, err := range errs {
			if err != nil {
				e.isKind(err, chat.NotFound)
			}
		}
		e.showsNothing(r.ID)
	},
	"a name used again shows nothing of the earlier room": func(e *env) {
		old := e.newRoom("games")
		e.join(old, "a", "b")
		e.append(old.Log(e.tenant), e.message("one"))
		require.NoError(e, e.s.DeleteRoom(e.ctx, e.tenant, old))

		r := e.room("games")
		r.Creator = person("b")
		require.NoError(e, e.s.CreateRoom(e.ctx, e.tenant, r))
		e.showsRoom(r)
		people, err := e.s.Participants(e.ctx, e.tenant, r.ID, "", 10)
		require.NoError(e, err)
		require.Equal(e, []chat.Person{person("b")}, people)
		for _, login := range []string{"creator", "a"} {
			in, err := e.s.RoomsOf(e.ctx, e.tenant, login, "", 10)
			require.NoError(e, err)
			require.Empty(e, in)
		}
		ms, err := e.s.Older(e.ctx, r.Log(e.tenant), id.Max, 10)
		require.NoError(e, err)
		require.Empty(e, ms)

		// A caller that still holds the old room changes nothing of the new one.
		_, err = e.s.Join(e.ctx, e.tenant, old, person("c"), e.ids.New())
		e.isKind(err, chat.NotFound)
		e.isKind(e.s.DeleteRoom(e.ctx, e.tenant, old), chat.NotFound)
		e.leavesNothing(old, "b")
		require.NoError(e, e.s.UpdateParticipant(e.ctx, e.tenant, old.ID, chat.Person{Login: "b", FirstName: "Old"}))
		e.showsRoom(r)

		// Nor does the sweep of the old one.
		require.NoError(e, e.s.SweepRoom(e.ctx, e.sweepOf(old), nil))
		e.showsRoom(r)
	},
	"creations and deletions at once": func(e *env) {
		r := e.newRoom("games")
		next := make([]chat.Room, racers)
		created := make([]bool, racers)
		for i := range next {
			next[i] = e.room("games")
		}
		race(racers+1, func(i int) {
			if i == racers {
				if err := e.s.DeleteRoom(e.ctx, e.tenant, r); err != nil {
					e.Errorf("DeleteRoom: %v", err)
				}
				return
			}
			err := e.s.CreateRoom(e.ctx, e.tenant, next[i])
			created[i] = err == nil
			if err != nil && !chat.IsKind(err, chat.Conflict) {
				e.Errorf("neither created nor Conflict: %v", err)
			}
		})
		e.showsNothing(r.ID)
		var winner *chat.Room
		for i, ok := range created {
			if ok {
				require.Nil(e, winner, "two rooms of one name")
				winner = &next[i]
			}
		}
		if winner == nil {
			_, err := e.s.Room(e.ctx, e.tenant, "games")
			e.isKind(err, chat.NotFound)
			return
		}
		e.showsRoom(*winner)
	},
}

// showsRoom requires that all ways to find a room return it, and that its creator is a participant.
func (e *env) showsRoom(r chat.Room) {
	e.Helper()
	got, err := e.s.Room(e.ctx, e.tenant, r.Name)
	require.NoError(e, err)
	require.Equal(e, r.ID, got.ID)
	rooms, err := e.s.Rooms(e.ctx, e.tenant, "", 100)
	require.NoError(e, err)
	require.Contains(e, rooms, got)
	p, err := e.s.Participant(e.ctx, e.tenant, r.ID, r.Creator.Login)
	require.NoError(e, err)
	require.Equal(e, r.Creator, p)
	people, err := e.s.Participants(e.ctx, e.tenant, r.ID, "", 100)
	require.NoError(e, err)
	require.Contains(e, people, r.Creator)
	in, err := e.s.RoomsOf(e.ctx, e.tenant, r.Creator.Login, "", 100)
	require.NoError(e, err)
	require.Contains(e, in, r.Ref())
}

// showsNothing requires that no list contains the room of that id any more.
func (e *env) showsNothing(room id.ID) {
	e.Helper()
	rooms, err := e.s.Rooms(e.ctx, e.tenant, "", 100)
	require.NoError(e, err)
	for _, r := range rooms {
		require.NotEqual(e, room, r.ID)
	}
	people, err := e.s.Participants(e.ctx, e.tenant, room, "", 100)
	require.NoError(e, err)
	require.Empty(e, people)
	of, err := e.s.ParticipantsOf(e.ctx, e.tenant, []id.ID{room}, 100)
	require.NoError(e, err)
	require.Empty(e, of[room])
	counts, err := e.s.CountParticipants(e.ctx, e.tenant, []chat.Room{{ID: room}}, 100)
	require.NoError(e, err)
	require.Zero(e, counts[room])
}

// leavesNothing leaves a deleted room. The result must be NotFound, or that nothing changed.
func (e *env) leavesNothing(r chat.Room, login string) {
	e.Helper()
	changed, err := e.s.Leave(e.ctx, e.tenant, r, login)
	if err != nil {
		e.isKind(err, chat.NotFound)
	}
	require.False(e, changed)
}
