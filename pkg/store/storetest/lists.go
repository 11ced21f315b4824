package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// list puts people on a list, and returns their entries.
func (e *env) list(r chat.Room, list chat.RoomList, logins ...string) (all []chat.Listed) {
	e.Helper()
	for _, login := range logins {
		l := chat.Listed{Login: login, At: e.ids.New(), By: "creator", Note: "note about " + login}
		require.NoError(e, e.s.SetListed(e.ctx, e.tenant, r.Ref(), list, l))
		all = append(all, l)
	}
	return all
}

// lists requires that a list is this, in pages of all sizes.
func (e *env) lists(r chat.Room, list chat.RoomList, want ...chat.Listed) {
	e.Helper()
	for _, limit := range []int{1, 2, 1000} {
		var got []chat.Listed
		for after := ""; ; {
			page, err := e.s.Listed(e.ctx, e.tenant, r.ID, list, after, limit)
			require.NoError(e, err)
			require.LessOrEqual(e, len(page), limit)
			if len(page) == 0 {
				break
			}
			got, after = append(got, page...), page[len(page)-1].Login
		}
		require.Equal(e, want, got)
	}
}

// listedIn requires that these rooms have a login on a list, the last first.
func (e *env) listedIn(login string, list chat.RoomList, want ...chat.JoinedRoom) {
	e.Helper()
	for _, limit := range []int{1, 1000} {
		var got []chat.JoinedRoom
		for before := (id.ID{}); ; {
			page, err := e.s.ListedIn(e.ctx, e.tenant, login, list, before, limit)
			require.NoError(e, err)
			if len(page) == 0 {
				break
			}
			got, before = append(got, page...), page[len(page)-1].Since
		}
		require.Equal(e, want, got)
	}
}

