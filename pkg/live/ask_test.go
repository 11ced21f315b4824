package live_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/live"
	"github.com/confab-chat/confab/pkg/live/livetest"
)

func TestAsk(t *testing.T) {
	w := livetest.NewWorld()
	x, a, b, _, _ := pair(t, w)
	c := hub(t, w, x.Bus())
	livetest.Settled(t, a, b, c)
	for _, h := range []*live.Hub{b, c} {
		h.OnAsk("where", func(_ string, body []byte) bool { return string(body) == h.Node() })
	}
	for body, want := range map[string]string{b.Node(): b.Node(), c.Node(): c.Node(), "nowhere": ""} {
		node, err := a.Ask(t.Context(), "where", []byte(body))
		require.NoError(t, err)
		require.Equal(t, want, node)
	}
	node, err := hub(t, w, nil).Ask(t.Context(), "where", []byte("b"))
	require.NoError(t, err)
	require.Empty(t, node, "alone")
}

func TestRequest(t *testing.T) {
	w := livetest.NewWorld()
	x, a, b, _, _ := pair(t, w)
	c := hub(t, w, x.Bus())
	livetest.Settled(t, a, b, c)
	b.OnAsk("do", func(from string, body []byte) bool { return from == a.Node() && string(body) == "it" })
	c.OnAsk("do", func(string, []byte) bool { t.Error("another node was asked"); return true })
	for body, want := range map[string]bool{"it": true, "that": false} {
		done, err := a.Request(t.Context(), b.Node(), "do", []byte(body))
		require.NoError(t, err)
		require.Equal(t, want, done)
	}
}

// cutPair returns two hubs that know each other but are cut off from each other, in a bubble.
func cutPair(t *testing.T) (a, b *live.Hub) {
	w := livetest.NewWorld()
	x := live.NewExchange()
	buses := []live.Bus{x.Bus(), x.Bus()}
	var hubs []*live.Hub
	for _, bus := range buses {
		h, err := live.New(live.Options{Bus: bus, History: w, Access: w.Access, Log: quiet})
		require.NoError(t, err)
		t.Cleanup(func() {
			require.NoError(t, h.Close())
			require.NoError(t, bus.Close())
		})
		hubs = append(hubs, h)
	}
	time.Sleep(2 * time.Second) // each sends a heartbeat once a second
	require.False(t, hubs[0].Alone())
	x.Cut(buses[0], buses[1])
	return hubs[0], hubs[1]
}

// An unanswered question ends after a timeout. The number of waiting questions is bounded.
func TestAskIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := cutPair(t)
		began := time.Now()
		var wg sync.WaitGroup
		for range 512 {
			wg.Go(func() {
				_, err := a.Ask(t.Context(), "where", nil)
				require.ErrorIs(t, err, live.ErrUnanswered)
			})
		}
		synctest.Wait()
		_, err := a.Ask(t.Context(), "where", nil)
		require.ErrorIs(t, err, live.ErrUnanswered)
		require.Zero(t, time.Since(began), "too many wait already")
		wg.Wait()
		require.Equal(t, 2*time.Second, time.Since(began))
	})
}

// A request to a node that dies ends when its death is detected.
func TestRequestToANodeThatDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := cutPair(t)
		began := time.Now()
		done, err := a.Request(t.Context(), b.Node(), "do", nil)
		require.NoError(t, err)
		require.False(t, done)
		require.Less(t, time.Since(began), 10*time.Second)
	})
}
