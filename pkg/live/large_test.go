package live_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/live"
	"github.com/confab-chat/confab/pkg/live/livetest"
)

// repairsOf counts the doubt signals of a hub. A hub raises one when it has missed a packet.
func repairsOf(h *live.Hub) chan struct{} {
	doubts := make(chan struct{}, 1000)
	h.OnSignal("cache", func(key string) {
		if key == "" {
			doubts <- struct{}{}
		}
	})
	return doubts
}

// Events that are too large for one packet are sent in several. No node takes that for a loss.
func TestEventsLargerThanAPacket(t *testing.T) {
	for name, content := range map[string]string{
		"HTML":               strings.Repeat("<", chat.MaxContent),
		"control characters": strings.Repeat("\x01", chat.MaxContent), // six bytes each on the bus
	} {
		t.Run(name, func(t *testing.T) {
			w := livetest.NewWorld()
			_, a, b, _, _ := pair(t, w)
			room := w.Room("games", "ann", "bob")
			onB, _ := listen(t, b, "bob", "games", live.Messages)
			doubts := repairsOf(b)
			var events []chat.Event
			for range 7 {
				m := w.Message("ann", content)
				w.Store(room, m)
				events = append(events, livetest.Posted(room, m))
			}
			a.Publish(t.Context(), events...)
			w.Post(a, room, "ann", "next")
			eventually(t, func() bool { return len(onB.all()) >= 8 })
			require.Equal(t, "next", onB.all()[7])
			require.Empty(t, doubts, "the other node must not repair")
		})
	}
}

// An event that does not fit into any packet is read from the store by the nodes that need it.
func TestAnEventLargerThanTheBusTakes(t *testing.T) {
	w := livetest.NewWorld()
	_, a, b, _, _ := pair(t, w)
	room := w.Room("games", "ann", "bob")
	onB := follow(t, b, "bob", "games")
	doubts := repairsOf(b)
	m := w.Post(a, room, "ann", "one")
	onB.await(t, "one")
	e := w.Edit(room, m.ID, "two")
	loved := chat.Reaction{Emoji: "❤"}
	for i := range live.MaxBroadcast / 8 {
		loved.Logins = append(loved.Logins, fmt.Sprint("user", i))
	}
	e.Message.Reactions = []chat.Reaction{loved}
	a.Publish(t.Context(), e)
	onB.await(t, "one", "edit: two")
	require.Empty(t, doubts, "nothing else is repaired")
}

// A question that cannot be sent returns immediately.
func TestAskLargerThanTheBusTakes(t *testing.T) {
	w := livetest.NewWorld()
	_, a, b, _, _ := pair(t, w)
	b.OnAsk("x", func(string, []byte) bool { return true })
	doubts := repairsOf(b)
	_, err := a.Ask(t.Context(), "x", make([]byte, live.MaxBroadcast))
	require.ErrorIs(t, err, live.ErrTooLarge)
	node, err := a.Ask(t.Context(), "x", nil)
	require.NoError(t, err)
	require.Equal(t, b.Node(), node)
	require.Empty(t, doubts, "what was not sent is not missed")
}
