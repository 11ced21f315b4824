package chat_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// private creates a private room with these people in it, the first its owner, and returns its name.
func (w *world) private(title string, in ...chat.Identity) string {
	w.t.Helper()
	v, err := w.CreateRoom(w.t.Context(), in[0], chat.NewRoom{Kind: chat.PrivateRoom, Title: &title})
	require.NoError(w.t, err)
	for _, who := range in[1:] {
		_, err := w.AddMembers(w.t.Context(), app, v.Name, []string{who.Login})
		require.NoError(w.t, err)
	}
	return v.Name
}

// isHidden requires the very error of a room that does not exist.
func isHidden(t *testing.T, name string, err error, what string) {
	t.Helper()
	require.Equal(t, chat.ErrNotFound(chat.RoomEntity, name), err, what)
}

// Every way to name a room, asked by a stranger about a private room, ends as if there was none.
func TestStrangersDoNotFindPrivateRooms(t *testing.T) {
	w := newWorld(t)
	ann, bob, eve := w.user("ann"), w.user("bob"), w.user("eve")
	name := w.private("Secrets", ann, bob)
	m := w.post(ann, name, "hello")
	ctx, me, hi := t.Context(), eve.Principal(), "hi"
	for what, do := range map[string]func() error{
		"Access":           func() error { _, _, err := w.Access(ctx, eve, name); return err },
		"Admit":            func() error { _, err := w.Admit(ctx, eve, name); return err },
		"Room":             func() error { _, err := w.Room(ctx, me, name); return err },
		"OwnRoom":          func() error { _, err := w.OwnRoom(ctx, eve, name); return err },
		"Participants":     func() error { _, _, err := w.Participants(ctx, me, name, chat.Range{Limit: 1}); return err },
		"ListMembers":      func() error { _, _, err := w.ListMembers(ctx, me, name, id.ID{}, true, 1); return err },
		"Join":             func() error { return w.Join(ctx, eve, name, nil) },
		"Join for another": func() error { return w.Join(ctx, eve, name, new("bob")) },
		"Ask":              func() error { return w.Ask(ctx, eve, name, "") },
		"Unask":            func() error { return w.Unask(ctx, eve, name) },
		"Decline":          func() error { return w.Decline(ctx, eve, name) },
		"Leave":            func() error { return w.Leave(ctx, eve, name, nil) },
		"Leave of another": func() error { return w.Leave(ctx, eve, name, new("bob")) },
		"RemoveMember":     func() error { return w.RemoveMember(ctx, me, name, "bob") },
		"AddMembers":       func() error { _, err := w.AddMembers(ctx, me, name, []string{"eve"}); return err },
		"Invite":           func() error { return w.Invite(ctx, eve, name, []string{"eve"}, "") },
		"List":             func() error { return w.List(ctx, me, name, chat.BlockList, []string{"bob"}, noEnd, "") },
		"Unlist":           func() error { _, err := w.Unlist(ctx, me, name, chat.InviteList, []string{"bob"}); return err },
		"Listed":           func() error { _, _, err := w.Listed(ctx, me, name, chat.MuteList, "", 1); return err },
		"Transfer":         func() error { _, err := w.Transfer(ctx, me, name, "eve"); return err },
		"SetAdmin":         func() error { _, err := w.SetAdmin(ctx, me, name, "eve", true); return err },
		"ChangeRoom":       func() error { _, err := w.ChangeRoom(ctx, me, name, chat.RoomChange{Title: &hi}); return err },
		"SetBanner":        func() error { _, err := w.SetBanner(ctx, eve, name, nil, nil); return err },
		"SetRetention":     func() error { _, err := w.SetRetention(ctx, eve, name, chat.Forever); return err },
		"DeleteRoom":       func() error { return w.DeleteRoom(ctx, eve, name) },
		"Capabilities":     func() error { _, _, err := w.Capabilities(ctx, eve, name); return err },
		"Types":            func() error { _, err := w.Types(ctx, eve, name); return err },
		"Post":             func() error { _, err := w.Post(ctx, eve, name, chat.NewMessage{Content: &hi}); return err },
		"Message":          func() error { _, err := w.Message(ctx, eve, name, m.ID); return err },
		"Messages":         func() error { _, err := w.Messages(ctx, eve, name, chat.PageQuery{Limit: 1}); return err },
		"EditMessage":      func() error { _, err := w.EditMessage(ctx, eve, name, m.ID, &hi); return err },
		"DeleteMessage":    func() error { return w.DeleteMessage(ctx, eve, name, m.ID) },
		"React":            func() error { _, err := w.React(ctx, eve, name, m.ID, "👍", true); return err },
		"Changes":          func() error { _, err := w.Changes(ctx, eve, name, id.Min, 1); return err },
		"MarkRead":         func() error { return w.MarkRead(ctx, eve, name, m.ID) },
		"MarkUnread":       func() error { return w.MarkUnread(ctx, eve, name, m.ID) },
		"Mute":             func() error { return w.Mute(ctx, eve, name, true) },
	} {
		isHidden(t, name, do(), what)
	}
	vs, _, err := w.RoomsByName(ctx, me, []string{name})
	require.NoError(t, err)
	require.Empty(t, vs)
	vs, _, err = w.Rooms(ctx, tenant, chat.Range{Limit: 10})
	require.NoError(t, err)
	require.Empty(t, vs)
	found, err := w.Search(ctx, tenant, name, 10)
	require.NoError(t, err)
	require.Empty(t, found.Rooms)
	u, err := w.UserAs(ctx, eve, "ann")
	require.NoError(t, err)
	require.Empty(t, u.ChatRooms)
	require.Equal(t, []string{"hello"}, w.contents(ann, name)[1:], "nothing has changed")
	require.Equal(t, []string{"ann", "bob"}, w.participants(name))
}

