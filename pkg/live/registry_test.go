package live_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/live"
	"github.com/confab-chat/confab/pkg/live/livetest"
)

// cluster has the nodes of one store, in a bubble of time.
type cluster struct {
	*testing.T
	world    *livetest.World
	registry livetest.Registry
	exchange *live.Exchange
	room     chat.Room
}

// inCluster runs a test in a bubble, with a room "games" of ann's and bob's.
func inCluster(t *testing.T, test func(c *cluster)) {
	synctest.Test(t, func(t *testing.T) {
		c := &cluster{T: t, world: livetest.NewWorld(), exchange: live.NewExchange()}
		c.room = c.world.Room("games", "ann", "bob")
		test(c)
	})
}

// clusterNode is a node and the unreachable nodes it reported.
type clusterNode struct {
	*live.Hub
	bus live.Bus

	mu       sync.Mutex
	reported [][]string
}

// join starts a node. bus may be nil.
func (c *cluster) join(name string, bus live.Bus) *clusterNode {
	n := &clusterNode{bus: bus}
	hub, err := live.New(live.Options{Node: name, Bus: bus, Registry: &c.registry, History: c.world, Access: c.world.Access, RoomsOf: c.world.RoomsOf, Readings: c.world.Readings,
		Log: quiet, OnUnreachable: func(nodes []string) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.reported = append(n.reported, nodes)
		}})
	require.NoError(c, err)
	n.Hub = hub
	c.Cleanup(func() {
		require.NoError(c, hub.Close())
		if bus != nil {
			require.NoError(c, bus.Close())
		}
	})
	return n
}

func (n *clusterNode) reports() [][]string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([][]string(nil), n.reported...)
}

// soon is a few seconds: those until a node is found to be unreachable, and those until what it does is read.
const soon = 10 * time.Second

// chatter posts messages on each node at intervals for the given time, and returns them in order.
func (c *cluster) chatter(d time.Duration, nodes ...*clusterNode) (contents []string) {
	const every = 300 * time.Millisecond
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(every) {
		for _, n := range nodes {
			from := map[string]string{"a": "ann", "b": "bob"}[n.Node()]
			contents = append(contents, c.world.Post(n, c.room, from, fmt.Sprintf("%s %d", from, time.Now().UnixMilli())).Content)
		}
	}
	return contents
}

// received requires that each subscriber received all messages, each once, and those of one author in order.
func (c *cluster) received(want []string, recorders ...*recorder) {
	c.Helper()
	for _, e := range recorders {
		require.ElementsMatch(c, want, e.all())
		require.False(c, e.lost)
		for _, author := range []string{"ann", "bob"} {
			require.Equal(c, of(author, want), of(author, e.all()), "order of one author")
		}
	}
}

// Nodes that never reach each other still deliver everything, and report that once.
func TestNodesThatNeverMeet(t *testing.T) {
	for name, buses := range map[string]func(c *cluster) (a, b live.Bus){
		"wrong routes":        func(c *cluster) (a, b live.Bus) { return live.NewExchange().Bus(), live.NewExchange().Bus() },
		"one without a bus":   func(c *cluster) (a, b live.Bus) { return c.exchange.Bus(), nil },
		"both without a bus":  func(c *cluster) (a, b live.Bus) { return nil, nil },
		"one way is not open": oneWay,
	} {
		t.Run(name, func(t *testing.T) {
			inCluster(t, func(c *cluster) {
				busA, busB := buses(c)
				a, b := c.join("a", busA), c.join("b", busB)
				onA, _ := listen(c, a.Hub, "ann", "games", live.Messages)
				onB, _ := listen(c, b.Hub, "bob", "games", live.Messages)
				mine := &recorder{}
				_, err := a.SubscribeUser(c.Context(), livetest.Who("ann"), mine)
				require.NoError(c, err)
				want := c.chatter(time.Minute, a, b)
				time.Sleep(soon)
				c.received(want, onA, onB)
				require.Subset(c, mine.all(), want, "one's own topic, too")
				require.Equal(c, [][]string{{"b"}}, a.reports())
				if name == "one way is not open" {
					require.Empty(c, b.reports())
					require.Empty(c, b.Unreachable())
				} else {
					require.Equal(c, [][]string{{"a"}}, b.reports())
				}
				require.Equal(c, []string{"b"}, a.Unreachable())
			})
		})
	}
}

// mute is a bus that does not send.
type mute struct{ live.Bus }

func (mute) Broadcast([]byte) error { return nil }

func oneWay(c *cluster) (a, b live.Bus) { return c.exchange.Bus(), mute{c.exchange.Bus()} }

