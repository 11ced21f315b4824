package stomp

import (
	"testing"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/live/livetest"
)

// A panic while a message is encoded for a client ends that client's connection. Other connections go on.
func TestAPanicEndsTheConnection(t *testing.T) {
	w := livetest.NewWorld()
	n := newNode(t, w, nil, nil)
	room := w.Room("games", "ann", "bob")
	other := n.enter(t, "bob", sockjsPath, "games") // another encoding
	first := w.Post(n.hub, room, "ann", "first")
	bad := n.enter(t, "ann", "/stomp", "games")
	count := guard.Panics()
	w.Post(n.hub, room, "ann", poison)
	require.Equal(t, ws.StatusPolicyViolation, bad.end())
	require.Equal(t, count+1, guard.Panics())

	// The same in the goroutine of a connection, which replays what was missed.
	resumed := n.dial(t, "ann", "/stomp")
	resumed.connect()
	resumed.send("SUBSCRIBE", "id:s", "destination:/topic/messages/games", "after:"+first.ID.String())
	resumed.end()
	require.Equal(t, count+2, guard.Panics())

	again := n.enter(t, "ann", "/stomp", "games")
	w.Post(n.hub, room, "ann", "last")
	require.Equal(t, []string{"last"}, again.contents("s", 1))
	require.Equal(t, []string{"first", poison, "last"}, other.contents("s", 3))
	require.Eventually(t, func() bool { return n.stomp.Stats().Connections == 2 }, patience, 1e6, "the broken ones are forgotten")
}
