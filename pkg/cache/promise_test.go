package cache

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// The guarantee of the package holds with slow steps, failing polls and clocks that differ.
func TestThePromiseHolds(t *testing.T) {
	const (
		clocks = 2 * time.Second // how far each is from the right time
		spans  = 4 * time.Hour
		nodes  = 3
	)
	for seed := range uint64(5) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				random := rand.New(rand.NewPCG(seed, 0))
				upTo := func(d time.Duration) time.Duration {
					mu.Lock()
					defer mu.Unlock()
					return time.Duration(random.Int64N(int64(d) + 1))
				}
				rarely := func(n int64) bool { return upTo(time.Duration(n)) == 0 }
				clock := func() time.Time { return time.Now().Add(upTo(2*clocks) - clocks) }
				// The store: written is the value that reads show, answered when each value was answered.
				written := 0
				answered := map[int]time.Time{0: time.Now()}
				var told []said

				ctx, stop := context.WithCancel(t.Context())
				var all sync.WaitGroup
				all.Go(func() { // changes it
					for v := 1; ctx.Err() == nil; v++ {
						took := upTo(3 * time.Second)
						if rarely(3) {
							took = upTo(6 * ChangeFor)
						}
						require.NoError(t, Announcing(context.Background(), time.Now, func(context.Context) error {
							stamped := clock()
							time.Sleep(upTo(announceFor))
							mu.Lock()
							defer mu.Unlock()
							told = append(told, said{stamped, "a"})
							return nil
						}, func() error {
							before := upTo(took)
							time.Sleep(before)
							mu.Lock()
							written = v
							mu.Unlock()
							time.Sleep(took - before)
							return nil
						}))
						mu.Lock()
						answered[v] = time.Now()
						mu.Unlock()
						time.Sleep(upTo(5 * time.Minute))
					}
				})
				loads, uses := 0, 0
				for range nodes {
					w := New(polled(func(span time.Duration) ([]string, error) {
						if rarely(100) { // all calls fail for a while
							time.Sleep(upTo(2 * longestGap))
							return nil, errors.New("down")
						}
						at := clock()
						mu.Lock()
						var keys []string
						for _, s := range told {
							if s.at.After(at.Add(-span)) {
								keys = append(keys, s.key)
							}
						}
						mu.Unlock()
						time.Sleep(upTo(400 * time.Millisecond))
						return keys, nil
					}), time.Now, quiet, nil)
					w.Start()
					c := Of(Options[string, int]{Watcher: w, Name: func(k string) string { return k }, Now: time.Now, Size: 10,
						Load: func(context.Context, string) (int, error) {
							before := upTo(2 * time.Second)
							time.Sleep(before)
							mu.Lock()
							v := written
							loads++
							mu.Unlock()
							time.Sleep(upTo(2 * time.Second))
							return v, nil
						}})
					all.Go(func() {
						defer c.Close()
						defer w.Close()
						for ctx.Err() == nil {
							called := time.Now()
							v, err := c.Get(context.Background(), "a")
							require.NoError(t, err)
							mu.Lock()
							uses++
							next, ended := answered[v+1]
							mu.Unlock()
							if ended && called.Sub(next) >= Brief {
								t.Errorf("%v after %d was answered, %d was believed", called.Sub(next), v+1, v)
								return
							}
							if rarely(20) {
								time.Sleep(upTo(CacheFor))
							}
							time.Sleep(upTo(300 * time.Millisecond))
						}
					})
				}
				time.Sleep(spans)
				stop()
				all.Wait()
				require.Less(t, loads*3/2, uses, "the caches were of use")
			})
		})
	}
}

// polled is a shared store that says this.
type polled func(span time.Duration) ([]string, error)

func (polled) Shared() bool { return true }

func (p polled) OnAnnounce(func(string)) func() { return func() {} }

func (p polled) Announced(_ context.Context, span time.Duration, _ int) ([]string, error) {
	return p(span)
}
