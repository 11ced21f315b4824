package chat_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/chat/chattest"
	"github.com/confab-chat/confab/pkg/id"
)

// A direct conversation is found by its people, whoever opens it, and used as any other room.
func TestOpenDirect(t *testing.T) {
	w := newWorld(t)
	ann, bob, eve := w.user("ann"), w.user("bob"), w.user("eve")
	ctx := t.Context()
	w.events.take()
	v, created, err := w.OpenDirect(ctx, bob, []string{"ann"})
	require.NoError(t, err)
	require.True(t, created)
	require.Equal(t, chat.DirectRoom, v.Settings.Kind)
	require.Equal(t, []string{"ann", "bob"}, v.Settings.Between)
	require.Equal(t, []string{"joined: ann"}, w.events.take())
	same, created, err := w.OpenDirect(ctx, ann, []string{"bob", "ann", "bob"})
	require.NoError(t, err)
	require.False(t, created)
	require.Equal(t, v.ID, same.ID)
	require.Equal(t, v.Participants, same.Participants)
	w.post(ann, v.Name, "hello")
	require.Equal(t, []string{"hello"}, w.contents(bob, v.Name), "no messages of the system")
	states, _, err := w.RoomStates(ctx, bob, "bob", "", 10)
	require.NoError(t, err)
	require.Equal(t, 1, states[0].Unread)

	more, created, err := w.OpenDirect(ctx, ann, []string{"bob", "eve"})
	require.NoError(t, err)
	require.True(t, created)
	require.NotEqual(t, v.ID, more.ID)
	_, err = w.Room(ctx, eve.Principal(), v.Name)
	isHidden(t, v.Name, err, "others do not find it")
	isKind(t, chat.Forbidden, w.Leave(ctx, ann, v.Name, nil), true)
	isKind(t, chat.Forbidden, w.Leave(ctx, ann, v.Name, new("bob")), true)
	isKind(t, chat.Forbidden, w.DeleteRoom(ctx, bob, v.Name), true)
	isKind(t, chat.Forbidden, w.Invite(ctx, bob, v.Name, []string{"eve"}, ""), true)

	for _, c := range []struct {
		with []string
		kind chat.Kind
	}{
		{nil, chat.Invalid}, {[]string{"bob"}, chat.Invalid}, {[]string{"nobody"}, chat.NotFound},
		{[]string{"u01", "u02", "u03", "u04", "u05", "u06", "u07", "u08", "u09", "u10"}, chat.Invalid},
	} {
		_, _, err := w.OpenDirect(ctx, bob, c.with)
		isKind(t, c.kind, err, true)
	}
}

// Two people who write to each other at the same moment get one conversation.
func TestOpenDirectAtTheSameMoment(t *testing.T) {
	w := newWorld(t)
	people := []chat.Identity{w.user("ann"), w.user("bob")}
	var g sync.WaitGroup
	ids := make([]id.ID, 8)
	for i := range ids {
		g.Go(func() {
			v, _, err := w.OpenDirect(t.Context(), people[i%2], []string{people[1-i%2].Login})
			if err == nil && len(v.Participants) == 2 {
				ids[i] = v.ID
			}
		})
	}
	g.Wait()
	for _, got := range ids {
		require.Equal(t, ids[0], got)
		require.False(t, got.IsZero())
	}
}

// A server that dies before the other one is in the conversation leaves it to the next who opens it.
func TestOpenDirectAfterACrash(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.user("ann"), w.user("bob")
	w.store.failing("JoinAll", errors.New("dead"))
	w.store.failing("DeleteRoom", errors.New("dead"))
	_, _, err := w.OpenDirect(t.Context(), ann, []string{"bob"})
	require.Error(t, err)
	w.store.on(nil)
	v, created, err := w.OpenDirect(t.Context(), bob, []string{"ann"})
	require.NoError(t, err)
	require.False(t, created)
	require.Len(t, v.Participants, 2)
}

