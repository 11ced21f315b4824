package chat_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// app asks as an app of the tenant.
var app = chat.Principal{Identity: chat.Identity{Tenant: tenant}, App: true}

var noEnd time.Time

// group creates a group or chat room of the first of these people with the others in it, and returns its name.
func (w *world) group(s chat.RoomSettings, in ...chat.Identity) string {
	w.t.Helper()
	if s.Title == "" {
		s.Title = "Group"
	}
	if s.MaxMembers == 0 {
		s.MaxMembers = 200
	}
	v, err := w.CreateGroup(w.t.Context(), app, chat.NewGroup{Settings: s, Owner: in[0].Login, Members: logins(in[1:]...)})
	require.NoError(w.t, err)
	return v.Name
}

func logins(of ...chat.Identity) (out []string) {
	for _, who := range of {
		out = append(out, who.Login)
	}
	return out
}

// list puts people on a list of a room, without an end.
func (w *world) list(by chat.Identity, room string, list chat.RoomList, logins ...string) {
	w.t.Helper()
	require.NoError(w.t, w.List(w.t.Context(), by.Principal(), room, list, logins, noEnd, ""))
}

// joinedIn returns the members of a room in the order of joining.
func (w *world) joinedIn(room string, newest bool) (out []string) {
	w.t.Helper()
	ms, _, err := w.ListMembers(w.t.Context(), app, room, id.ID{}, newest, 100)
	require.NoError(w.t, err)
	for _, m := range ms {
		out = append(out, m.Login)
	}
	return out
}

func TestCreateGroup(t *testing.T) {
	w := newWorld(t)
	ann, bob, eve := w.user("ann"), w.user("bob"), w.user("eve")
	ctx := t.Context()
	s := chat.RoomSettings{Kind: chat.GroupRoom, Title: "Team", Description: "Us", MaxMembers: 3, Custom: "{}"}
	w.events.take()
	v, err := w.CreateGroup(ctx, ann.Principal(), chat.NewGroup{Settings: s, Members: []string{"bob", "ann", "bob"}})
	require.NoError(t, err)
	require.Equal(t, s, v.Settings)
	require.Equal(t, "ann", v.Owner())
	require.Equal(t, []string{"joined: bob"}, w.events.take())
	require.Equal(t, v.Participants, w.seenBy(bob, v.Name).Participants)
	require.Equal(t, []string{"ann", "bob"}, w.joinedIn(v.Name, false))
	require.Empty(t, w.contents(ann, v.Name), "a group has no messages of the system")
	_, err = w.Room(ctx, eve.Principal(), v.Name)
	isHidden(t, v.Name, err, "it is not public")

	for _, c := range []struct {
		who  chat.Principal
		n    chat.NewGroup
		kind chat.Kind
	}{
		{ann.Principal(), chat.NewGroup{Settings: s, Owner: "bob"}, chat.Forbidden},
		{ann.Principal(), chat.NewGroup{Settings: chat.RoomSettings{Kind: chat.ChatRoom, Title: "Hall", MaxMembers: 3}}, chat.Forbidden},
		{app, chat.NewGroup{Settings: s, Owner: "nobody"}, chat.NotFound},
		{app, chat.NewGroup{Settings: s, Owner: "ann", Members: []string{"bob", "nobody"}}, chat.NotFound},
		{app, chat.NewGroup{Settings: s, Owner: "ann", Members: []string{"bob", "eve", chat.SystemLogin}}, chat.Full},
		{app, chat.NewGroup{Settings: chat.RoomSettings{Kind: chat.GroupRoom, MaxMembers: 3}, Owner: "ann"}, chat.Invalid},
		{app, chat.NewGroup{Settings: chat.RoomSettings{Kind: chat.GroupRoom, Title: "x"}, Owner: "ann"}, chat.Invalid},
		{app, chat.NewGroup{Settings: chat.RoomSettings{Kind: chat.DirectRoom, Title: "x"}, Owner: "ann"}, chat.Invalid},
		{app, chat.NewGroup{Settings: chat.RoomSettings{Kind: chat.GroupRoom, Title: "x", MaxMembers: 3, Description: strings.Repeat("x", 513)}, Owner: "ann"}, chat.Invalid},
	} {
		_, err := w.CreateGroup(ctx, c.who, c.n)
		isKind(t, c.kind, err, true)
	}
	joined, _, err := w.JoinedRooms(ctx, ann.Principal(), "ann", id.ID{}, 10)
	require.NoError(t, err)
	require.Len(t, joined, 1, "nothing else came into being")
}

