package stomp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/live"
	"github.com/confab-chat/confab/pkg/live/livetest"
)

// newUserNode is newNode with a hub that knows users' rooms.
func newUserNode(t *testing.T, w *livetest.World) (*node, *live.Hub) {
	hub, err := live.New(live.Options{History: w, Access: w.Access, RoomsOf: w.RoomsOf})
	require.NoError(t, err)
	n := newNode(t, w, nil, func(o *Options) { o.Hub = hub })
	t.Cleanup(func() {
		n.stomp.Close()
		require.NoError(t, hub.Close())
	})
	return n, hub
}

func TestMessagesOfOpenRoomsAreSkippedOnRequest(t *testing.T) {
	w := livetest.NewWorld()
	n, hub := newUserNode(t, w)
	games, other := w.Room("games", "ann", "bob"), w.Room("other", "ann", "bob")
	plain, skips := n.dial(t, "bob", "/stomp"), n.dial(t, "bob", "/stomp")
	for _, c := range []*client{plain, skips} {
		c.connect()
		c.follow("m", "/topic/messages/games")
	}
	plain.follow("me", "/topic/me")
	skips.follow("me", "/topic/me", "skip:open-rooms")

	open := w.Post(hub, games, "ann", "open")
	own := w.Post(hub, games, "bob", "own") // moves the read position too
	closed := w.Post(hub, other, "ann", "closed")
	hub.Publish(t.Context(), w.Edit(games, open.ID, "edited"))
	seen := func(c *client, of ...string) {
		t.Helper()
		var got []string
		for _, f := range c.messages("me", len(of)) {
			event, _ := f.raw("event")
			at, _ := f.raw("message-id")
			if event == "message" {
				event = at
			}
			got = append(got, event)
		}
		require.Equal(t, of, got)
		require.Equal(t, []string{"open", "own", "edited"}, c.contents("m", 3))
	}
	seen(plain, open.ID.String(), own.ID.String(), "read", closed.ID.String(), "change")
	seen(skips, "read", closed.ID.String(), "change")

	// The room is not open any more: its messages come with the others.
	skips.send("UNSUBSCRIBE", "id:m", "receipt:u")
	skips.frame("RECEIPT", "receipt-id:u")
	later := w.Post(hub, games, "ann", "later")
	got := skips.messages("me", 4)[3]
	require.True(t, hasAll(got, []string{"event:message", "message-id:" + later.ID.String()}))
	require.Len(t, skips.contents("m", 3), 3)
}

// halted is the transport of a client that takes nothing.
type halted struct{}

func (halted) wake()                           {}
func (halted) kill()                           {}
func (halted) silence() (time.Duration, entry) { return 0, entry{} }

// A message that is skipped because it is queued for the room is written, whenever the client unsubscribes.
func TestASkippedMessageIsWrittenAlthoughTheClientUnsubscribes(t *testing.T) {
	n, _ := newUserNode(t, livetest.NewWorld())
	ids := id.NewGenerator(nil)
	for _, skips := range []bool{true, false} {
		c := &conn{srv: n.stomp, enc: &encoding{bodies: testBodies{"v"}}, extra: true, account: &account{}, via: halted{}}
		room, me := &subscription{conn: c, id: "m"}, &subscription{conn: c, id: "me", skip: skips}
		require.True(t, c.add(room))
		require.True(t, c.add(me))
		at := chat.MessagePosted{Message: chat.Message{ID: ids.New(), Content: "hello"}}
		room.Deliver(&live.Delivery{Kind: live.Messages, Room: "games", ID: at.Message.ID, Event: at})
		me.Deliver(&live.Delivery{Kind: live.User, Room: "games", ID: at.Message.ID, Event: at})
		c.mu.Lock()
		c.drop(room)
		room.dropped.Store(true)
		c.mu.Unlock()
		out, _ := c.take(nil)
		require.Len(t, out, 1, "once, by one way or the other")
		require.Equal(t, skips, out[0].sub == room)
	}
}

// Only the message that was just queued is skipped: one that the room's subscription did not get is delivered.
func TestAMessageThatWasNotQueuedForTheRoomIsNotSkipped(t *testing.T) {
	n, _ := newUserNode(t, livetest.NewWorld())
	ids := id.NewGenerator(nil)
	c := &conn{srv: n.stomp, enc: &encoding{bodies: testBodies{"v"}}, extra: true, account: &account{}, via: halted{}}
	room, me := &subscription{conn: c, id: "m"}, &subscription{conn: c, id: "me", skip: true}
	require.True(t, c.add(room))
	require.True(t, c.add(me))
	one, two := chat.MessagePosted{Message: chat.Message{ID: ids.New()}}, chat.MessagePosted{Message: chat.Message{ID: ids.New()}}
	room.Deliver(&live.Delivery{Kind: live.Messages, Room: "games", ID: one.Message.ID, Event: one})
	me.Deliver(&live.Delivery{Kind: live.User, Room: "games", ID: two.Message.ID, Event: two})
	out, _ := c.take(nil)
	require.Len(t, out, 2)
}
