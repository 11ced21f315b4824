package storetest

import (
	"fmt"
	"slices"
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

var memberTests = map[string]func(*env){
	"join and leave, in both directions": func(e *env) {
		r := e.newRoom("games")
		for range 2 {
			e.join(r, "jdoe")
			e.agrees(r, "creator", "jdoe")
			changed, err := e.s.Join(e.ctx, e.tenant, r, person("jdoe"), e.ids.New())
			require.NoError(e, err)
			require.False(e, changed)
			e.agrees(r, "creator", "jdoe")

			changed, err = e.s.Leave(e.ctx, e.tenant, r, "jdoe")
			require.NoError(e, err)
			require.True(e, changed)
			e.agrees(r, "creator")
			changed, err = e.s.Leave(e.ctx, e.tenant, r, "jdoe")
			require.NoError(e, err)
			require.False(e, changed)
			e.agrees(r, "creator")
		}
		changed, err := e.s.Leave(e.ctx, e.tenant, r, "nobody")
		require.NoError(e, err)
		require.False(e, changed)
		changed, err = e.s.Join(e.ctx, e.tenant, r, person("creator"), e.ids.New())
		require.NoError(e, err)
		require.False(e, changed, "the creator is in the room already")
	},
	"a join that changes nothing keeps the names": func(e *env) {
		r := e.newRoom("games")
		e.join(r, "jdoe")
		_, err := e.s.Join(e.ctx, e.tenant, r, chat.Person{Login: "jdoe", FirstName: "Other"}, e.ids.New())
		require.NoError(e, err)
		p, err := e.s.Participant(e.ctx, e.tenant, r.ID, "jdoe")
		require.NoError(e, err)
		require.Equal(e, person("jdoe"), p)
	},
	"of joins at once one changes it, of leaves too": func(e *env) {
		r := e.newRoom("games")
		for range 2 {
			e.once(racers, func(int) (bool, error) { return e.s.Join(e.ctx, e.tenant, r, person("jdoe"), e.ids.New()) })
			e.agrees(r, "creator", "jdoe")
			e.once(racers, func(int) (bool, error) { return e.s.Leave(e.ctx, e.tenant, r, "jdoe") })
			e.agrees(r, "creator")
		}
	},
	"joins and leaves at once agree": func(e *env) {
		r := e.newRoom("games")
		var mu sync.Mutex
		balance := 0
		race(racers, func(i int) {
			for range 4 {
				var changed bool
				var err error
				step := 1
				if i%2 == 0 {
					changed, err = e.s.Join(e.ctx, e.tenant, r, person("jdoe"), e.ids.New())
				} else {
					step = -1
					changed, err = e.s.Leave(e.ctx, e.tenant, r, "jdoe")
				}
				if err != nil {
					e.Errorf("%v", err)
				}
				if changed {
					mu.Lock()
					balance += step
					mu.Unlock()
				}
			}
		})
		// Joins that changed it and leaves that changed it alternate.
		require.Contains(e, []int{0, 1}, balance)
		if balance == 1 {
			e.agrees(r, "creator", "jdoe")
		} else {
			e.agrees(r, "creator")
		}
	},
	"joins while the room is deleted": func(e *env) {
		r := e.newRoom("games")
		race(racers, func(i int) {
			if i == racers/2 {
				if err := e.s.DeleteRoom(e.ctx, e.tenant, r); err != nil {
					e.Errorf("DeleteRoom: %v", err)
				}
				return
			}
			_, err := e.s.Join(e.ctx, e.tenant, r, person(fmt.Sprint("p", i)), e.ids.New())
			if err != nil && !chat.IsKind(err, chat.NotFound) {
				e.Errorf("neither joined nor NotFound: %v", err)
			}
		})
		e.showsNothing(r.ID)
		for i := range racers {
			in, err := e.s.RoomsOf(e.ctx, e.tenant, fmt.Sprint("p", i), "", 10)
			require.NoError(e, err)
			require.Empty(e, in)
		}
	},
	"one participant": func(e *env) {
		r := e.newRoom("games")
		e.join(r, "jdoe")
		p, err := e.s.Participant(e.ctx, e.tenant, r.ID, "jdoe")
		require.NoError(e, err)
		require.Equal(e, person("jdoe"), p)
		_, err = e.s.Participant(e.ctx, e.tenant, r.ID, "nobody")
		e.isAbout(err, chat.NotFound, chat.UserEntity)
		_, err = e.s.Participant(e.ctx, e.tenant, e.ids.New(), "jdoe")
		e.isAbout(err, chat.NotFound, chat.UserEntity)
	},
	"participants are listed in byte order": func(e *env) {
		r := e.newRoom("games")
		other := e.newRoom("other")
		order := []string{"A", "Z", "_", "a", "aa", "ab", "creator", "\u00e9", "\uffff", "😀"}
		for i := range order {
			if login := order[(i*7)%len(order)]; login != "creator" {
				e.join(r, login)
			}
		}
		e.join(other, "aaa", "zzz")
		for _, limit := range []int{1, 3, 10, 100} {
			require.Equal(e, order, pageNames(e, limit, func(after string, limit int) ([]string, error) {
				people, err := e.s.Participants(e.ctx, e.tenant, r.ID, after, limit)
				for _, p := range people {
					require.Equal(e, person(p.Login), p)
				}
				return names(people, func(p chat.Person) string { return p.Login }), err
			}))
		}
	},
	"a user's rooms": func(e *env) {
		var want []chat.RoomRef
		for _, name := range []string{"c", "a", "b"} {
			r := e.newRoom(name)
			e.join(r, "jdoe")
			want = append(want, chat.RoomRef{ID: r.ID, Name: name})
		}
		e.newRoom("without jdoe")
		slices.SortFunc(want, func(a, b chat.RoomRef) int { return int(a.Name[0]) - int(b.Name[0]) })
		in, err := e.s.RoomsOf(e.ctx, e.tenant, "jdoe", "", 10)
		require.NoError(e, err)
		require.Equal(e, want, in)
		in, err = e.s.RoomsOf(e.ctx, e.tenant, "jdoe", "a", 1)
		require.NoError(e, err)
		require.Equal(e, want[1:2], in)
		in, err = e.s.RoomsOf(e.ctx, e.tenant, "jdoe", "aa", 10)
		require.NoError(e, err)
		require.Equal(e, want[1:], in)
		in, err = e.s.RoomsOf(e.ctx, e.tenant, "jdo", "", 10)
		require.NoError(e, err)
		require.Empty(e, in)
	},
	"participants of several rooms": func(e *env) {
		a, b := e.newRoom("a"), e.newRoom("b")
		e.join(a, "x", "y", "z")
		unknown := e.ids.New()
		got, err := e.s.ParticipantsOf(e.ctx, e.tenant, []id.ID{a.ID, unknown, b.ID}, 3)
		require.NoError(e, err)
		require.Equal(e, []chat.Person{person("creator"), person("x"), person("y")}, got[a.ID])
		require.Equal(e, []chat.Person{person("creator")}, got[b.ID])
		require.Empty(e, got[unknown])
		for _, most := range []int{1, 2, 3, 100} {
			counts, err := e.s.CountParticipants(e.ctx, e.tenant, []chat.Room{a, {ID: unknown}, b}, most)
			require.NoError(e, err)
			for _, r := range []id.ID{a.ID, unknown, b.ID} {
				ps, err := e.s.Participants(e.ctx, e.tenant, r, "", most)
				require.NoError(e, err)
				require.Equal(e, len(ps), counts[r])
			}
		}
		got, err = e.s.ParticipantsOf(e.ctx, e.tenant, nil, 3)
		require.NoError(e, err)
		require.Empty(e, got)
	},
	"names shown for a participant": func(e *env) {
		r := e.newRoom("games")
		other := e.newRoom("other")
		e.join(r, "jdoe")
		e.join(other, "jdoe")
		renamed := chat.Person{Login: "jdoe", FirstName: "\u2028", LastName: ""}
		require.NoError(e, e.s.UpdateParticipant(e.ctx, e.tenant, r.ID, renamed))
		p, err := e.s.Participant(e.ctx, e.tenant, r.ID, "jdoe")
		require.NoError(e, err)
		require.Equal(e, renamed, p)
		people, err := e.s.Participants(e.ctx, e.tenant, r.ID, "", 10)
		require.NoError(e, err)
		require.Equal(e, []chat.Person{person("creator"), renamed}, people)
		p, err = e.s.Participant(e.ctx, e.tenant, other.ID, "jdoe")
		require.NoError(e, err)
		require.Equal(e, person("jdoe"), p)
		// A change of name does not make a user a participant.
		require.NoError(e, e.s.UpdateParticipant(e.ctx, e.tenant, r.ID, person("nobody")))
		require.NoError(e, e.s.UpdateParticipant(e.ctx, e.tenant, e.ids.New(), person("jdoe")))
		e.agrees(r, "creator", "jdoe")
	},
	"a change of name at once with a leave does not bring back": func(e *env) {
		r := e.newRoom("games")
		e.join(r, "jdoe")
		race(racers, func(i int) {
			var err error
			if i%2 == 0 {
				_, err = e.s.Leave(e.ctx, e.tenant, r, "jdoe")
			} else {
				err = e.s.UpdateParticipant(e.ctx, e.tenant, r.ID, chat.Person{Login: "jdoe", FirstName: "New"})
			}
			if err != nil {
				e.Errorf("%v", err)
			}
		})
		e.agrees(r, "creator")
	},
	"deleting a user leaves memberships to the caller": func(e *env) {
		r := e.newRoom("games")
		require.NoError(e, e.s.CreateUser(e.ctx, e.tenant, user("jdoe")))
		e.join(r, "jdoe")
		require.NoError(e, e.s.DeleteUser(e.ctx, e.tenant, "jdoe"))
		e.agrees(r, "creator", "jdoe")
		changed, err := e.s.Leave(e.ctx, e.tenant, r, "jdoe")
		require.NoError(e, err)
		require.True(e, changed)
		e.agrees(r, "creator")
	},
}

// agrees requires that all ways to read the room's participants return these logins. logins are in ascending order.
func (e *env) agrees(r chat.Room, logins ...string) {
	e.Helper()
	people, err := e.s.Participants(e.ctx, e.tenant, r.ID, "", 100)
	require.NoError(e, err)
	require.Equal(e, logins, names(people, func(p chat.Person) string { return p.Login }))
	of, err := e.s.ParticipantsOf(e.ctx, e.tenant, []id.ID{r.ID}, 100)
	require.NoError(e, err)
	require.Equal(e, people, of[r.ID])
	for _, login := range []string{"creator", "jdoe", "nobody"} {
		in, err := e.s.RoomsOf(e.ctx, e.tenant, login, "", 100)
		require.NoError(e, err)
		_, err = e.s.Participant(e.ctx, e.tenant, r.ID, login)
		ref := r.Ref()
		if slices.Contains(logins, login) {
			require.Contains(e, in, ref)
			require.NoError(e, err)
			continue
		}
		require.NotContains(e, in, ref)
		e.isAbout(err, chat.NotFound, chat.UserEntity)
	}
}
