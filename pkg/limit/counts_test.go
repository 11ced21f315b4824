package limit_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/clocktest"
	"github.com/confab-chat/confab/pkg/limit"
)

// things is a store of things of one key, with a quota.
type things struct {
	limit.Counts
	n, counts atomic.Int64
}

func (x *things) quota(most int) limit.Quota {
	return limit.Quota{Key: "k", Most: most, Count: func(context.Context, int) (int, error) {
		x.counts.Add(1)
		return int(x.n.Load()), nil
	}}
}

// make makes n things if the quota has room for all.
func (x *things) make(t *testing.T, now time.Time, most, n int) bool {
	done, ok, err := x.Reserve(t.Context(), now, x.quota(most), n)
	require.NoError(t, err)
	if ok {
		x.n.Add(int64(n))
		done(n)
	}
	return ok
}

func TestAQuotaIsNeverExceeded(t *testing.T) {
	var x things
	now := time.Unix(1_000_000, 0)
	var g sync.WaitGroup
	var made atomic.Int64
	for range 50 {
		g.Go(func() {
			if x.make(t, now, 7, 1) {
				made.Add(1)
			}
		})
	}
	g.Wait()
	require.EqualValues(t, 7, x.n.Load())
	require.EqualValues(t, 7, made.Load())
	require.False(t, x.make(t, now, 7, 1))
	require.False(t, x.make(t, now, 8, 2), "all or nothing")
	require.True(t, x.make(t, now, 8, 1), "another quota holds for the next call")
	require.False(t, x.make(t, now, 5, 1), "and a lower one removes nothing")
	x.n.Store(4)
	require.True(t, x.make(t, now, 5, 1), "what is gone makes room")
	require.True(t, x.make(t, now, 0, 1000), "no quota")
}

// What other calls have reserved counts until they are done, and what they did not make does not.
func TestWhatIsReservedCounts(t *testing.T) {
	var x things
	now := time.Unix(1_000_000, 0)
	done, ok, err := x.Reserve(t.Context(), now, x.quota(3), 2)
	require.NoError(t, err)
	require.True(t, ok)
	require.False(t, x.make(t, now, 3, 2))
	require.True(t, x.make(t, now, 3, 1))
	require.EqualValues(t, 1, x.counts.Load(), "it is not counted anew while something is reserved")
	done(0)
	require.True(t, x.make(t, now, 3, 2))
	require.False(t, x.make(t, now, 3, 1))
}

// Where there is much to count, a count is used for a while; a quota that seems to be used up is counted anew.
func TestManyThingsAreCountedSeldom(t *testing.T) {
	var x things
	const most = 100_000
	clock := clocktest.New(time.Unix(1_000_000, 0))
	for range 5 {
		require.True(t, x.make(t, clock.Now(), most, 1))
	}
	require.EqualValues(t, 1, x.counts.Load())
	x.n.Store(0)
	require.False(t, x.make(t, clock.Now(), most, most))
	clock.Add(time.Second)
	require.True(t, x.make(t, clock.Now(), most, most))
	require.EqualValues(t, 2, x.counts.Load())
	x.n.Store(0)
	require.False(t, x.make(t, clock.Now(), most, 1))
	x.Forget("k")
	require.True(t, x.make(t, clock.Now(), most, 1), "it was said that there are fewer")
	clock.Add(time.Minute)
	require.True(t, x.make(t, clock.Now(), most, 1))
	require.EqualValues(t, 4, x.counts.Load())
}

func TestACountThatFails(t *testing.T) {
	var x limit.Counts
	failed := errors.New("no answer")
	q := limit.Quota{Key: "k", Most: 1, Count: func(context.Context, int) (int, error) { return 0, failed }}
	_, ok, err := x.Reserve(t.Context(), time.Unix(1, 0), q, 1)
	require.ErrorIs(t, err, failed)
	require.False(t, ok)
	q.Count = func(context.Context, int) (int, error) { return 0, nil }
	_, ok, err = x.Reserve(t.Context(), time.Unix(1, 0), q, 1)
	require.NoError(t, err)
	require.True(t, ok)
}

func TestNoMoreInAnyWindow(t *testing.T) {
	clock := clocktest.New(time.Unix(1_000_000, 0))
	ws := limit.NewWindows(clock.Now, time.Minute)
	take := func(n int) bool {
		_, ok := ws.Take("app", n, 100)
		return ok
	}
	require.True(t, take(60))
	clock.Add(30 * time.Second)
	require.False(t, take(41), "all or nothing")
	require.True(t, take(40))
	require.False(t, take(1))
	_, ok := ws.Take("another", 100, 100)
	require.True(t, ok)
	_, ok = ws.Take("app", 1, 101)
	require.True(t, ok, "another limit holds for the next call")
	clock.Add(30*time.Second - 1)
	require.False(t, take(1))
	clock.Add(1)
	require.True(t, take(59), "the first 60 are a minute ago")
	require.False(t, take(1))
	clock.Add(time.Hour)
	require.True(t, take(100))
	require.False(t, take(1))
}

// Many small uses count until the last of them that are kept together is over.
func TestAWindowOfSmallUses(t *testing.T) {
	clock := clocktest.New(time.Unix(1_000_000, 0))
	ws := limit.NewWindows(clock.Now, time.Minute)
	used := map[time.Time]bool{}
	for range 5000 {
		if _, ok := ws.Take("app", 1, 1000); ok {
			used[clock.Now()] = true
		}
		n := 0
		for at := range used {
			if clock.Now().Sub(at) < time.Minute {
				n++
			} else {
				delete(used, at)
			}
		}
		require.LessOrEqual(t, n, 1000)
		clock.Add(17 * time.Millisecond)
	}
	require.Greater(t, len(used), 980)
}

func TestWhatIsTakenBackDoesNotCount(t *testing.T) {
	clock := clocktest.New(time.Unix(1_000_000, 0))
	ws := limit.NewWindows(clock.Now, time.Minute)
	refund, ok := ws.Take("app", 10, 10)
	require.True(t, ok)
	clock.Add(time.Second)
	refund()
	refund, ok = ws.Take("app", 10, 10)
	require.True(t, ok)
	clock.Add(time.Hour)
	_, ok = ws.Take("app", 10, 10)
	require.True(t, ok)
	refund()
	_, ok = ws.Take("app", 1, 10)
	require.False(t, ok, "what does not count any more is not taken back twice")
}