// Those who are in a private room use it as any other, and find it among their rooms.
func TestPrivateRoom(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.user("ann"), w.user("bob")
	name := w.private("Tea", ann, bob)
	require.True(t, chat.ValidRoomName(name))
	require.False(t, chat.ValidName(name), "nobody can choose the name")
	w.post(bob, name, "hello")
	require.Equal(t, []string{"First-bob Last-bob joins the room", "hello"}, w.contents(ann, name))
	v, err := w.Room(t.Context(), bob.Principal(), name)
	require.NoError(t, err)
	require.Equal(t, "Tea", v.Settings.Title)
	require.Equal(t, 2, v.Count)
	states, _, err := w.RoomStates(t.Context(), bob, "bob", "", 10)
	require.NoError(t, err)
	require.Len(t, states, 1)
	require.Equal(t, "Tea", states[0].Settings.Title)
	u, err := w.UserAs(t.Context(), bob, "bob")
	require.NoError(t, err)
	require.Equal(t, []string{name}, u.ChatRooms)
	vs, _, err := w.RoomsByName(t.Context(), bob.Principal(), []string{name})
	require.NoError(t, err)
	require.Len(t, vs, 1)
}

func TestFaultsOfNewPrivateRooms(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann")
	long := string(make([]byte, 101))
	for _, n := range []chat.NewRoom{
		{Kind: chat.PrivateRoom},
		{Kind: chat.PrivateRoom, Title: new("")},
		{Kind: chat.PrivateRoom, Title: &long},
		{Kind: chat.PrivateRoom, Title: new("a\nb")},
		{Kind: chat.PrivateRoom, Title: new("Tea"), Name: "tea"},
		{Kind: chat.GroupRoom, Title: new("Tea")},
		{Kind: chat.OpenRoom, Name: "_123"},
		{Kind: chat.OpenRoom, Name: "tea", MembersInvite: true},
	} {
		_, err := w.CreateRoom(t.Context(), ann, n)
		require.True(t, chat.IsKind(err, chat.Invalid), "%+v: %v", n, err)
	}
}

// isKind requires an error of a kind, if there has to be one.
func isKind(t *testing.T, k chat.Kind, err error, is bool) {
	t.Helper()
	if !is {
		require.NoError(t, err)
		return
	}
	require.Equal(t, k.String(), chat.KindOf(err).String(), "%v", err)
}

// seenBy returns a room as somebody sees it.
func (w *world) seenBy(who chat.Identity, room string) chat.RoomView {
	w.t.Helper()
	v, err := w.Room(w.t.Context(), who.Principal(), room)
	require.NoError(w.t, err)
	return v
}

// A private room that its owner leaves gets the admin, otherwise the member, who is in it for longest; the last one who
// leaves ends it.
func TestOwnersWhoLeave(t *testing.T) {
	w := newWorld(t)
	ann, bob, eve, zoe := w.user("ann"), w.user("bob"), w.user("eve"), w.user("zoe")
	name := w.private("Tea", ann, bob, eve, zoe)
	ctx := t.Context()
	_, err := w.SetAdmin(ctx, ann.Principal(), name, "zoe", true)
	require.NoError(t, err)
	require.NoError(t, w.Leave(ctx, ann, name, nil))
	v := w.seenBy(bob, name)
	require.Equal(t, "zoe", v.Owner())
	require.Empty(t, v.Settings.Admins)
	require.NoError(t, w.EndAccount(ctx, tenant, "zoe"))
	require.Equal(t, "bob", w.seenBy(bob, name).Owner())
	require.NoError(t, w.Leave(ctx, bob, name, nil))
	require.NoError(t, w.Leave(ctx, eve, name, nil))
	_, err = w.Room(ctx, app, name)
	isHidden(t, name, err, "nobody is in it")
}

