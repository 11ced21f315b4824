package jobs

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
)

const orderedOfOne = 3

// orderedServer starts a queue with a handler for jobs of the kind "ordered": those whose keys end in the same letter run one
// after another.
func (w *world) orderedServer(h Handler, on ...func(*Queue)) (*Queue, *link) {
	l := &link{Store: w.store}
	q := New(l, slog.New(slog.NewTextHandler(io.Discard, nil)))
	q.RegisterClass("ordered", Class{Workers: 5, OfOne: orderedOfOne, Waiting: 1 << 20, Order: func(j Job) string { return j.Key[len(j.Key)-1:] }}, h)
	for _, f := range on {
		f(q)
	}
	q.Start()
	w.Cleanup(q.Close)
	return q, l
}

func inOrder(t chat.Tenant, n int, of string) NewJob {
	return NewJob{Ref: Ref{t, "ordered", fmt.Sprintf("%06d-%s", n, of)}, Delay: 20 * time.Second}
}

// record notes which jobs ran, by what orders them.
type record struct {
	mu    sync.Mutex
	ran   map[string][]string
	now   int
	most  int
	begun int
}

func (r *record) handler(_ context.Context, run *Run) error {
	r.mu.Lock()
	if r.ran == nil {
		r.ran = map[string][]string{}
	}
	n, of, _ := strings.Cut(run.Key, "-")
	r.ran[of] = append(r.ran[of], n)
	r.now++
	r.most = max(r.most, r.now)
	if run.Begun {
		r.begun++
	}
	r.mu.Unlock()
	time.Sleep(time.Millisecond)
	r.mu.Lock()
	r.now--
	r.mu.Unlock()
	return nil
}

// check returns how many ran. Each ran once, in order.
func (r *record) check(t *testing.T) (n int) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for of, ran := range r.ran {
		for i := 1; i < len(ran); i++ {
			require.Less(t, ran[i-1], ran[i], of)
		}
		n += len(ran)
	}
	require.LessOrEqual(t, r.most, orderedOfOne)
	return n
}