// Events of an unreachable node are delivered within seconds, including changes and membership.
func TestAnUnreachableNodeIsRead(t *testing.T) {
	inCluster(t, func(c *cluster) {
		a, b := c.join("a", nil), c.join("b", nil)
		onA, _ := listen(c, a.Hub, "ann", "games", live.Messages)
		bob, _ := listen(c, a.Hub, "bob", "games", live.Messages)
		other := c.world.Room("other", "bob")
		mine := &recorder{}
		_, err := a.SubscribeUser(c.Context(), livetest.Who("ann"), mine)
		require.NoError(c, err)
		var polled, unpolled atomic.Int32
		a.OnSignal("polled", func(string) { polled.Add(1) })
		a.OnSignal("not polled", func(string) { unpolled.Add(1) })
		a.PollSignal("polled")
		time.Sleep(soon)
		first := c.world.Post(b, c.room, "bob", "first")
		time.Sleep(3 * time.Second)
		require.Equal(c, []string{"first"}, onA.all())
		b.Publish(c.Context(), c.world.Edit(c.room, first.ID, "edited"))
		time.Sleep(3 * time.Second)
		require.Equal(c, []string{"edited"}, onA.changed())
		require.Equal(c, []string{"edited"}, mine.changed(), "one's own topic, too")
		require.Positive(c, polled.Load(), "a signal that may have been missed")
		require.Zero(c, unpolled.Load())
		c.world.Leave(b, c.room, "bob")
		c.world.Join(b, other, "ann")
		time.Sleep(20 * time.Second)
		require.True(c, bob.hasEnded(), "who is out gets nothing more")
		require.Contains(c, mine.all(), "+ann", "their own topic shows the room they joined")
	})
}

// A working bus is cut and healed: no message is missed and none is delivered twice, whenever it is posted.
func TestABusIsCutAndHeals(t *testing.T) {
	inCluster(t, func(c *cluster) {
		a, b := c.join("a", c.exchange.Bus()), c.join("b", c.exchange.Bus())
		onA, _ := listen(c, a.Hub, "ann", "games", live.Messages)
		onB, _ := listen(c, b.Hub, "bob", "games", live.Messages)
		want := c.chatter(time.Minute, a, b)
		require.Empty(c, a.reports(), "nodes that are on the bus")
		for round := 1; round <= 2; round++ {
			c.exchange.Cut(a.bus, b.bus)
			want = append(want, c.chatter(11*time.Minute/time.Duration(round), a, b)...) // longer than recentFor
			require.Len(c, a.reports(), 2*round-1)
			require.Len(c, b.reports(), 2*round-1)
			c.exchange.Heal(a.bus, b.bus)
			want = append(want, c.chatter(time.Minute, a, b)...)
			require.Len(c, a.reports(), 2*round)
			require.Len(c, b.reports(), 2*round)
		}
		require.Equal(c, [][]string{{"b"}, nil, {"b"}, nil}, a.reports())
		require.Equal(c, [][]string{{"a"}, nil, {"a"}, nil}, b.reports())
		c.received(want, onA, onB)
		reads := c.world.Reads()
		time.Sleep(time.Minute)
		require.Equal(c, reads, c.world.Reads(), "no room is read when all is well")
	})
}

// A node that dies or closes on a working bus is never reported as unreachable. If a node is unreachable when it
// closes, everything it stored is delivered.
func TestANodeThatEnds(t *testing.T) {
	inCluster(t, func(c *cluster) {
		a, b := c.join("a", c.exchange.Bus()), c.join("b", c.exchange.Bus())
		onA, _ := listen(c, a.Hub, "ann", "games", live.Messages)
		want := c.chatter(time.Minute, a, b)
		require.Equal(c, 2, a.Nodes())
		require.NoError(c, b.Close())
		time.Sleep(time.Minute)
		require.Empty(c, a.reports(), "it said bye")
		require.Equal(c, 1, a.Nodes())

		b = c.join("b", c.exchange.Bus())
		want = append(want, c.chatter(time.Minute, a, b)...)
		require.NoError(c, b.bus.Close()) // and so it does not say bye
		require.NoError(c, b.Close())
		time.Sleep(time.Minute)
		require.Empty(c, a.reports(), "it died")

		b = c.join("b", nil)
		want = append(want, c.chatter(time.Minute, a, b)...)
		want = append(want, c.world.Post(b, c.room, "bob", "bob: last words").Content)
		require.NoError(c, b.Close())
		time.Sleep(time.Minute)
		require.Equal(c, [][]string{{"b"}, nil}, a.reports())
		c.received(want, onA)
	})
}

