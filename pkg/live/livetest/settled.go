package livetest

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/live"
)

const (
	settled       = "settled"
	settledWithin = 30 * time.Second
)

// Settled waits until all nodes hear each other and take in at once what they hear. Nodes that have just met read
// from the store first what they missed of each other; until that is done, what is read and what is heard come to
// subscribers in an order of their own.
func Settled(t testing.TB, nodes ...*live.Hub) {
	t.Helper()
	type way struct{ from, to string }
	var mu sync.Mutex
	heard := make(map[way]bool)
	for _, n := range nodes {
		defer n.OnSignal(settled, func(from string) {
			mu.Lock()
			defer mu.Unlock()
			if from != "" {
				heard[way{from, n.Node()}] = true
			}
		})()
	}
	require.Eventually(t, func() bool {
		for _, n := range nodes {
			n.Signal(settled, n.Node())
		}
		mu.Lock()
		defer mu.Unlock()
		return len(heard) == len(nodes)*len(nodes) // a node hears its own signals, too
	}, settledWithin, 10*time.Millisecond)
}
