package live_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/live"
	"github.com/confab-chat/confab/pkg/live/livetest"
)

// Those who are in a room receive on their own topics what changes about it and its members, and only who is invited
// receives the invitation, on every node.
func TestEventsOfMembersAndInvitations(t *testing.T) {
	w := livetest.NewWorld()
	x := live.NewExchange()
	a, b := userHub(t, w, x.Bus()), userHub(t, w, x.Bus())
	livetest.Settled(t, a, b)
	games := w.Room("games", "ann", "bob")
	mine, hers := &diary{}, &diary{}
	_, err := b.SubscribeUser(t.Context(), livetest.Who("bob"), mine)
	require.NoError(t, err)
	_, err = b.SubscribeUser(t.Context(), livetest.Who("eve"), hers)
	require.NoError(t, err)
	at, until := livetest.At(games), time.Unix(1426424615, 0).UTC()
	a.Publish(t.Context(),
		chat.RoomChanged{Place: at, Settings: chat.RoomSettings{Kind: chat.PrivateRoom, Title: "Tea", Admins: []string{"bob"}}},
		chat.MemberChanged{Place: at, Login: "ann", Role: chat.AdminRole, Muted: true, Until: until},
		chat.Invited{Place: at, Login: "eve", Title: "Tea", By: livetest.Person("ann")})
	w.Post(a, games, "ann", "last")
	mine.await(t, "games is called Tea", "games: ann is admin muted true until 1426424615", "games: last")
	hers.await(t, "invited to games Tea by ann")
}

// A node of an earlier version is sent events that it does not know, as this one is sent some of a later version: the
// others of the same packet are delivered, and nothing counts as missed.
func TestEventsOfALaterVersion(t *testing.T) {
	w := livetest.NewWorld()
	x := live.NewExchange()
	h := userHub(t, w, x.Bus())
	games := w.Room("games", "ann", "bob")
	mine := &diary{}
	_, err := h.SubscribeUser(t.Context(), livetest.Who("bob"), mine)
	require.NoError(t, err)
	later := x.Bus()
	require.NoError(t, later.Join(func([]byte) {}))
	event := func(kind, rest string) string {
		return fmt.Sprintf(`{"type":%q,"tenant":%q,"room":%q,"name":"games"%s}`, kind, livetest.Tenant, games.ID, rest)
	}
	for seq, rest := range []string{
		`"kind":"hello"`,
		`"kind":"events","events":[` + event("of 2030", `,"settings":[1]`) + `]`,
		`"kind":"events","events":[` + event("of 2030", `,"of2030":{}`) + "," + event("mute", `,"login":"bob","on":true`) + "," +
			event("room", `,"settings":{"title":"Tea","of2030":{"a":1}}`) + `]`,
	} {
		require.NoError(t, later.Broadcast(fmt.Appendf(nil, `{"node":"later","seq":%d,"at":%d,%s}`, seq+1, time.Now().UnixMilli(), rest)))
	}
	mine.await(t, "games muted true", "games is called Tea")
	require.NoError(t, later.Close())
}

// hidden is a world whose rooms nobody sees who is not in them.
type hidden struct{ *livetest.World }

func (h hidden) Access(ctx context.Context, who chat.Identity, room string) (chat.Room, error) {
	r, err := h.World.Access(ctx, who, room)
	if chat.IsKind(err, chat.Forbidden) {
		err = chat.ErrNotFound(chat.RoomEntity, room)
	}
	return r, err
}

func (h hidden) Inside(ctx context.Context, who chat.Identity, room string) (chat.Room, bool, error) {
	r, err := h.World.Access(ctx, who, room)
	if chat.IsKind(err, chat.Forbidden) {
		return r, false, nil
	}
	return r, err == nil, err
}

// Somebody who is found not to be in a private room any more gets the error of a room that does not exist. To the others
// the room is still there.
func TestAPrivateRoomStaysForThoseWhoAreInIt(t *testing.T) {
	w := hidden{livetest.NewWorld()}
	h := hubOf(t, live.Options{History: w, Access: w.Access, Inside: w.Inside, RoomsOf: w.RoomsOf})
	games := w.Room("games", "ann", "bob", "eve")
	ann, _ := listen(t, h, "ann", "games", live.Messages)
	deleted, _ := listen(t, h, "ann", "games", live.Action)
	bob, _ := listen(t, h, "bob", "games", live.Messages)
	own := &diary{}
	_, err := h.SubscribeUser(t.Context(), livetest.Who("eve"), own)
	require.NoError(t, err)
	w.Remove(games, "bob")
	w.Remove(games, "eve")
	_, err = h.Subscribe(t.Context(), livetest.Who("bob"), "games", live.Messages, bob, false)
	require.True(t, chat.IsKind(err, chat.NotFound))
	require.NoError(t, h.RecheckAll(t.Context()))
	require.True(t, bob.hasEnded())
	require.False(t, ann.hasEnded())
	require.Empty(t, deleted.all())
	w.Post(h, games, "ann", "still here")
	ann.await(t, "still here")
	own.await(t, "games left")
}