// A group whose members cannot come in does not come into being.
func TestCreateGroupIsAllOrNothing(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann")
	w.user("bob")
	w.store.failing("JoinAll", errors.New("broken"))
	_, err := w.CreateGroup(t.Context(), ann.Principal(), chat.NewGroup{Members: []string{"bob"},
		Settings: chat.RoomSettings{Kind: chat.GroupRoom, Title: "Team", MaxMembers: 3}})
	require.Error(t, err)
	joined, _, err := w.JoinedRooms(t.Context(), app, "ann", id.ID{}, 10)
	require.NoError(t, err)
	require.Empty(t, joined)
}

func TestRemoveMember(t *testing.T) {
	w := newWorld(t)
	ann, bob, eve, zoe := w.user("ann"), w.user("bob"), w.user("eve"), w.user("zoe")
	name := w.group(chat.RoomSettings{Kind: chat.GroupRoom}, ann, bob, eve, zoe)
	ctx := t.Context()
	for _, login := range []string{"bob", "eve"} {
		_, err := w.SetAdmin(ctx, ann.Principal(), name, login, true)
		require.NoError(t, err)
	}
	remove := func(who chat.Principal, login string) error { return w.RemoveMember(ctx, who, name, login) }
	isKind(t, chat.Forbidden, remove(bob.Principal(), "eve"), true)
	isKind(t, chat.Forbidden, remove(bob.Principal(), "ann"), true)
	isKind(t, chat.Forbidden, remove(app, "ann"), true)
	isKind(t, chat.Forbidden, remove(ann.Principal(), "ann"), true)
	isKind(t, chat.Forbidden, w.Leave(ctx, ann, name, nil), true)
	require.Len(t, w.participants(name), 4, "nothing has changed")
	require.NoError(t, remove(bob.Principal(), "zoe"))
	isKind(t, chat.Conflict, remove(app, "zoe"), true)
	require.NoError(t, remove(ann.Principal(), "eve"))
	require.Equal(t, []string{"bob"}, w.seenBy(ann, name).Settings.Admins)
	require.NoError(t, remove(bob.Principal(), "bob"))
	require.Equal(t, []string{"ann"}, w.participants(name))
	require.Empty(t, w.seenBy(ann, name).Settings.Admins)
}

func TestTransfer(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.user("ann"), w.user("bob")
	w.user("zoe")
	name := w.group(chat.RoomSettings{Kind: chat.GroupRoom}, ann, bob)
	ctx := t.Context()
	_, err := w.SetAdmin(ctx, ann.Principal(), name, "bob", true)
	require.NoError(t, err)
	for _, login := range []string{"zoe", "ann"} {
		_, err := w.Transfer(ctx, ann.Principal(), name, login)
		isKind(t, chat.Conflict, err, true)
	}
	_, err = w.Transfer(ctx, bob.Principal(), name, "bob")
	isKind(t, chat.Forbidden, err, true)
	w.events.take()
	v, err := w.Transfer(ctx, ann.Principal(), name, "bob")
	require.NoError(t, err)
	require.Equal(t, "bob", v.Owner())
	require.Empty(t, v.Settings.Admins)
	require.Equal(t, []string{"room changed", "ann is a member", "bob is owner"}, w.events.take())
	isKind(t, chat.Forbidden, w.DeleteRoom(ctx, ann, name), true)
	require.NoError(t, w.Leave(ctx, ann, name, nil))
	require.NoError(t, w.DeleteRoom(ctx, bob, name))
	_, err = w.Room(ctx, app, name)
	isHidden(t, name, err, "deleted")
}

