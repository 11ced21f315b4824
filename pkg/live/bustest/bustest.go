// Package bustest is the conformance suite of live.Bus. Run checks what the comments of live.Bus guarantee.
package bustest

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/live"
)

const patience = 20 * time.Second

// Run checks the buses that connected makes. connected returns n buses that are, or will be, connected to each other.
// The suite closes them; connected may close them again.
func Run(t *testing.T, connected func(t *testing.T, n int) []live.Bus) {
	t.Run("everybody else hears", func(t *testing.T) {
		ms := join(t, connected(t, 3))
		settle(t, ms)
		require.NoError(t, ms[0].bus.Broadcast([]byte("hello")))
		ms[1].await(t, "hello")
		ms[2].await(t, "hello")
		require.NoError(t, ms[1].bus.Broadcast([]byte("end")))
		ms[0].await(t, "end")
		require.NotContains(t, ms[0].all(), "hello", "a node received itself")
	})
	t.Run("order of each sender, nothing twice", func(t *testing.T) {
		ms := join(t, connected(t, 3))
		settle(t, ms)
		const each = 2000
		var wg sync.WaitGroup
		for i, m := range ms {
			wg.Go(func() {
				for j := range each {
					if err := m.bus.Broadcast(fmt.Appendf(nil, "%d %d", i, j)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		for i, m := range ms {
			for other := range ms {
				if other != i {
					m.await(t, fmt.Sprintf("%d %d", other, each-1))
				}
			}
			next := make([]int, len(ms))
			for _, text := range m.all() {
				var from, n int
				if c, _ := fmt.Sscanf(text, "%d %d", &from, &n); c != 2 {
					continue
				}
				require.Equal(t, next[from], n, "from %d to %d", from, i)
				next[from]++
			}
		}
	})
	t.Run("data of any size and content, free to be reused", func(t *testing.T) {
		ms := join(t, connected(t, 2))
		settle(t, ms)
		for _, n := range []int{1, 100, 100_000, live.MaxBroadcast} {
			data := make([]byte, n)
			for i := range data {
				data[i] = byte(i * 7)
			}
			want := string(data)
			require.NoError(t, ms[0].bus.Broadcast(data))
			clear(data)
			ms[1].await(t, want)
		}
		require.ErrorIs(t, ms[0].bus.Broadcast(make([]byte, live.MaxBroadcast+1)), live.ErrTooLarge)
	})
	t.Run("one call of receive at a time", func(t *testing.T) {
		buses := connected(t, 3)
		ms := join(t, buses[1:])
		var busy atomic.Bool
		var received atomic.Int32
		first, done := make(chan struct{}), make(chan struct{})
		require.NoError(t, buses[0].Join(func(data []byte) {
			if !busy.CompareAndSwap(false, true) {
				t.Error("two calls at a time")
			}
			defer busy.Store(false)
			if bytes.HasPrefix(data, []byte("settle")) {
				return
			}
			switch received.Add(1) {
			case 1:
				close(first)
			case 200:
				close(done)
			}
		}))
		t.Cleanup(func() { _ = buses[0].Close() })
		settle(t, ms)
		for n := 0; ; n++ { // until the first one is connected, too
			require.Less(t, n, 1000, "never connected")
			require.NoError(t, ms[0].bus.Broadcast([]byte("x")))
			select {
			case <-first:
			case <-time.After(10 * time.Millisecond):
				continue
			}
			break
		}
		for range 200 {
			require.NoError(t, ms[0].bus.Broadcast([]byte("x")))
			require.NoError(t, ms[1].bus.Broadcast([]byte("x")))
		}
		select {
		case <-done:
		case <-time.After(patience):
			require.Fail(t, "not all was received")
		}
	})
	t.Run("nothing after Close", func(t *testing.T) {
		ms := join(t, connected(t, 2))
		settle(t, ms)
		require.NoError(t, ms[0].bus.Flush(context.Background()))
		require.NoError(t, ms[1].bus.Close())
		before := len(ms[1].all())
		require.NoError(t, ms[0].bus.Broadcast([]byte("late")))
		require.NoError(t, ms[0].bus.Flush(context.Background()))
		require.Len(t, ms[1].all(), before)
		require.Error(t, ms[1].bus.Broadcast([]byte("x")))
		require.NoError(t, ms[1].bus.Close(), "closing again")
	})
}

// member is a bus and what it received.
type member struct {
	bus live.Bus

	mu       sync.Mutex
	received []string
	more     chan struct{}
}

func join(t *testing.T, buses []live.Bus) (out []*member) {
	for _, b := range buses {
		m := &member{bus: b, more: make(chan struct{})}
		require.NoError(t, b.Join(func(data []byte) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.received = append(m.received, string(data))
			close(m.more)
			m.more = make(chan struct{})
		}))
		t.Cleanup(func() { _ = b.Close() })
		out = append(out, m)
	}
	return out
}

// settle broadcasts until every member has received from every other one. Buses connect in the background.
func settle(t *testing.T, ms []*member) {
	var n uint64
	for i, m := range ms {
		for _, other := range ms {
			for other != m {
				n++
				text := string(binary.BigEndian.AppendUint64(fmt.Appendf(nil, "settle %d ", i), n))
				require.NoError(t, m.bus.Broadcast([]byte(text)))
				if other.receivedWithin(text, 50*time.Millisecond) {
					break
				}
				require.Less(t, n, uint64(2000), "never connected")
			}
		}
	}
}

func (m *member) all() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.received...)
}

func (m *member) await(t *testing.T, text string) {
	t.Helper()
	require.True(t, m.receivedWithin(text, patience), "not received: %.40q", text)
}

func (m *member) receivedWithin(text string, d time.Duration) bool {
	late := time.After(d)
	seen := 0
	for {
		m.mu.Lock()
		for ; seen < len(m.received); seen++ {
			if m.received[seen] == text {
				m.mu.Unlock()
				return true
			}
		}
		more := m.more
		m.mu.Unlock()
		select {
		case <-more:
		case <-late:
			return false
		}
	}
}