// blocks is chat.Blocks and chat.GlobalMutes.
type blocks map[string]bool

func (b blocks) Blocks(_ context.Context, _ chat.Tenant, by, whom string) (bool, error) {
	return b[by+" "+whom], nil
}

func (b blocks) MutedUntil(_ context.Context, who chat.Identity, kind chat.RoomKind) (time.Time, error) {
	if b[fmt.Sprintf("%s in %s", who.Login, kind)] {
		return time.Now().Add(time.Hour), nil
	}
	return time.Time{}, nil
}

// Who has blocked somebody, or was blocked by them, neither opens a conversation with them nor posts in one of two.
func TestBlockedPeople(t *testing.T) {
	b := blocks{}
	w := newWorldWith(t, func(o *chat.Options) { o.Blocks, o.Mutes = b, b })
	ann, bob := w.user("ann"), w.user("bob")
	w.user("eve")
	ctx := t.Context()
	two, _, err := w.OpenDirect(ctx, ann, []string{"bob"})
	require.NoError(t, err)
	three, _, err := w.OpenDirect(ctx, ann, []string{"bob", "eve"})
	require.NoError(t, err)
	private := w.private("Tea", ann)
	b["bob ann"] = true
	for _, who := range []chat.Identity{ann, bob} {
		isKind(t, chat.Forbidden, w.says(who, two.Name), true)
		require.NoError(t, w.says(who, three.Name))
	}
	_, _, err = w.OpenDirect(ctx, ann, []string{"bob"})
	isKind(t, chat.Forbidden, err, true)
	_, _, err = w.OpenDirect(ctx, bob, []string{"ann"})
	isKind(t, chat.Forbidden, err, true)
	isKind(t, chat.Forbidden, w.Invite(ctx, ann, private, []string{"bob"}, ""), true)
	delete(b, "bob ann")
	require.NoError(t, w.says(bob, two.Name))

	b["bob in direct"] = true
	isKind(t, chat.Forbidden, w.says(bob, two.Name), true)
	require.NoError(t, w.says(ann, two.Name))
	open, _, err := w.Capabilities(ctx, bob, two.Name)
	require.NoError(t, err)
	require.NotContains(t, open, chat.PostMessage)
}

// accounts are people of an app.
type accounts map[string]string

func (a accounts) Person(_ context.Context, who chat.Identity) (chat.Person, error) {
	name, ok := a[who.Login]
	if !ok {
		return chat.Person{}, chat.ErrNotFound(chat.UserEntity, who.Login)
	}
	return chat.Person{Login: who.Login, FirstName: name}, nil
}

// The people of an app are found where its accounts are.
func TestGroupsOfAnApp(t *testing.T) {
	const ann, bob = "4e831610-cb0b-11e4-8830-0800200c9a66", "4e831610-cb0b-11e4-8830-0800200c9a67"
	w := newWorldWith(t, func(o *chat.Options) { o.Accounts = accounts{ann: "ann", bob: "bob"} })
	ctx := t.Context()
	v, err := w.CreateGroup(ctx, app, chat.NewGroup{Owner: ann, Members: []string{bob},
		Settings: chat.RoomSettings{Kind: chat.GroupRoom, Title: "Team", MaxMembers: 10}})
	require.NoError(t, err)
	require.Equal(t, []chat.Person{{Login: ann, FirstName: "ann"}, {Login: bob, FirstName: "bob"}}, v.Participants)
	m := chattest.Post(t, w.Service, as(bob), v.Name, "hello")
	require.Equal(t, "bob", m.Author.FirstName)
	require.NoError(t, w.RemoveMember(ctx, app, v.Name, bob))
	_, err = w.AddMembers(ctx, app, v.Name, []string{"ann"})
	isKind(t, chat.NotFound, err, true)
	require.NoError(t, w.EndMemberships(ctx, tenant, ann))
	_, err = w.Room(ctx, app, v.Name)
	isHidden(t, v.Name, err, "its owner is gone")
}
