package main

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPercentFor(t *testing.T) {
	for live, want := range map[uint64]int{0: 2000, 1 << 20: 2000, 8 << 20: 800, 64 << 20: 100, 10 << 30: 100} {
		require.Equal(t, want, percentFor(live), "%d bytes", live)
	}
}

// After a collection the percentage is that of what is in use.
func TestCollectLater(t *testing.T) {
	var now atomic.Int64
	set := func(percent int) int { return int(now.Swap(int64(percent))) }
	t.Setenv("GOGC", "300")
	collectLater(set)
	runtime.GC()
	require.Zero(t, now.Load(), "the operator's word")
	t.Setenv("GOGC", "")
	collectLater(set)
	require.Eventually(t, func() bool {
		runtime.GC()
		return now.Load() > 100
	}, 10*time.Second, time.Millisecond)
	require.NotZero(t, liveHeap())
}
