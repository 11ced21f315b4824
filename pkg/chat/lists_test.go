package chat_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// says tries to post a message.
func (w *world) says(who chat.Identity, room string) error {
	_, err := w.Post(w.t.Context(), who, room, chat.NewMessage{Content: new("hello")})
	return err
}

// Who is muted reads, and posts and edits nothing, until they are not any more.
func TestMute(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.user("ann"), w.user("bob")
	w.room("lounge", ann, bob)
	m := w.post(bob, "lounge", "before")
	w.events.take()
	w.list(ann, "lounge", chat.MuteList, "bob")
	require.Equal(t, []string{"bob is muted"}, w.events.take())
	isKind(t, chat.Forbidden, w.says(bob, "lounge"), true)
	_, err := w.EditMessage(t.Context(), bob, "lounge", m.ID, new("hello"))
	isKind(t, chat.Forbidden, err, true)
	require.NoError(t, w.says(ann, "lounge"))
	require.Len(t, w.contents(bob, "lounge"), 3)
	require.NoError(t, w.Leave(t.Context(), bob, "lounge", nil))
	require.NoError(t, w.Join(t.Context(), bob, "lounge", nil))
	isKind(t, chat.Forbidden, w.says(bob, "lounge"), true)
	w.events.take()
	removed, err := w.Unlist(t.Context(), ann.Principal(), "lounge", chat.MuteList, []string{"ann2", "bob"})
	require.NoError(t, err)
	require.Equal(t, []string{"bob"}, removed)
	require.Equal(t, []string{"bob is a member"}, w.events.take())
	require.NoError(t, w.says(bob, "lounge"))
}

// A mute ends by itself.
func TestMuteUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ann, bob := w.user("ann"), w.user("bob")
		w.room("lounge", ann, bob)
		until := time.Now().Add(4 * time.Second)
		require.NoError(t, w.List(t.Context(), ann.Principal(), "lounge", chat.MuteList, []string{"bob"}, until, "noise"))
		isKind(t, chat.Forbidden, w.says(bob, "lounge"), true)
		all, more, err := w.Listed(t.Context(), ann.Principal(), "lounge", chat.MuteList, "", 10)
		require.NoError(t, err)
		require.False(t, more)
		require.Len(t, all, 1)
		require.True(t, until.Truncate(time.Millisecond).Equal(all[0].Until))
		require.Equal(t, "noise", all[0].Note)
		time.Sleep(4 * time.Second)
		require.NoError(t, w.says(bob, "lounge"))
		all, _, err = w.Listed(t.Context(), ann.Principal(), "lounge", chat.MuteList, "", 10)
		require.NoError(t, err)
		require.Empty(t, all)
	})
}

// In a silent room post its owner and admins, and those on the white list.
func TestSilentRoom(t *testing.T) {
	w := newWorld(t)
	ann, bob, eve := w.user("ann"), w.user("bob"), w.user("eve")
	w.room("lounge", ann, bob, eve)
	_, err := w.ChangeRoom(t.Context(), ann.Principal(), "lounge", chat.RoomChange{Silent: new(true)})
	require.NoError(t, err)
	isKind(t, chat.Forbidden, w.says(bob, "lounge"), true)
	require.NoError(t, w.says(ann, "lounge"))
	w.list(ann, "lounge", chat.WhiteList, "bob")
	require.NoError(t, w.says(bob, "lounge"))
	isKind(t, chat.Forbidden, w.says(eve, "lounge"), true)
	_, err = w.SetAdmin(t.Context(), ann.Principal(), "lounge", "eve", true)
	require.NoError(t, err)
	require.NoError(t, w.says(eve, "lounge"))
}

// Blocking ends the membership. Who is blocked comes in by nobody but those who may block.
func TestBlock(t *testing.T) {
	w := newWorld(t)
	ann, bob, eve := w.user("ann"), w.user("bob"), w.user("eve")
	name := w.private("Tea", ann, bob, eve)
	ctx := t.Context()
	_, err := w.ChangeRoom(ctx, ann.Principal(), name, chat.RoomChange{MembersInvite: new(true)})
	require.NoError(t, err)
	w.events.take()
	w.list(ann, name, chat.BlockList, "bob")
	require.Equal(t, []string{"removed: bob", "message: First-bob Last-bob is banned from the room"}, w.events.take())
	require.Equal(t, []string{"ann", "eve"}, w.participants(name))
	isHidden(t, name, w.Join(ctx, bob, name, nil), "blocked")
	isKind(t, chat.Forbidden, w.Invite(ctx, eve, name, []string{"bob"}, ""), true)
	_, err = w.AddMembers(ctx, eve.Principal(), name, []string{"bob"})
	isKind(t, chat.Forbidden, err, true)
	_, err = w.Unlist(ctx, ann.Principal(), name, chat.BlockList, []string{"bob"})
	require.NoError(t, err)
	require.Equal(t, []string{"ann", "eve"}, w.participants(name), "that restores no membership")
	w.list(ann, name, chat.BlockList, "bob")
	_, err = w.AddMembers(ctx, ann.Principal(), name, []string{"bob"})
	require.NoError(t, err)
	all, _, err := w.Listed(ctx, ann.Principal(), name, chat.BlockList, "", 10)
	require.NoError(t, err)
	require.Empty(t, all)
}

