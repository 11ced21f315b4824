package coalesce

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestManyAtOnceCostAHandful(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[string, int]
		var reads atomic.Int64
		var wg sync.WaitGroup
		for i := range 1000 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 10 * time.Microsecond) // within 10 ms
				_, err := g.Do(t.Context(), "room", func(context.Context) (int, error) {
					time.Sleep(5 * time.Millisecond)
					return int(reads.Add(1)), nil
				})
				require.NoError(t, err)
			})
		}
		wg.Wait()
		require.LessOrEqual(t, reads.Load(), int64(4))
		require.Empty(t, g.keys)
	})
}

// A result is never older than its request, whatever the timing.
func TestNothingOlderThanItsRequest(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			var g Group[int, int64]
			var version, reads atomic.Int64
			random := rand.New(rand.NewPCG(seed, 1))
			var wg sync.WaitGroup
			for range 300 {
				start, key := time.Duration(random.IntN(400))*time.Millisecond, random.IntN(3)
				look, back := time.Duration(random.IntN(150))*time.Millisecond, time.Duration(random.IntN(150))*time.Millisecond
				wg.Go(func() {
					time.Sleep(start)
					acknowledged := version.Add(1)
					v, err := g.Do(t.Context(), key, func(context.Context) (int64, error) {
						reads.Add(1)
						time.Sleep(look)
						v := version.Load()
						time.Sleep(back)
						return v, nil
					})
					require.NoError(t, err)
					require.GreaterOrEqual(t, v, acknowledged)
				})
			}
			wg.Wait()
			require.Less(t, reads.Load(), int64(150))
			require.Empty(t, g.keys)
		})
	}
}

func TestAReadThatHangsDoesNotHoldUpTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[string, string]
		go func() {
			_, err := g.Do(t.Context(), "k", func(ctx context.Context) (string, error) { <-ctx.Done(); return "", ctx.Err() })
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}()
		synctest.Wait()
		began := time.Now()
		v, err := g.Do(t.Context(), "k", func(context.Context) (string, error) { return "good", nil })
		require.NoError(t, err)
		require.Equal(t, "good", v)
		require.Equal(t, patience, time.Since(began))
		time.Sleep(time.Minute)
	})
}

func TestACallerThatLeavesTakesNobodyAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[string, string]
		ended := make(chan error, 1)
		slow := func(ctx context.Context) (string, error) {
			select {
			case <-time.After(time.Second):
				return "good", nil
			case <-ctx.Done():
				ended <- ctx.Err()
				return "", ctx.Err()
			}
		}
		first, leave := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { _, err := g.Do(first, "k", slow); done <- err }()
		synctest.Wait()
		leave()
		require.ErrorIs(t, <-done, context.Canceled)
		require.ErrorIs(t, <-ended, context.Canceled, "nobody wants it any more")

		// The caller that made the shared read leaves, the other one stays.
		go func() { _, _ = g.Do(t.Context(), "k", slow) }()
		synctest.Wait()
		second, leave := context.WithCancel(t.Context())
		go func() { _, err := g.Do(second, "k", slow); done <- err }()
		synctest.Wait()
		got := make(chan string, 1)
		go func() { v, _ := g.Do(t.Context(), "k", slow); got <- v }()
		synctest.Wait()
		leave()
		require.ErrorIs(t, <-done, context.Canceled)
		require.Equal(t, "good", <-got)
	})
}

// A caller that arrives just after all others have given up gets its own result.
func TestNobodyJoinsWhatWasGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[string, string]
		slow := func(context.Context) (string, error) { time.Sleep(20 * time.Millisecond); return "good", nil }
		go func() { _, _ = g.Do(t.Context(), "k", slow) }()
		synctest.Wait()
		gone, leave := context.WithTimeout(t.Context(), time.Millisecond)
		defer leave()
		_, err := g.Do(gone, "k", slow)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		v, err := g.Do(t.Context(), "k", slow)
		require.NoError(t, err)
		require.Equal(t, "good", v)
	})
}

func TestErrorsAndPanicsAreAnswers(t *testing.T) {
	var g Group[int, int]
	broken := errors.New("broken")
	_, err := g.Do(t.Context(), 1, func(context.Context) (int, error) { return 0, broken })
	require.ErrorIs(t, err, broken)
	_, err = g.Do(t.Context(), 1, func(context.Context) (int, error) { panic("no") })
	require.ErrorContains(t, err, "panic: no")
	v, err := g.Do(t.Context(), 1, func(context.Context) (int, error) { return 7, nil })
	require.NoError(t, err)
	require.Equal(t, 7, v)
}
