package storetest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/nodes"
)

// newNode returns a number that no other test uses. A store does not know which numbers there are.
func newNode() int { return id.Nodes + rand.IntN(1<<15) }

var nodeTests = map[string]func(*env){
	"a lease is replaced while it is as it was": func(e *env) {
		none := nodes.Lease{Node: newNode()}
		first := nodes.Lease{Node: none.Node, Owner: "one", Until: 1_800_000_000_000_000}
		lease := func(was, now, want nodes.Lease) {
			e.Helper()
			present, err := e.s.LeaseNode(e.ctx, was, now)
			require.NoError(e, err)
			require.Equal(e, want, present)
		}
		longer, other := first, first
		longer.Until++
		other.Owner = "two"
		free := nodes.Lease{Node: none.Node, Until: 1_700_000_000_000_000}
		lease(first, longer, none)
		lease(none, first, first)
		lease(none, other, first)
		lease(first, longer, longer)
		lease(first, other, longer)
		lease(longer, free, free)
		lease(none, other, free)
		lease(free, other, other)
		all, err := e.s.NodeLeases(e.ctx)
		require.NoError(e, err)
		require.Contains(e, all, other)
	},
	// Servers of earlier versions, imports, and servers with several node numbers write to a log in turn, also in the same
	// millisecond.
	"ids with and without a number are in one order": func(e *env) {
		now := time.Now().UTC()
		clock := func() time.Time { return now }
		makers := []func() id.ID{id.NewGenerator(clock).New, func() id.ID { return id.NewSequence([8]byte(id.Max[8:])).At(now) }}
		for node := range 40 {
			g := id.NewGenerator(clock)
			g.Grant(id.Present, id.Span{Node: node * 25, Until: math.MaxInt64})
			makers = append(makers, g.New)
		}
		l := e.newLog()
		var ms []chat.Message
		for range 3 {
			for i, maker := range makers {
				ms = append(ms, chat.Message{ID: maker(), Author: person("author"), Content: fmt.Sprint(i)})
			}
			now = now.Add(300 * time.Nanosecond)
		}
		rand.Shuffle(len(ms), func(i, j int) { ms[i], ms[j] = ms[j], ms[i] })
		e.append(l, ms...)
		slices.SortFunc(ms, func(a, b chat.Message) int { return a.ID.Compare(b.ID) })
		for _, at := range []id.ID{id.Min, ms[0].ID, ms[len(ms)/2].ID, ms[len(ms)-1].ID, id.Max} {
			e.page(l, ms, at, 7, len(ms)+1)
		}
	},
	"one of several servers has a number": func(e *env) {
		none := nodes.Lease{Node: newNode()}
		var wg sync.WaitGroup
		present := make([]nodes.Lease, racers)
		for i := range present {
			wg.Go(func() {
				var err error
				present[i], err = e.s.LeaseNode(e.ctx, none, nodes.Lease{Node: none.Node, Owner: fmt.Sprint(i), Until: 1})
				if err != nil {
					e.Error(err)
				}
			})
		}
		wg.Wait()
		for _, p := range present {
			require.Equal(e, present[0], p)
		}
		require.NotEmpty(e, present[0].Owner)
	},
}