// An open room does not let in who is blocked, nor who joins at the moment in which they are blocked.
func TestJoiningWhileBlocked(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.user("ann"), w.user("bob")
	w.room("lounge", ann)
	w.store.onceBefore("Join", func() { w.list(ann, "lounge", chat.BlockList, "bob") })
	isKind(t, chat.Forbidden, w.Join(t.Context(), bob, "lounge", nil), true)
	isKind(t, chat.Forbidden, w.Join(t.Context(), bob, "lounge", nil), true)
	isKind(t, chat.Forbidden, w.Ask(t.Context(), bob, "lounge", ""), true)
	require.Equal(t, []string{"ann"}, w.participants("lounge"))
}

// Nothing is done to the owner, nor by an admin to another one, nor to anybody if one of them may not be touched.
func TestWhoMayBeListed(t *testing.T) {
	w := newWorld(t)
	ann, bob, eve, zoe := w.user("ann"), w.user("bob"), w.user("eve"), w.user("zoe")
	name := w.group(chat.RoomSettings{Kind: chat.GroupRoom}, ann, bob, eve, zoe)
	ctx := t.Context()
	for _, login := range []string{"bob", "eve"} {
		_, err := w.SetAdmin(ctx, ann.Principal(), name, login, true)
		require.NoError(t, err)
	}
	for _, list := range []chat.RoomList{chat.MuteList, chat.WhiteList, chat.BlockList} {
		for _, c := range []struct {
			who    chat.Principal
			logins []string
			kind   chat.Kind
		}{
			{bob.Principal(), []string{"zoe", "eve"}, chat.Forbidden},
			{bob.Principal(), []string{"zoe", "ann"}, chat.Forbidden},
			{app, []string{"zoe", "ann"}, chat.Forbidden},
			{zoe.Principal(), []string{"bob"}, chat.Forbidden},
			{ann.Principal(), []string{"zoe", "nobody"}, chat.NotFound},
			{ann.Principal(), nil, chat.Invalid},
		} {
			isKind(t, c.kind, w.List(ctx, c.who, name, list, c.logins, noEnd, ""), true)
		}
		all, _, err := w.Listed(ctx, bob.Principal(), name, list, "", 10)
		require.NoError(t, err)
		require.Empty(t, all)
		_, _, err = w.Listed(ctx, zoe.Principal(), name, list, "", 10)
		isKind(t, chat.Forbidden, err, true)
	}
	w.user("out")
	isKind(t, chat.Conflict, w.List(ctx, app, name, chat.MuteList, []string{"out"}, noEnd, ""), true)
	isKind(t, chat.Invalid, w.List(ctx, app, name, chat.InviteList, []string{"out"}, noEnd, ""), true)
	isKind(t, chat.Invalid, w.List(ctx, app, name, chat.MuteList, []string{"zoe"}, time.Now().Add(-time.Second), ""), true)
	require.Len(t, w.participants(name), 4)
}

// Listed goes on over mutes that have ended.
func TestPagesOfLists(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann")
	w.room("lounge", ann)
	r, err := w.store.Room(t.Context(), tenant, "lounge")
	require.NoError(t, err)
	for i, login := range []string{"a00", "b00", "c00", "d00", "e00", "f00"} {
		l := chat.Listed{Login: login, At: id.NewGenerator(nil).New()}
		if i%2 == 0 || login == "d00" {
			l.Until = time.Now().Add(-time.Minute)
		}
		require.NoError(t, w.store.SetListed(t.Context(), tenant, r.Ref(), chat.MuteList, l))
	}
	all, more, err := w.Listed(t.Context(), ann.Principal(), "lounge", chat.MuteList, "", 1)
	require.NoError(t, err)
	require.True(t, more)
	require.Equal(t, "b00", all[0].Login)
	all, more, err = w.Listed(t.Context(), ann.Principal(), "lounge", chat.MuteList, "b00", 1)
	require.NoError(t, err)
	require.False(t, more)
	require.Equal(t, "f00", all[0].Login)
}

// A room that an erased user owned does not fall back to its creator.
func TestErasedOwner(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.user("ann"), w.user("bob")
	w.room("lounge", ann, bob)
	_, err := w.Transfer(t.Context(), ann.Principal(), "lounge", "bob")
	require.NoError(t, err)
	r, err := w.store.Room(t.Context(), tenant, "lounge")
	require.NoError(t, err)
	require.NoError(t, w.EndAccount(t.Context(), tenant, "bob"))
	require.NoError(t, w.DisownRoom(t.Context(), chat.Place{Tenant: tenant, Room: r.Ref()}, "bob"))
	now := w.seenBy(ann, "lounge")
	require.Equal(t, chat.ErasedLogin, now.Owner(), "not the creator, who has given it away")
}
