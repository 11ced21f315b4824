package live_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/live"
	"github.com/confab-chat/confab/pkg/live/livetest"
)

// broken panics at each delivery.
type broken struct{ lost atomic.Bool }

func (b *broken) Deliver(*live.Delivery) { panic("broken") }
func (b *broken) Ended()                 {}
func (b *broken) Lost()                  { b.lost.Store(true) }

// A subscriber that panics is lost. The others of the room, and the room itself, go on.
func TestAPanicOfOneSubscriber(t *testing.T) {
	w := livetest.NewWorld()
	_, a, b, _, _ := pair(t, w)
	room := w.Room("games", "ann", "bob")
	before, _ := listen(t, b, "ann", "games", live.Messages)
	bad := &broken{}
	_, err := b.Subscribe(t.Context(), livetest.Who("bob"), "games", live.Messages, bad, false)
	require.NoError(t, err)
	after, _ := listen(t, b, "bob", "games", live.Messages)
	count := guard.Panics()
	w.Post(a, room, "ann", "from the other node")
	for _, e := range []*recorder{before, after} {
		e.await(t, "from the other node")
	}
	w.Post(b, room, "ann", "from here")
	for _, e := range []*recorder{before, after} {
		e.await(t, "from the other node", "from here")
	}
	require.True(t, bad.lost.Load())
	require.Equal(t, count+2, guard.Panics())
}

// brokenReads is a History that panics at the first reading of changed messages.
type brokenReads struct {
	*livetest.World
	broke atomic.Bool
}

func (h *brokenReads) MessagesByID(ctx context.Context, p chat.Place, ids []id.ID) (map[id.ID]chat.Message, error) {
	if !h.broke.Swap(true) {
		panic("broken")
	}
	return h.World.MessagesByID(ctx, p, ids)
}

// If a panic loses a change, the subscribers' Lost is called. Later changes are delivered.
func TestAPanicWhileChangesAreDelivered(t *testing.T) {
	w := livetest.NewWorld()
	h := hubOf(t, live.Options{History: &brokenReads{World: w}, Access: w.Access})
	room := w.Room("games", "ann")
	d := follow(t, h, "ann", "games")
	m := w.Post(h, room, "ann", "one")
	h.Publish(t.Context(), w.Edit(room, m.ID, "two"))
	eventually(t, func() bool { d.mu.Lock(); defer d.mu.Unlock(); return d.lost })
	h.Publish(t.Context(), w.Edit(room, m.ID, "three"))
	d.await(t, "one", "edit: three")
}

// A panic of a handler of another node's packet does not stop the reception.
func TestAPanicWhileReceiving(t *testing.T) {
	w := livetest.NewWorld()
	_, a, b, _, _ := pair(t, w)
	room := w.Room("games", "ann")
	e, _ := listen(t, b, "ann", "games", live.Messages)
	b.OnSignal("broken", func(key string) {
		if key != "" {
			panic("broken")
		}
	})
	b.OnAsk("broken", func(string, []byte) bool { panic("broken") })
	count := guard.Panics()
	a.Signal("broken", "key")
	node, err := a.Ask(t.Context(), "broken", nil)
	require.NoError(t, err)
	require.Empty(t, node)
	w.Post(a, room, "ann", "after")
	e.await(t, "after")
	require.Equal(t, count+2, guard.Panics())
}