// Somebody who leaves while they are made the owner or an admin is neither.
func TestRolesOfThoseWhoLeaveMeanwhile(t *testing.T) {
	for _, c := range []struct {
		what string
		make func(w *world, name string) error
	}{
		{"owner", func(w *world, name string) error {
			_, err := w.Transfer(w.t.Context(), as("ann").Principal(), name, "bob")
			return err
		}},
		{"admin", func(w *world, name string) error {
			_, err := w.SetAdmin(w.t.Context(), as("ann").Principal(), name, "bob", true)
			return err
		}},
	} {
		t.Run(c.what, func(t *testing.T) {
			w := newWorld(t)
			ann, bob := w.user("ann"), w.user("bob")
			name := w.group(chat.RoomSettings{Kind: chat.GroupRoom}, ann, bob)
			w.store.onceBefore("ChangeSettings", func() { require.NoError(t, w.Leave(t.Context(), bob, name, nil)) })
			require.NoError(t, c.make(w, name))
			v := w.seenBy(ann, name)
			require.Equal(t, "ann", v.Owner())
			require.Empty(t, v.Settings.Admins)
		})
	}
}

func TestSetAdmin(t *testing.T) {
	w := newWorld(t)
	ann, bob, eve := w.user("ann"), w.user("bob"), w.user("eve")
	name := w.group(chat.RoomSettings{Kind: chat.GroupRoom}, ann, bob, eve)
	ctx := t.Context()
	set := func(who chat.Identity, login string, on bool) error {
		_, err := w.SetAdmin(ctx, who.Principal(), name, login, on)
		return err
	}
	isKind(t, chat.Forbidden, set(bob, "bob", true), true)
	isKind(t, chat.Conflict, set(ann, "nobody", true), true)
	isKind(t, chat.Conflict, set(ann, "ann", true), true)
	require.NoError(t, set(ann, "eve", true))
	require.NoError(t, set(ann, "bob", true))
	require.NoError(t, set(ann, "bob", true))
	require.Equal(t, []string{"bob", "eve"}, w.seenBy(ann, name).Settings.Admins)
	isKind(t, chat.Forbidden, set(bob, "eve", false), true)
	require.NoError(t, set(ann, "bob", false))
	require.NoError(t, set(ann, "bob", false))
	require.Equal(t, []string{"eve"}, w.seenBy(ann, name).Settings.Admins)
	_, err := w.store.ChangeSettings(ctx, tenant, w.seenBy(ann, name).Ref(), func(s *chat.RoomSettings) error {
		for i := range chat.MaxAdmins {
			s.Admins = append(s.Admins, fmt.Sprintf("user%d", i))
		}
		s.Admins = s.Admins[:chat.MaxAdmins]
		return nil
	})
	require.NoError(t, err)
	isKind(t, chat.Full, set(ann, "bob", true), true)
}

// What the owner may change, and what an admin.
func TestChangeRoom(t *testing.T) {
	w := newWorld(t)
	ann, bob, eve := w.user("ann"), w.user("bob"), w.user("eve")
	name := w.group(chat.RoomSettings{Kind: chat.GroupRoom}, ann, bob, eve)
	ctx := t.Context()
	_, err := w.SetAdmin(ctx, ann.Principal(), name, "bob", true)
	require.NoError(t, err)
	w.events.take()
	v, err := w.ChangeRoom(ctx, bob.Principal(), name, chat.RoomChange{Title: new("Us"), Description: new(""), Announcement: new("Lunch"), Silent: new(true)})
	require.NoError(t, err)
	require.Equal(t, "Us", v.Settings.Title)
	require.Equal(t, "Lunch", v.Settings.Announcement)
	require.True(t, v.Settings.Silent)
	require.Equal(t, []string{"room changed"}, w.events.take())
	for _, c := range []chat.RoomChange{{Public: new(true)}, {MaxMembers: new(9)}, {Disabled: new(true)}, {Title: new("x"), Approval: new(true)}} {
		_, err := w.ChangeRoom(ctx, bob.Principal(), name, c)
		isKind(t, chat.Forbidden, err, true)
	}
	_, err = w.ChangeRoom(ctx, eve.Principal(), name, chat.RoomChange{Title: new("x")})
	isKind(t, chat.Forbidden, err, true)
	for _, c := range []chat.RoomChange{{Title: new("")}, {Announcement: new(strings.Repeat("x", 513))}, {MaxMembers: new(0)}} {
		_, err := w.ChangeRoom(ctx, ann.Principal(), name, c)
		isKind(t, chat.Invalid, err, true)
	}
	require.Equal(t, v.Settings, w.seenBy(ann, name).Settings, "nothing else has changed")
	w.room("lounge", ann)
	_, err = w.ChangeRoom(ctx, ann.Principal(), "lounge", chat.RoomChange{Public: new(true)})
	isKind(t, chat.Invalid, err, true)
	_, err = w.ChangeRoom(ctx, ann.Principal(), "lounge", chat.RoomChange{MaxMembers: new(9)})
	isKind(t, chat.Invalid, err, true)
}

