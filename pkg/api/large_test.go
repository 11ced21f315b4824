package api

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// Large answers are made by half of the processors, small ones at once, and nobody waits for a client that is gone.
func TestInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		most := max(1, runtime.GOMAXPROCS(0)/2)
		var mu sync.Mutex
		running, end := 0, make(chan struct{})
		var wg sync.WaitGroup
		for range 3 * most {
			wg.Go(func() {
				require.NoError(t, InTurn(t.Context(), large, func() {
					mu.Lock()
					running++
					mu.Unlock()
					<-end
				}))
			})
		}
		synctest.Wait()
		mu.Lock()
		require.Equal(t, most, running)
		mu.Unlock()

		small := false
		require.NoError(t, InTurn(t.Context(), large-1, func() { small = true }))
		require.True(t, small)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, InTurn(gone, large, func() { t.Error("made for nobody") }), context.Canceled)

		close(end)
		wg.Wait()
		require.Equal(t, 3*most, running)
	})
}
