package stomp

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/live"
	"github.com/confab-chat/confab/pkg/live/livetest"
)

// twoNodes returns two nodes of one world that have settled.
func twoNodes(t *testing.T, buses ...live.Bus) (w *livetest.World, a, b *node) {
	w = livetest.NewWorld()
	a, b = newNode(t, w, buses[0], nil), newNode(t, w, buses[1], nil)
	livetest.Settled(t, a.hub, b.hub)
	return w, a, b
}

// Each request of a polling client may arrive at a different node.
func TestPollingAtAnyNode(t *testing.T) {
	x := live.NewExchange()
	w, a, b := twoNodes(t, x.Bus(), x.Bus())
	room := w.Room("games", "ann")
	p := a.poller(t, "ann", "abcdefgh")
	turn := func() { // as a balancer would
		if p.n == a {
			p.n = b
		} else {
			p.n = a
		}
	}
	require.Equal(t, "o", p.poll())
	for _, text := range []string{connectText, subscribeText} {
		turn()
		require.Equal(t, http.StatusNoContent, p.send(text))
		turn()
		require.Equal(t, http.StatusNoContent, p.send("\n"))
	}
	for len(p.got) < 2 {
		turn()
		require.Empty(t, p.poll())
	}
	long := strings.Repeat("\"é", 15_000) // longer than a piece when it is quoted
	for i, text := range []string{"one", long, "three", "four"} {
		w.Post(a.hub, room, "ann", text)
		for len(p.got) < 3+i {
			turn()
			require.Empty(t, p.poll())
		}
		var body struct{ Content string }
		require.NoError(t, json.Unmarshal(p.got[2+i].body, &body))
		require.Equal(t, text, body.Content)
	}
	require.Equal(t, 1, a.stomp.Stats().Connections)
	require.Zero(t, b.stomp.Stats().Connections, "one session, on one node")

	p.n = b
	require.Equal(t, http.StatusNoContent, p.send("DISCONNECT\nreceipt:bye\n\n\x00"))
	require.Empty(t, p.poll())
	require.Equal(t, `c[3000,"Go away!"]`, p.poll())
	require.Equal(t, http.StatusNotFound, b.poller(t, "eve", "abcdefgh").send("x"), "it is ann's")
}

// The same for streaming responses. When the client has gone, its session ends with the next write.
func TestStreamingFromAnotherNode(t *testing.T) {
	for path, prelude := range map[string]string{"/xhr_streaming": xhrStreaming.prelude, "/eventsource": eventSource.prelude} {
		t.Run(path, func(t *testing.T) {
			x := live.NewExchange()
			w, a, b := twoNodes(t, x.Bus(), x.Bus())
			room := w.Room("games", "ann")
			p := a.poller(t, "ann", "abcdefgh")
			require.Equal(t, "o", p.poll())
			p.send(connectText, subscribeText)
			p.until(2)

			method := http.MethodPost
			if path == "/eventsource" {
				method = http.MethodGet
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			resp, err := http.DefaultClient.Do(b.request(t, method, p.path+path, "ann", "").WithContext(ctx))
			require.NoError(t, err)
			defer func() { _ = resp.Body.Close() }()
			in := bufio.NewReader(resp.Body)
			for _, text := range []string{"one", "two"} {
				w.Post(a.hub, room, "ann", text)
				for line := ""; !strings.Contains(line, text); {
					line, err = in.ReadString('\n')
					require.NoError(t, err, "after %q", prelude)
				}
			}
			cancel()
			require.Eventually(t, func() bool {
				w.Post(a.hub, room, "ann", "x")
				return a.stomp.Stats().Connections == 0
			}, patience, 1e6)
		})
	}
}

// A session whose node dies does not keep the client waiting.
func TestPollingAtANodeThatDies(t *testing.T) {
	x := live.NewExchange()
	busA, busB := x.Bus(), x.Bus()
	_, a, b := twoNodes(t, busA, busB)
	require.Equal(t, "o", a.poller(t, "ann", "abcdefgh").poll())
	x.Cut(busA, busB)
	p := b.poller(t, "ann", "abcdefgh")
	require.Contains(t, []int{http.StatusServiceUnavailable, http.StatusNotFound}, p.send("x"))
}

// measuring is a bus that records the length of the longest packet.
type measuring struct {
	live.Bus
	longest atomic.Int64
}

func (m *measuring) Broadcast(data []byte) error {
	m.longest.Store(max(m.longest.Load(), int64(len(data))))
	return m.Bus.Broadcast(data)
}

// What a client sends to an unknown session is not sent to another node.
func TestSendToAnUnknownSession(t *testing.T) {
	x := live.NewExchange()
	bus := &measuring{Bus: x.Bus()}
	_, a, _ := twoNodes(t, bus, x.Bus())
	p := a.poller(t, "ann", "unknown1")
	require.Equal(t, http.StatusNotFound, p.send(strings.Repeat("x", maxMessage/2)))
	require.Less(t, bus.longest.Load(), int64(1000))
	long := a.poller(t, "ann", strings.Repeat("x", maxSession+1))
	require.Equal(t, http.StatusNotFound, long.send("x"))
}