// Who gets a room of somebody who leaves may leave as well at that moment.
func TestHeirsWhoLeave(t *testing.T) {
	w := newWorld(t)
	ann, bob, eve := w.user("ann"), w.user("bob"), w.user("eve")
	name := w.private("Tea", ann, bob, eve)
	first := true
	w.store.on(func(ctx context.Context, call string) error {
		if call == "ChangeSettings" && first {
			first = false
			require.NoError(t, w.Leave(ctx, bob, name, nil))
		}
		return nil
	})
	require.NoError(t, w.Leave(t.Context(), ann, name, nil))
	w.store.on(nil)
	require.Equal(t, "eve", w.seenBy(eve, name).Owner())
}

// Those whose role ends with their membership do not have it when they come back.
func TestRolesEndWithTheMembership(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.user("ann"), w.user("bob")
	w.room("lounge", ann, bob)
	_, err := w.SetAdmin(t.Context(), ann.Principal(), "lounge", "bob", true)
	require.NoError(t, err)
	require.NoError(t, w.Leave(t.Context(), bob, "lounge", nil))
	require.NoError(t, w.Join(t.Context(), bob, "lounge", nil))
	require.Equal(t, chat.PlainRole, w.seenBy(bob, "lounge").Role("bob"))
	require.NoError(t, w.Leave(t.Context(), ann, "lounge", nil))
	require.Equal(t, "ann", w.seenBy(bob, "lounge").Owner(), "an open room keeps its owner")
}

// Who is invited sees what the room is called, and nothing that is in it, until they join.
func TestInvitations(t *testing.T) {
	w := newWorld(t)
	ann, bob, eve := w.user("ann"), w.user("bob"), w.user("eve")
	name := w.private("Tea", ann)
	ctx := t.Context()
	isKind(t, chat.Forbidden, w.Invite(ctx, bob, w.private("Other", bob), []string{"ann"}, ""), false)
	require.NoError(t, w.Invite(ctx, ann, name, []string{"bob", "eve"}, "come"))
	require.NoError(t, w.Invite(ctx, ann, name, []string{"bob"}, "once more"))

	all, more, err := w.Invitations(ctx, bob, id.ID{}, 10)
	require.NoError(t, err)
	require.False(t, more)
	require.Len(t, all, 1)
	require.Equal(t, "Tea", all[0].Room.Settings.Title)
	require.Equal(t, "ann", all[0].By)
	require.Equal(t, "come", all[0].Note)
	for _, v := range []chat.RoomView{all[0].Room, w.seenBy(bob, name)} {
		require.Equal(t, name, v.Name)
		require.Empty(t, v.Participants)
		require.Zero(t, v.Count)
		require.Zero(t, v.Creator)
	}
	_, err = w.Messages(ctx, bob, name, chat.PageQuery{Limit: 1})
	isKind(t, chat.Forbidden, err, true)
	_, _, err = w.Participants(ctx, bob.Principal(), name, chat.Range{Limit: 1})
	isKind(t, chat.Forbidden, err, true)

	require.NoError(t, w.Join(ctx, bob, name, nil))
	require.Equal(t, []string{"ann", "bob"}, w.participants(name))
	require.NoError(t, w.Decline(ctx, eve, name))
	isHidden(t, name, w.Join(ctx, eve, name, nil), "declined")
	for _, who := range []chat.Identity{bob, eve} {
		all, _, err := w.Invitations(ctx, who, id.ID{}, 10)
		require.NoError(t, err)
		require.Empty(t, all)
	}
	isKind(t, chat.Forbidden, w.Invite(ctx, bob, name, []string{"eve"}, ""), true)
	_, err = w.ChangeRoom(ctx, ann.Principal(), name, chat.RoomChange{MembersInvite: new(true)})
	require.NoError(t, err)
	require.NoError(t, w.Invite(ctx, bob, name, []string{"eve"}, ""))
	removed, err := w.Unlist(ctx, ann.Principal(), name, chat.InviteList, []string{"eve"})
	require.NoError(t, err)
	require.Equal(t, []string{"eve"}, removed)
	isHidden(t, name, w.Join(ctx, eve, name, nil), "the invitation was taken back")
}
