package storetest

import (
	"fmt"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// joined makes people join, and returns all members in the order of joining.
func (e *env) joined(r chat.Room, logins ...string) []chat.Member {
	members := []chat.Member{{Person: r.Creator, Since: r.ID}}
	for _, login := range logins {
		m := chat.Member{Person: person(login), Since: e.ids.New()}
		changed, err := e.s.Join(e.ctx, e.tenant, r, m.Person, m.Since)
		require.NoError(e, err)
		require.True(e, changed)
		members = append(members, m)
	}
	return members
}

// membersAre requires that the members of a room are these, in this order, in both directions and in pages of all sizes.
func (e *env) membersAre(r chat.Room, want ...chat.Member) {
	e.Helper()
	for _, newest := range []bool{false, true} {
		if newest {
			want = slices.Clone(want)
			slices.Reverse(want)
		}
		for _, limit := range []int{1, 2, 1000} {
			var got []chat.Member
			for from := (id.ID{}); ; {
				page, err := e.s.Members(e.ctx, e.tenant, r.ID, from, newest, limit)
				require.NoError(e, err)
				require.LessOrEqual(e, len(page), limit)
				if len(page) == 0 {
					break
				}
				got, from = append(got, page...), page[len(page)-1].Since
			}
			require.Equal(e, want, got)
		}
	}
}

// joinedAre requires that a user joined these rooms, the last one first.
func (e *env) joinedAre(login string, want ...chat.JoinedRoom) {
	e.Helper()
	for _, limit := range []int{1, 2, 1000} {
		var got []chat.JoinedRoom
		for before := (id.ID{}); ; {
			page, err := e.s.RoomsByJoining(e.ctx, e.tenant, login, before, limit)
			require.NoError(e, err)
			require.LessOrEqual(e, len(page), limit)
			if len(page) == 0 {
				break
			}
			got, before = append(got, page...), page[len(page)-1].Since
		}
		require.Equal(e, want, got)
	}
}

var joiningTests = map[string]func(*env){
	"members in the order of joining": func(e *env) {
		r, other := e.newRoom("games"), e.newRoom("other")
		e.joined(other, "zoe", "ann")
		e.membersAre(r, e.joined(r, "zoe", "ann", "mia")...)
		unknown, err := e.s.Members(e.ctx, e.tenant, e.ids.New(), id.ID{}, true, 10)
		require.NoError(e, err)
		require.Empty(e, unknown)
	},
	"more members than are read in one step": func(e *env) {
		r := e.newRoom("games")
		var logins []string
		for i := range 230 {
			logins = append(logins, fmt.Sprintf("user%03d", (i*7)%230))
		}
		members := e.joined(r, logins...)
		got, err := e.s.Members(e.ctx, e.tenant, r.ID, id.ID{}, false, 225)
		require.NoError(e, err)
		require.Equal(e, members[:225], got)
		slices.Reverse(members)
		got, err = e.s.Members(e.ctx, e.tenant, r.ID, id.ID{}, true, 1000)
		require.NoError(e, err)
		require.Equal(e, members, got)
	},
	"who joins anew is the last one": func(e *env) {
		r := e.newRoom("games")
		members := e.joined(r, "ann", "mia")
		for range 2 { // a repeated join keeps the first place
			_, err := e.s.Join(e.ctx, e.tenant, r, person("ann"), e.ids.New())
			require.NoError(e, err)
			e.membersAre(r, members...)
		}
		for range 2 {
			_, err := e.s.Leave(e.ctx, e.tenant, r, "ann")
			require.NoError(e, err)
			e.membersAre(r, members[0], members[2])
			e.joinedAre("ann")
		}
		anew := e.joined(r, "ann")[1]
		e.membersAre(r, members[0], members[2], anew)
		e.joinedAre("ann", chat.JoinedRoom{RoomRef: r.Ref(), Since: anew.Since})
	},
	"a new name keeps the place": func(e *env) {
		r := e.newRoom("games")
		members := e.joined(r, "ann", "mia")
		members[1].Person = chat.Person{Login: "ann", FirstName: "New"}
		require.NoError(e, e.s.UpdateParticipant(e.ctx, e.tenant, r.ID, members[1].Person))
		e.membersAre(r, members...)
		_, err := e.s.Leave(e.ctx, e.tenant, r, "ann")
		require.NoError(e, err)
		e.membersAre(r, members[0], members[2])
	},
	"a user's rooms, the newest first": func(e *env) {
		var want []chat.JoinedRoom
		for _, name := range []string{"c", "a", "b"} {
			r := e.newRoom(name)
			want = append([]chat.JoinedRoom{{RoomRef: r.Ref(), Since: e.joined(r, "jdoe")[1].Since}}, want...)
		}
		e.joinedAre("jdoe", want...)
		e.joinedAre("nobody")
		require.NoError(e, e.s.DeleteRoom(e.ctx, e.tenant, chat.Room{ID: want[1].ID, Name: want[1].Name}))
		e.joinedAre("jdoe", want[0], want[2])
		require.NoError(e, e.s.SweepRoom(e.ctx, e.sweepOf(chat.Room{ID: want[1].ID, Name: want[1].Name}), nil))
		e.joinedAre("jdoe", want[0], want[2])
	},
	"a deleted room has no members": func(e *env) {
		r := e.newRoom("games")
		e.joined(r, "ann")
		require.NoError(e, e.s.DeleteRoom(e.ctx, e.tenant, r))
		e.membersAre(r)
		require.NoError(e, e.s.SweepRoom(e.ctx, e.sweepOf(r), nil))
		require.NoError(e, e.s.EndSweep(e.ctx, e.sweepOf(r)))
		e.membersAre(r)
		e.joinedAre("ann")
	},
	"who has no place in the order is in the other lists alone": func(e *env) {
		r := e.newRoom("games")
		_, err := e.s.Join(e.ctx, e.tenant, r, person("jdoe"), id.ID{})
		require.NoError(e, err)
		e.agrees(r, "creator", "jdoe")
		e.membersAre(r, chat.Member{Person: r.Creator, Since: r.ID})
		e.joinedAre("jdoe")
		require.NoError(e, e.s.UpdateParticipant(e.ctx, e.tenant, r.ID, person("jdoe")))
		changed, err := e.s.Leave(e.ctx, e.tenant, r, "jdoe")
		require.NoError(e, err)
		require.True(e, changed)
		e.agrees(r, "creator")
		anew := e.joined(r, "jdoe")[1]
		e.membersAre(r, chat.Member{Person: r.Creator, Since: r.ID}, anew)
	},
}
