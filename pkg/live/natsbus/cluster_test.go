package natsbus

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/live"
	"github.com/confab-chat/confab/pkg/live/livetest"
)

const patience = 30 * time.Second

// recorder counts the messages delivered to it and keeps their order.
type recorder struct {
	mu       sync.Mutex
	received []string
	lost     bool
}

func (e *recorder) Deliver(d *live.Delivery) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.received = append(e.received, d.Event.(chat.MessagePosted).Message.Content)
}

func (e *recorder) Ended() {}

func (e *recorder) Lost() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lost = true
}

func (e *recorder) all() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string{}, e.received...)
}

func newHub(t *testing.T, w *livetest.World, b *Bus) *live.Hub {
	h, err := live.New(live.Options{Bus: b, History: w, Access: w.Access, Log: quiet, Beat: 50 * time.Millisecond, PeerLost: time.Second})
	require.NoError(t, err)
	return h
}

// check waits until every recorder has received all messages. It checks that each was received once and, for each
// sender, in order.
func check(t *testing.T, recorders []*recorder, want []string) {
	t.Helper()
	for i, e := range recorders {
		require.Eventually(t, func() bool { return len(e.all()) >= len(want) }, patience, 10*time.Millisecond, "recorder %d received %d of %d", i, len(e.all()), len(want))
		require.ElementsMatch(t, want, e.all())
		require.False(t, e.lost)
		last := map[string]int{}
		for _, text := range e.all() {
			var from string
			var n int
			_, err := fmt.Sscanf(text, "%s %d", &from, &n)
			require.NoError(t, err)
			require.Greater(t, n, last[from], "order of %s at recorder %d", from, i)
			last[from] = n
		}
	}
}

// Three nodes in a cluster, with users on each. One dies under load without a bye.
func TestThreeNodesOneDies(t *testing.T) {
	w := livetest.NewWorld()
	room := w.Room("games", "u0", "u1", "u2")
	buses := cluster(t, 3, "secret")
	var hubs []*live.Hub
	for _, b := range buses {
		h := newHub(t, w, b)
		t.Cleanup(func() { _ = h.Close() })
		hubs = append(hubs, h)
	}
	livetest.Settled(t, hubs...)
	var recorders []*recorder
	for i, h := range hubs {
		e := &recorder{}
		_, err := h.Subscribe(t.Context(), livetest.Who(fmt.Sprint("u", i)), "games", live.Messages, e, false)
		require.NoError(t, err)
		recorders = append(recorders, e)
	}
	const each = 300
	var want []string
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i, h := range hubs {
		wg.Go(func() {
			for n := 1; n <= each; n++ {
				text := fmt.Sprintf("u%d %d", i, n)
				mu.Lock()
				want = append(want, text)
				mu.Unlock()
				if i == 2 && n == each {
					// The node stores a message and dies before it publishes it.
					w.Store(room, w.Message("u2", text))
					_ = buses[2].Close()
					return
				}
				w.Post(h, room, fmt.Sprint("u", i), text)
			}
		})
	}
	wg.Wait()
	check(t, recorders[:2], want)
	require.Eventually(t, func() bool {
		return len(hubs[0].Online(livetest.Tenant, livetest.At(room).Room)) == 2
	}, patience, 10*time.Millisecond, "the dead node's user is offline")
}

// The route between two nodes goes through a proxy that is cut and heals under load.
func TestRouteCutAndHealed(t *testing.T) {
	w := livetest.NewWorld()
	room := w.Room("games", "u0", "u1")
	first := cluster(t, 1, "secret")[0]
	p := livetest.NewProxy(t, first.ClusterAddr())
	second, err := Start(Options{ClusterListen: "127.0.0.1:0", ClusterRoutes: []string{"nats://" + p.Addr()}, Secret: "secret", Log: quiet})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, second.Close()) })
	hubs := []*live.Hub{newHub(t, w, first), newHub(t, w, second)}
	for _, h := range hubs {
		t.Cleanup(func() { require.NoError(t, h.Close()) })
	}
	livetest.Settled(t, hubs...)
	var recorders []*recorder
	for i, h := range hubs {
		e := &recorder{}
		_, err := h.Subscribe(t.Context(), livetest.Who(fmt.Sprint("u", i)), "games", live.Messages, e, false)
		require.NoError(t, err)
		recorders = append(recorders, e)
	}
	stop := make(chan struct{})
	var want []string
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i, h := range hubs {
		wg.Go(func() {
			for n := 1; ; n++ {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
				}
				text := fmt.Sprintf("u%d %d", i, n)
				mu.Lock()
				want = append(want, text)
				mu.Unlock()
				w.Post(h, room, fmt.Sprint("u", i), text)
			}
		})
	}
	count := func(e *recorder, from string) (n int) {
		for _, text := range e.all() {
			if strings.HasPrefix(text, from) {
				n++
			}
		}
		return n
	}
	for range 2 {
		p.Cut()
		here := count(recorders[0], "u0")
		require.Eventually(t, func() bool { return count(recorders[0], "u0") > here+100 }, patience, time.Millisecond, "posting goes on while cut")
		there := count(recorders[0], "u1")
		p.Heal()
		require.Eventually(t, func() bool { return count(recorders[0], "u1") > there }, patience, time.Millisecond, "the nodes hear each other again")
	}
	close(stop)
	wg.Wait()
	check(t, recorders, want)
}