// While the registry or the rooms cannot be read, no node is reported as unreachable. Everything is delivered later.
func TestTheStoreFailsMeanwhile(t *testing.T) {
	inCluster(t, func(c *cluster) {
		a, b := c.join("a", c.exchange.Bus()), c.join("b", c.exchange.Bus())
		onA, _ := listen(c, a.Hub, "ann", "games", live.Messages)
		want := c.chatter(soon, a, b)
		c.registry.Fail(errors.New("down"))
		want = append(want, c.chatter(time.Minute, a, b)...)
		c.registry.Fail(nil)
		want = append(want, c.chatter(time.Minute, a, b)...)
		require.Empty(c, a.reports())
		c.exchange.Cut(a.bus, b.bus)
		want = append(want, c.chatter(soon, a, b)...)
		c.world.Fail(errors.New("down"))
		want = append(want, c.chatter(time.Minute, a, b)...)
		c.world.Fail(nil)
		time.Sleep(time.Minute)
		require.Equal(c, [][]string{{"b"}}, a.reports())
		c.received(want, onA)
	})
}

// slow is a history whose reads take a while.
type slow struct {
	*livetest.World
	mu   sync.Mutex
	took time.Duration
}

func (s *slow) total() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.took
}

func (s *slow) Newer(ctx context.Context, p chat.Place, than id.ID, inclusive bool, limit int) ([]chat.Message, error) {
	const each = 4 * time.Second
	time.Sleep(each)
	s.mu.Lock()
	s.took += each
	s.mu.Unlock()
	return s.World.Newer(ctx, p, than, inclusive, limit)
}

// partly is a history of which one room cannot be read.
type partly struct {
	*livetest.World
	broken id.ID
	panics bool
}

func (p partly) Newer(ctx context.Context, at chat.Place, than id.ID, inclusive bool, limit int) ([]chat.Message, error) {
	switch {
	case at.Room.ID != p.broken:
		return p.World.Newer(ctx, at, than, inclusive, limit)
	case p.panics:
		panic("broken")
	}
	return nil, chat.ErrUnavailable(errors.New("too many tombstones"))
}

// A room that cannot be read does not keep others from being read, and does not make their reads longer and longer.
func TestABrokenRoomIsInNobodysWay(t *testing.T) {
	for _, panics := range []bool{false, true} {
		inCluster(t, func(c *cluster) {
			broken := c.world.Room("broken", "ann")
			hub, err := live.New(live.Options{Node: "a", Registry: &c.registry, History: partly{c.world, broken.ID, panics}, Access: c.world.Access, Log: quiet})
			require.NoError(c, err)
			defer func() { require.NoError(c, hub.Close()) }()
			b := c.join("b", nil)
			listen(c, hub, "ann", "broken", live.Messages)
			onA, _ := listen(c, hub, "bob", "games", live.Messages)
			want := c.chatter(5*time.Minute, b)
			time.Sleep(soon)
			c.received(want, onA)
			time.Sleep(time.Minute)
			before := c.world.Reads()
			time.Sleep(time.Minute)
			require.Less(c, c.world.Reads()-before, 200, "messages and changes, once a second")
		})
	}
}

// However slow the store is, polls take only a part of the time.
func TestPollingIsBounded(t *testing.T) {
	inCluster(t, func(c *cluster) {
		s := &slow{World: c.world}
		hub, err := live.New(live.Options{Node: "a", Registry: &c.registry, History: s, Access: c.world.Access, Log: quiet})
		require.NoError(c, err)
		defer func() { require.NoError(c, hub.Close()) }()
		c.join("b", nil)
		_, sub := listen(c, hub, "ann", "games", live.Participants)
		defer sub.End()
		time.Sleep(time.Hour)
		require.Zero(c, s.total(), "nobody receives messages")
		listen(c, hub, "ann", "games", live.Messages)
		time.Sleep(time.Hour)
		require.Greater(c, s.total(), 10*time.Minute)
		require.Less(c, s.total(), 25*time.Minute)
	})
}

// The named connections of a user are those on all nodes, each name once, and of nobody else.
func TestDevicesOfAUser(t *testing.T) {
	inCluster(t, func(c *cluster) {
		a, b := c.join("a", c.exchange.Bus()), c.join("b", c.exchange.Bus())
		ann, bob := livetest.Who("ann"), livetest.Who("bob")
		time.Sleep(soon)
		phoneHere, _ := a.Attached(ann, "phone"), a.Attached(bob, "phone")
		phoneThere, pad := b.Attached(ann, "phone"), b.Attached(ann, "pad")
		has := func(names ...string) {
			c.Helper()
			time.Sleep(time.Second)
			require.Equal(c, names, a.Devices(ann))
			require.Equal(c, names, b.Devices(ann))
			require.Equal(c, []string{"phone"}, b.Devices(bob))
		}
		has("pad", "phone")
		phoneThere()
		has("pad", "phone")
		phoneHere()
		has("pad")
		pad()
		require.Empty(c, b.Devices(ann))
	})
}
