package stomp

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/live/livetest"
)

// get asks a node for a WebSocket or polls a session, and returns the status and the Retry-After.
func (n *node) get(t *testing.T, login, method, path string) (status int, retryAfter string) {
	r, err := http.NewRequest(method, n.web.URL+path, nil)
	require.NoError(t, err)
	r.Header.Set("X-Login", login)
	if method == http.MethodGet {
		r.Header.Set("Upgrade", "websocket")
	}
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	return answer.StatusCode, answer.Header.Get("Retry-After")
}

func TestSocketsOfAUser(t *testing.T) {
	n := newNode(t, livetest.NewWorld(), nil, func(o *Options) { o.Sockets = 2 })
	bare, framed := n.dial(t, "ann", "/stomp"), n.dial(t, "ann", "/chat/000/s/websocket")
	bare.connect()
	framed.connect()
	for _, path := range []string{"/stomp", "/chat/000/t/websocket"} {
		status, retryAfter := n.get(t, "ann", http.MethodGet, path)
		require.Equal(t, 429, status)
		require.Equal(t, fullFor, retryAfter)
	}
	status, retryAfter := n.get(t, "ann", http.MethodPost, "/chat/000/u/xhr")
	require.Equal(t, 429, status)
	require.Equal(t, fullFor, retryAfter)
	n.dial(t, "bob", "/stomp").connect() // another user is another matter

	bare.send("DISCONNECT")
	bare.end()
	require.Eventually(t, func() bool { return n.stomp.Stats().Connections == 2 }, patience, time.Millisecond)
	n.dial(t, "ann", "/stomp").connect()
	framed.send("SUBSCRIBE", "id:1", "destination:/topic/nothing")
	framed.frame("ERROR")
}

func TestSubscriptionsOfAUser(t *testing.T) {
	n := newNode(t, livetest.NewWorld(), nil, func(o *Options) { o.Subscriptions = 3 })
	n.world.Room("games", "ann", "bob")
	subscribe := func(c *client, id int) {
		c.send("SUBSCRIBE", fmt.Sprintf("id:%d", id), "destination:/topic/messages/games", fmt.Sprintf("receipt:%d", id))
	}
	a, b := n.dial(t, "ann", "/stomp"), n.dial(t, "ann", "/stomp")
	a.connect()
	b.connect()
	for i := range 2 {
		subscribe(a, i)
		a.frame("RECEIPT", fmt.Sprintf("receipt-id:%d", i))
	}
	subscribe(b, 0)
	b.frame("RECEIPT", "receipt-id:0")
	a.send("UNSUBSCRIBE", "id:0", "receipt:u")
	a.frame("RECEIPT", "receipt-id:u")
	subscribe(b, 1)
	b.frame("RECEIPT", "receipt-id:1")
	subscribe(b, 2)
	b.frame("ERROR", "message:too many subscriptions")
	b.end()
	other := n.dial(t, "bob", "/stomp")
	other.connect()
	subscribe(other, 0)
	other.frame("RECEIPT", "receipt-id:0")
	// What ended with its connection does not count.
	require.Eventually(t, func() bool { return n.stomp.Stats().Connections == 2 }, patience, time.Millisecond)
	subscribe(a, 3)
	a.frame("RECEIPT", "receipt-id:3")
	require.Equal(t, ws.StatusCode(0), a.code)
}

// Who subscribes too often is told when to try again, and the connection ends.
func TestSubscribingTooOften(t *testing.T) {
	w := livetest.NewWorld()
	var asked []chat.Identity
	n := newNode(t, w, nil, func(o *Options) {
		o.MaySubscribe = func(who chat.Identity) error {
			if asked = append(asked, who); len(asked) > 1 {
				return chat.ErrRateLimited(7 * time.Second)
			}
			return nil
		}
	})
	w.Room("games", "ann")
	c := n.enter(t, "ann", "/stomp", "games")
	c.send("UNSUBSCRIBE", "id:s")
	c.send("SUBSCRIBE", "id:s", "destination:/topic/messages/games", "receipt:again")
	c.frame("ERROR", "message:this is too often; try again in 7 s", "receipt-id:again")
	c.end()
	require.Equal(t, []chat.Identity{livetest.Who("ann"), livetest.Who("ann")}, asked)
}