// Jobs are added at two servers in turns. One of them runs all, in order, as it hears of what the other has begun.
func TestJobsInOrderOverTwoServers(t *testing.T) {
	inWorld(t, func(w *world) {
		var r record
		var all []*Queue
		bus := func(q *Queue) {
			q.OnBegin(func(key string) {
				for _, o := range all {
					o.Begun(key)
				}
			})
			all = append(all, q)
		}
		_, _ = w.orderedServer(r.handler, bus)
		_, _ = w.orderedServer(r.handler, bus)
		began := time.Now()
		for i := range 200 {
			q := all[i%2]
			q.Begin(w.add(q, inOrder("a", i, string("xyzuv"[i%5]))))
			synctest.Wait()
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.Equal(t, 200, r.check(t))
		require.Equal(t, 200, r.begun, "what another server has begun counts as begun")
		require.Less(t, time.Since(began), 20*time.Second, "no delay had to pass")
		time.Sleep(time.Minute)
		synctest.Wait()
		_, there := w.store.jobs[Ref{"a", holderKind, holderKey}]
		require.False(t, there, "nobody holds a tenant of which nothing waits")
	})
}

// Without announcements, what another server has begun runs when its delay is over, and is not known to be begun.
func TestJobsInOrderWithoutABus(t *testing.T) {
	inWorld(t, func(w *world) {
		var r record
		one, _ := w.orderedServer(r.handler)
		two, _ := w.orderedServer(r.handler)
		for i := range 3 {
			one.Begin(w.add(one, inOrder("a", 2*i, "x")))
			synctest.Wait()
			two.Begin(w.add(two, inOrder("a", 2*i+1, "y")))
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, 6, r.check(t))
		require.Equal(t, 3, r.begun)
	})
}

// There are more jobs than a server knows: those that are begun meanwhile wait for the ones before them.
func TestABacklogStaysInOrder(t *testing.T) {
	inWorld(t, func(w *world) {
		var r record
		const many = 3 * mostKnown
		for i := range many {
			_, _, _ = w.store.AddJob(t.Context(), Job{Ref: inOrder("a", i, string("xyz"[i%3])).Ref, Due: w.store.JobTime().Add(time.Duration(i) * time.Millisecond)})
		}
		time.Sleep(many * time.Millisecond)
		q, _ := w.orderedServer(r.handler)
		for i := range 2 * mostKnown {
			q.Begin(w.add(q, inOrder("a", many+i, string("xyz"[i%3]))))
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, many+2*mostKnown, r.check(t))
	})
}

// A server that stops gives a job back that it has begun. It goes on elsewhere before those that were added after it, although
// they have been due for longer.
func TestAJobThatGoesOnElsewhereKeepsItsPlace(t *testing.T) {
	inWorld(t, func(w *world) {
		byAge := func(h Handler) *Queue {
			q := New(w.store, slog.New(slog.NewTextHandler(io.Discard, nil)))
			q.RegisterClass("ordered", Class{Workers: 5, OfOne: orderedOfOne, Waiting: 1 << 20, ByAge: true, Order: func(j Job) string { return j.Key[len(j.Key)-1:] }}, h)
			q.Start()
			return q
		}
		first := byAge(func(ctx context.Context, _ *Run) error { <-ctx.Done(); return ctx.Err() })
		for i := range 3 {
			first.Begin(w.add(first, inOrder("a", i, "x")))
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Minute)
		first.Close()
		var r record
		second := byAge(r.handler)
		time.Sleep(time.Minute)
		synctest.Wait()
		second.Close()
		require.Equal(t, []string{"000000", "000001", "000002"}, r.ran["x"])
	})
}

// The server that holds a tenant dies. Another one goes on when its leases are over.
func TestTheHolderDies(t *testing.T) {
	inWorld(t, func(w *world) {
		var r record
		forever := make(chan struct{})
		defer close(forever)
		var stuck atomic.Int32
		first, dead := w.orderedServer(func(context.Context, *Run) error { stuck.Add(1); <-forever; return nil })
		for i := range 10 {
			first.Begin(w.add(first, inOrder("a", i, "x")))
		}
		synctest.Wait()
		require.EqualValues(t, 1, stuck.Load())
		dead.down.Store(true)
		second, _ := w.orderedServer(r.handler)
		second.Begin(w.add(second, inOrder("a", 10, "y")))
		time.Sleep(leaseFor / 2)
		synctest.Wait()
		require.Zero(t, r.check(t), "the dead one may still be running them")
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, 11, r.check(t))
	})
}

// A handler that counts its failures itself is not dead after as many as there are for others.
func TestPostponedJobsKeepTheirCursor(t *testing.T) {
	inWorld(t, func(w *world) {
		var at []time.Duration
		began := time.Now()
		q, _ := w.server(func(_ context.Context, r *Run) error {
			if at = append(at, time.Since(began)); len(r.Cursor) == 2*maxAttempts {
				return nil
			}
			return Postpone(time.Hour, append(r.Cursor, 'x'), "not yet")
		})
		w.add(q, work("a"))
		synctest.Wait()
		j, _ := w.job("a")
		require.Equal(t, "x", string(j.Cursor))
		require.Equal(t, "not yet", j.Failure)
		time.Sleep(3 * maxAttempts * time.Hour)
		synctest.Wait()
		require.Len(t, at, 2*maxAttempts+1)
		require.Equal(t, 2*time.Hour, at[2].Truncate(time.Minute))
		w.ended("a")
	})
}

// Tenants of one class do not wait for those of another.
func TestClassesHaveWorkersOfTheirOwn(t *testing.T) {
	inWorld(t, func(w *world) {
		release := make(chan struct{})
		var hang, ran atomic.Int32
		q, _ := w.orderedServer(func(context.Context, *Run) error { hang.Add(1); <-release; return nil },
			func(q *Queue) { q.Register("work", func(context.Context, *Run) error { ran.Add(1); return nil }) })
		for i := range 20 {
			q.Begin(w.add(q, inOrder(chat.Tenant(fmt.Sprint(i)), i, "x")))
		}
		synctest.Wait()
		require.EqualValues(t, 5, hang.Load())
		w.add(q, work("a"))
		synctest.Wait()
		require.EqualValues(t, 1, ran.Load())
		close(release)
		synctest.Wait()
		require.EqualValues(t, 20, hang.Load())
	})
}
