package realtime

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/live/livetest"
)

// stage makes users and a room they are all in.
func stage(t *testing.T, n *node, users int) (room string, us []*user) {
	stamp := time.Now().UnixMilli() % 1e9
	room = fmt.Sprintf("room%d", stamp)
	for i := range users {
		us = append(us, newUser(t, n, fmt.Sprintf("u%d_%d", i, stamp)))
	}
	us[0].must(t, n, "POST", "/rooms/"+room, struct{}{}, nil)
	for _, u := range us[1:] {
		u.must(t, n, "PUT", "/rooms/participant/"+room, struct{}{}, nil)
	}
	return room, us
}

// knowEachOther waits until what is subscribed on one node is known on all.
func knowEachOther(t *testing.T, nodes []*node, room string, us []*user) {
	t.Helper()
	for _, n := range nodes {
		require.Eventually(t, func() bool { return len(online(t, n, room, us[0])) == len(us) }, patience, 50*time.Millisecond, "presence at %s", n.base)
	}
}

func online(t *testing.T, n *node, room string, u *user) []string {
	var p struct{ Online []string }
	u.must(t, n, "GET", "/rooms/"+room+"/presence", nil, &p)
	return p.Online
}

// Three nodes, users spread over them, two killed one after the other under load and started again.
func TestKilledNodes(t *testing.T) {
	store := keyspace(t)
	first := startNode(t, store)
	nodes := []*node{first, startNode(t, store, first.cluster), startNode(t, store, first.cluster)}
	nodes[0].args = append(nodes[0].args, "--cluster-routes", "nats://"+nodes[1].cluster) // for when it starts again
	room, us := stage(t, first, 6)
	var subscribers []*subscriber
	var posters []*poster
	for i, u := range us {
		subscribers = append(subscribers, u.subscribe(t, nodes, i%3, room))
		posters = append(posters, &poster{user: u, nodes: nodes, at: (i + 1) % 3})
	}
	knowEachOther(t, nodes, room, us)
	stop := make(chan struct{})
	var work sync.WaitGroup
	for _, p := range posters {
		work.Go(func() { p.run(t, room, 15*time.Millisecond, stop) })
	}
	for _, victim := range []int{2, 0} {
		receivedMore(t, subscribers, 100)
		nodes[victim].kill()
		receivedMore(t, subscribers, 300)
		nodes[victim].start()
	}
	receivedMore(t, subscribers, 100)
	close(stop)
	work.Wait()
	check(t, nodes[1], room, posters, subscribers)
	require.NotZero(t, subscribers[0].resets, "it was on a node that was killed")
}

// receivedMore waits until each subscriber has received n messages more.
func receivedMore(t *testing.T, subscribers []*subscriber, n int) {
	t.Helper()
	before := make([]int, len(subscribers))
	for i, s := range subscribers {
		before[i] = s.count()
	}
	for i, s := range subscribers {
		require.Eventually(t, func() bool { return s.count() >= before[i]+n }, patience, 10*time.Millisecond, "subscriber %d", i)
	}
}

// Two nodes whose only connection is cut and healed under load; their clients stay connected.
func TestCutOffNodes(t *testing.T) {
	store := keyspace(t)
	first := startNode(t, store)
	p := livetest.NewProxy(t, first.cluster)
	nodes := []*node{first, startNode(t, store, p.Addr())}
	room, us := stage(t, first, 4)
	var subscribers []*subscriber
	var posters []*poster
	for i, u := range us {
		subscribers = append(subscribers, u.subscribe(t, nodes[i%2:i%2+1], 0, room))
		posters = append(posters, &poster{user: u, nodes: nodes[i%2 : i%2+1]})
	}
	knowEachOther(t, nodes, room, us)
	stop := make(chan struct{})
	var work sync.WaitGroup
	for _, p := range posters {
		work.Go(func() { p.run(t, room, 15*time.Millisecond, stop) })
	}
	for range 2 {
		receivedMore(t, subscribers, 100)
		p.Cut()
		receivedMore(t, subscribers, 100)
		// Long enough for each to think that the other is dead.
		require.Eventually(t, func() bool { return len(online(t, first, room, us[0])) == 2 }, patience, 50*time.Millisecond)
		p.Heal()
		knowEachOther(t, nodes, room, us)
	}
	close(stop)
	work.Wait()
	check(t, first, room, posters, subscribers)
	for i, s := range subscribers {
		require.Zero(t, s.resets, "subscriber %d was connected all the time", i)
	}
}