// A disabled group takes no messages, of its owner neither.
func TestDisabledGroup(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann")
	name := w.group(chat.RoomSettings{Kind: chat.GroupRoom}, ann)
	_, err := w.ChangeRoom(t.Context(), app, name, chat.RoomChange{Disabled: new(true)})
	require.NoError(t, err)
	_, err = w.Post(t.Context(), ann, name, chat.NewMessage{Content: new("hello")})
	isKind(t, chat.Forbidden, err, true)
	_, err = w.ChangeRoom(t.Context(), app, name, chat.RoomChange{Disabled: new(false)})
	require.NoError(t, err)
	w.post(ann, name, "hello")
}

// The orders of joining: members of a room, rooms of a member.
func TestOrdersOfJoining(t *testing.T) {
	w := newWorld(t)
	ann, bob, eve := w.user("ann"), w.user("bob"), w.user("eve")
	one, two := w.group(chat.RoomSettings{Kind: chat.GroupRoom}, eve, ann), w.group(chat.RoomSettings{Kind: chat.ChatRoom}, eve)
	require.NoError(t, w.Join(t.Context(), bob, two, nil))
	require.NoError(t, w.Join(t.Context(), ann, two, nil))
	require.Equal(t, []string{"eve", "bob", "ann"}, w.joinedIn(two, false))
	require.Equal(t, []string{"ann", "bob", "eve"}, w.joinedIn(two, true))
	first, more, err := w.JoinedRooms(t.Context(), ann.Principal(), "ann", id.ID{}, 1)
	require.NoError(t, err)
	require.True(t, more)
	require.Equal(t, two, first[0].Name)
	next, more, err := w.JoinedRooms(t.Context(), app, "ann", first[0].Since, 1)
	require.NoError(t, err)
	require.False(t, more)
	require.Equal(t, one, next[0].Name)
	_, _, err = w.JoinedRooms(t.Context(), bob.Principal(), "ann", id.ID{}, 1)
	isKind(t, chat.Forbidden, err, true)
}

// With an account go its groups, and its place in all other rooms.
func TestEndOfAnAccount(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.user("ann"), w.user("bob")
	ctx := t.Context()
	owned, other := w.group(chat.RoomSettings{Kind: chat.GroupRoom}, ann, bob), w.group(chat.RoomSettings{Kind: chat.GroupRoom}, bob, ann)
	private := w.private("Tea", ann, bob)
	w.room("lounge", ann, bob)
	invited := w.private("Cake", bob)
	require.NoError(t, w.Invite(ctx, bob, invited, []string{"ann"}, ""))
	direct, _, err := w.OpenDirect(ctx, ann, []string{"bob"})
	require.NoError(t, err)
	_, err = w.SetAdmin(ctx, bob.Principal(), other, "ann", true)
	require.NoError(t, err)

	require.NoError(t, w.EndAccount(ctx, tenant, "ann"))
	_, err = w.Room(ctx, bob.Principal(), owned)
	isHidden(t, owned, err, "a group goes with its owner")
	require.Empty(t, w.seenBy(bob, other).Settings.Admins)
	require.Equal(t, "bob", w.seenBy(bob, private).Owner())
	require.Equal(t, "ann", w.seenBy(bob, "lounge").Owner(), "the creator stays shown")
	require.Equal(t, []string{"bob"}, w.participants(direct.Name))
	refs, err := w.store.RoomsOf(ctx, tenant, "ann", "", 10)
	require.NoError(t, err)
	require.Empty(t, refs)
	on, _, err := w.Listed(ctx, app, invited, chat.InviteList, "", 10)
	require.NoError(t, err)
	require.Empty(t, on)
	require.NoError(t, w.EndAccount(ctx, tenant, "bob"))
	_, err = w.Room(ctx, app, direct.Name)
	isHidden(t, direct.Name, err, "nobody is in it")
}