var listTests = map[string]func(*env){
	"who is on which list": func(e *env) {
		r, other := e.newRoom("games"), e.newRoom("other")
		e.list(other, chat.MuteList, "ann")
		muted := e.list(r, chat.MuteList, "zoe", "ann", "mia")
		e.lists(r, chat.MuteList, muted[1], muted[2], muted[0])
		e.lists(r, chat.BlockList)
		white := e.list(r, chat.WhiteList, "ann")
		on, err := e.s.OnLists(e.ctx, e.tenant, r.ID, "ann")
		require.NoError(e, err)
		require.Equal(e, map[chat.RoomList]chat.Listed{chat.MuteList: muted[1], chat.WhiteList: white[0]}, on)
		on, err = e.s.OnLists(e.ctx, e.tenant, r.ID, "nobody")
		require.NoError(e, err)
		require.Empty(e, on)

		for _, want := range []bool{true, false} {
			was, err := e.s.Unlist(e.ctx, e.tenant, r.ID, chat.MuteList, "ann")
			require.NoError(e, err)
			require.Equal(e, want, was)
			e.lists(r, chat.MuteList, muted[2], muted[0])
		}
		e.lists(r, chat.WhiteList, white...)
		e.list(r, chat.MuteList, "ann")
		was, err := e.s.Unlist(e.ctx, e.tenant, r.ID, chat.MuteList, "ann")
		require.NoError(e, err)
		require.True(e, was)
	},
	"an entry keeps its values, and the last one holds": func(e *env) {
		r := e.newRoom("games")
		until := time.Date(2030, 1, 2, 3, 4, 5, 6e6, time.UTC)
		for _, text := range texts {
			l := chat.Listed{Login: "ann", At: e.ids.New(), Until: until, By: "bob", Note: text}
			require.NoError(e, e.s.SetListed(e.ctx, e.tenant, r.Ref(), chat.InviteList, l))
			e.lists(r, chat.InviteList, l)
			e.listedIn("ann", chat.InviteList, chat.JoinedRoom{RoomRef: r.Ref(), Since: l.At})
		}
		l := chat.Listed{Login: "ann", At: e.ids.New()}
		require.NoError(e, e.s.SetListed(e.ctx, e.tenant, r.Ref(), chat.InviteList, l))
		e.lists(r, chat.InviteList, l)
		for range 2 { // a repeated call
			require.NoError(e, e.s.SetListed(e.ctx, e.tenant, r.Ref(), chat.InviteList, l))
			e.listedIn("ann", chat.InviteList, chat.JoinedRoom{RoomRef: r.Ref(), Since: l.At})
		}
	},
	"the rooms that have somebody on a list": func(e *env) {
		var want []chat.JoinedRoom
		for _, name := range []string{"c", "a", "b"} {
			r := e.newRoom(name)
			e.list(r, chat.MuteList, "ann")
			e.list(r, chat.RequestList, "ann")
			want = append([]chat.JoinedRoom{{RoomRef: r.Ref(), Since: e.list(r, chat.InviteList, "ann")[0].At}}, want...)
		}
		e.listedIn("ann", chat.InviteList, want...)
		e.listedIn("ann", chat.MuteList)
		e.listedIn("nobody", chat.InviteList)
		_, err := e.s.Unlist(e.ctx, e.tenant, want[1].ID, chat.InviteList, "ann")
		require.NoError(e, err)
		e.listedIn("ann", chat.InviteList, want[0], want[2])
	},
	"a deleted room has no lists": func(e *env) {
		r := e.newRoom("games")
		e.list(r, chat.InviteList, "ann", "bob")
		e.list(r, chat.BlockList, "mia")
		require.NoError(e, e.s.DeleteRoom(e.ctx, e.tenant, r))
		e.listedIn("ann", chat.InviteList)
		require.NoError(e, e.s.SweepRoom(e.ctx, e.sweepOf(r), nil))
		require.NoError(e, e.s.EndSweep(e.ctx, e.sweepOf(r)))
		e.lists(r, chat.InviteList)
		e.lists(r, chat.BlockList)
		e.listedIn("ann", chat.InviteList)
		e.isAbout(e.s.SetListed(e.ctx, e.tenant, r.Ref(), chat.MuteList, chat.Listed{Login: "ann", At: e.ids.New()}), chat.NotFound, chat.RoomEntity)
	},
	"an erasure finds who was only listed, and takes them off": func(e *env) {
		r := e.newRoom("games")
		e.list(r, chat.BlockList, "ann", "bob")
		e.list(r, chat.InviteList, "ann")
		l := chat.Listed{Login: "bob", At: e.ids.New(), By: "ann"}
		require.NoError(e, e.s.SetListed(e.ctx, e.tenant, r.Ref(), chat.MuteList, l))
		rooms, err := e.s.Footprints(e.ctx, e.tenant, "ann", id.ID{}, 10)
		require.NoError(e, err)
		require.Equal(e, []chat.RoomRef{r.Ref()}, rooms)
		for range 2 {
			require.NoError(e, e.s.ForgetTraces(e.ctx, e.tenant, r.Ref(), "ann"))
			on, err := e.s.OnLists(e.ctx, e.tenant, r.ID, "ann")
			require.NoError(e, err)
			require.Empty(e, on)
			e.listedIn("ann", chat.InviteList)
			l.By = ""
			e.lists(r, chat.MuteList, l)
			bob, err := e.s.OnLists(e.ctx, e.tenant, r.ID, "bob")
			require.NoError(e, err)
			require.Len(e, bob, 2)
		}
	},
	"entries at once": func(e *env) {
		r := e.newRoom("games")
		race(racers, func(i int) {
			var err error
			if i%2 == 0 {
				err = e.s.SetListed(e.ctx, e.tenant, r.Ref(), chat.RequestList, chat.Listed{Login: "ann", At: e.ids.New()})
			} else {
				_, err = e.s.Unlist(e.ctx, e.tenant, r.ID, chat.RequestList, "ann")
			}
			if err != nil {
				e.Errorf("%v", err)
			}
		})
		on, err := e.s.OnLists(e.ctx, e.tenant, r.ID, "ann")
		require.NoError(e, err)
		if l, there := on[chat.RequestList]; there {
			e.listedIn("ann", chat.RequestList, chat.JoinedRoom{RoomRef: r.Ref(), Since: l.At})
		} else {
			e.listedIn("ann", chat.RequestList)
		}
	},
}
