package realtime

import (
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/live/livetest"
)

// Two nodes whose buses lead nowhere: every subscriber receives every message, once and in order, and both nodes say
// what is wrong, once. When the bus works in the end, that goes on without a double, and they say so.
func TestNodesThatAreNotOnTheBus(t *testing.T) {
	for name, c := range map[string]struct {
		start func(t *testing.T, store string) (nodes []*node, heal func())
	}{
		"wrong routes": {func(t *testing.T, store string) (nodes []*node, heal func()) {
			first := startNode(t, store, free(t))
			toFirst := livetest.NewProxy(t, first.cluster)
			toFirst.Cut()
			return []*node{first, startNode(t, store, toFirst.Addr())}, toFirst.Heal
		}},
		"a wrong secret": {func(t *testing.T, store string) (nodes []*node, heal func()) {
			first := startNode(t, store)
			return []*node{first, startNode(t, store, "confab:wrong@"+first.cluster)}, nil
		}},
		"a dead NATS": {func(t *testing.T, store string) (nodes []*node, heal func()) {
			nats := "nats://" + free(t)
			return []*node{startWith(t, store, "--nats", nats), startWith(t, store, "--nats", nats)}, nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			nodes, heal := c.start(t, keyspace(t))
			room, us := stage(t, nodes[0], 4)
			var subscribers []*subscriber
			var posters []*poster
			for i, u := range us {
				subscribers = append(subscribers, u.subscribe(t, nodes[i%2:i%2+1], 0, room))
				posters = append(posters, &poster{user: u, nodes: nodes[i%2 : i%2+1]})
			}
			stop := make(chan struct{})
			var work sync.WaitGroup
			for _, p := range posters {
				work.Go(func() { p.run(t, room, 15*time.Millisecond, stop) })
			}
			saysOff := func(n *node) bool { return strings.Contains(n.ready(), "not on the bus") }
			for _, n := range nodes {
				require.Eventually(t, func() bool { return saysOff(n) }, patience, 50*time.Millisecond)
			}
			receivedMore(t, subscribers, 300)
			for _, n := range nodes {
				require.Equal(t, 1, n.logged("servers of this store are not on the bus"))
			}
			if heal != nil {
				heal()
				for _, n := range nodes {
					require.Eventually(t, func() bool { return !saysOff(n) }, patience, 50*time.Millisecond)
				}
				receivedMore(t, subscribers, 100)
				for _, n := range nodes {
					require.Equal(t, 1, n.logged("all servers of this store that run are on the bus"))
				}
			}
			close(stop)
			work.Wait()
			check(t, nodes[0], room, posters, subscribers)
			for i, s := range subscribers {
				require.Zero(t, s.resets, "subscriber %d was connected all the time", i)
			}
		})
	}
}

// ready returns what the node says of being ready, which it has to be.
func (n *node) ready() string {
	r, err := http.Get(n.base + "/readyz")
	require.NoError(n.t, err)
	defer func() { _ = r.Body.Close() }()
	require.Equal(n.t, 200, r.StatusCode)
	body, err := io.ReadAll(r.Body)
	require.NoError(n.t, err)
	return string(body)
}

// logged returns in how many lines of its log the node says something.
func (n *node) logged(text string) int {
	log, err := os.ReadFile(n.log.Name())
	require.NoError(n.t, err)
	return strings.Count(string(log), text)
}