func TestAddMembers(t *testing.T) {
	w := newWorld(t)
	ann, bob, eve := w.user("ann"), w.user("bob"), w.user("eve")
	w.user("zoe")
	name := w.group(chat.RoomSettings{Kind: chat.GroupRoom, Public: true, MaxMembers: 3}, ann)
	ctx := t.Context()
	add := func(who chat.Principal, logins ...string) ([]string, error) {
		return w.AddMembers(ctx, who, name, logins)
	}

	_, err := add(app, "zoe", "nobody")
	isKind(t, chat.NotFound, err, true)
	_, err = add(app, "zoe", "eve", "bob")
	isKind(t, chat.Full, err, true)
	require.Equal(t, []string{"ann"}, w.participants(name), "nobody came in")
	w.events.take()
	added, err := add(ann.Principal(), "zoe", "ann", "bob", "zoe")
	require.NoError(t, err)
	require.Equal(t, []string{"zoe", "bob"}, added)
	require.ElementsMatch(t, []string{"joined: zoe", "joined: bob"}, w.events.take())
	_, err = add(app, "bob", "zoe")
	isKind(t, chat.Conflict, err, true)
	_, err = add(bob.Principal(), "eve")
	isKind(t, chat.Forbidden, err, true)
	_, err = add(eve.Principal(), "eve")
	isKind(t, chat.Full, err, true)

	_, err = w.ChangeRoom(ctx, ann.Principal(), name, chat.RoomChange{MaxMembers: new(2)})
	isKind(t, chat.Full, err, true)
	_, err = w.ChangeRoom(ctx, ann.Principal(), name, chat.RoomChange{MaxMembers: new(4), MembersInvite: new(true)})
	require.NoError(t, err)
	added, err = add(bob.Principal(), "eve")
	require.NoError(t, err)
	require.Equal(t, []string{"eve"}, added)
	_, err = add(app, slices.Repeat([]string{"x"}, 61)...)
	isKind(t, chat.Invalid, err, true)
}

// Of many who join at the same moment as many come in as there are places.
func TestAGroupIsNeverTooFull(t *testing.T) {
	w := newWorld(t)
	const places, people = 5, 40
	name := w.group(chat.RoomSettings{Kind: chat.ChatRoom, MaxMembers: places}, w.user("owner"))
	var in, full atomic.Int32
	var g sync.WaitGroup
	for i := range people {
		who := w.user(fmt.Sprintf("user%d", i))
		g.Go(func() {
			switch err := w.Join(t.Context(), who, name, nil); {
			case err == nil:
				in.Add(1)
			case chat.IsKind(err, chat.Full):
				full.Add(1)
			}
		})
	}
	g.Wait()
	require.EqualValues(t, places-1, in.Load())
	require.EqualValues(t, people-places+1, full.Load())
	require.Len(t, w.participants(name), places)
}

// What a public group shows to those who are not in it, and how they get in.
func TestJoiningGroups(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.user("ann"), w.user("bob")
	ctx := t.Context()
	name := w.group(chat.RoomSettings{Kind: chat.GroupRoom, Public: true, Approval: true, Announcement: "hush"}, ann)
	v := w.seenBy(bob, name)
	require.Empty(t, v.Participants)
	require.Empty(t, v.Settings.Announcement)
	require.Equal(t, 1, v.Count)
	_, _, err := w.ListMembers(ctx, bob.Principal(), name, id.ID{}, false, 10)
	isKind(t, chat.Forbidden, err, true)
	isKind(t, chat.Forbidden, w.Join(ctx, bob, name, nil), true)
	require.NoError(t, w.Ask(ctx, bob, name, "please"))
	asked, _, err := w.Listed(ctx, ann.Principal(), name, chat.RequestList, "", 10)
	require.NoError(t, err)
	require.Len(t, asked, 1)
	require.Equal(t, "please", asked[0].Note)
	_, err = w.AddMembers(ctx, ann.Principal(), name, []string{"bob"})
	require.NoError(t, err)
	asked, _, err = w.Listed(ctx, ann.Principal(), name, chat.RequestList, "", 10)
	require.NoError(t, err)
	require.Empty(t, asked, "the request is granted")
	isKind(t, chat.Conflict, w.Ask(ctx, bob, name, ""), true)
	require.Equal(t, "hush", w.seenBy(bob, name).Settings.Announcement)
	_, err = w.AddMembers(ctx, bob.Principal(), name, []string{"bob"})
	isKind(t, chat.Conflict, err, true)
}
