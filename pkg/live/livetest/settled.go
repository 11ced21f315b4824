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

// Settled waits until all nodes receive each other's packets and deliver them immediately. Nodes that have just
// connected first read from the store what they missed of each other. Until that is done, subscribers may receive what
// is read and what is published in any order.
func Settled(t testing.TB, nodes ...*live.Hub) {
	t.Helper()
	type way struct{ from, to string }
	var mu sync.Mutex
	received := make(map[way]bool)
	for _, n := range nodes {
		defer n.OnSignal(settled, func(from string) {
			mu.Lock()
			defer mu.Unlock()
			if from != "" {
				received[way{from, n.Node()}] = true
			}
		})()
	}
	require.Eventually(t, func() bool {
		for _, n := range nodes {
			n.Signal(settled, n.Node())
		}
		mu.Lock()
		defer mu.Unlock()
		return len(received) == len(nodes)*len(nodes) // a node receives its own signals, too
	}, settledWithin, 10*time.Millisecond)
}
