package jobs

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
)

func TestAJobRunsOnTheServerThatAddsItImmediately(t *testing.T) {
	inWorld(t, func(w *world) {
		var ran []string
		q, _ := w.server(func(_ context.Context, r *Run) error { ran = append(ran, r.Key+string(r.Payload)); return nil })
		began := time.Now()
		n := work("a")
		n.Payload = []byte("!")
		w.add(q, n)
		synctest.Wait()
		require.Equal(t, []string{"a!"}, ran)
		w.ended("a")
		require.Zero(t, time.Since(began))
	})
}

func TestAnIntentRunsWhenItBeginsOrAfterItsDelay(t *testing.T) {
	inWorld(t, func(w *world) {
		var ran atomic.Int32
		q, _ := w.server(func(context.Context, *Run) error { ran.Add(1); return nil })
		n := work("a")
		n.Delay = time.Minute
		j := w.add(q, n)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		require.Zero(t, ran.Load())
		q.Begin(j)
		synctest.Wait()
		require.EqualValues(t, 1, ran.Load())
		w.ended("a")

		w.add(q, n)
		time.Sleep(time.Minute + time.Millisecond)
		synctest.Wait()
		require.EqualValues(t, 2, ran.Load(), "nobody has begun it")
		time.Sleep(time.Hour)
		synctest.Wait()
		require.EqualValues(t, 2, ran.Load())
	})
}

func TestTheSameJobTwiceIsOne(t *testing.T) {
	inWorld(t, func(w *world) {
		var ran atomic.Int32
		release := make(chan struct{})
		q, _ := w.server(func(context.Context, *Run) error { ran.Add(1); <-release; return nil })
		for range 3 {
			w.add(q, work("a"))
			synctest.Wait()
		}
		require.EqualValues(t, 1, ran.Load())
		close(release)
		synctest.Wait()
		w.ended("a")
		w.add(q, work("a"))
		synctest.Wait()
		require.EqualValues(t, 2, ran.Load(), "the first one has ended")
	})
}

// A server dies: nothing reaches the store from it any more, not even that it ends.
func TestAJobOfADeadServerIsTakenOver(t *testing.T) {
	inWorld(t, func(w *world) {
		forever := make(chan struct{})
		defer close(forever)
		first, dead := w.server(func(ctx context.Context, r *Run) error {
			require.NoError(t, r.Save(ctx, []byte("half"), 5, 10))
			<-forever
			return nil
		})
		w.add(first, work("a"))
		synctest.Wait()
		dead.down.Store(true)

		var taken atomic.Pointer[Job]
		_, _ = w.server(func(_ context.Context, r *Run) error { j := r.Job; taken.Store(&j); return nil })
		time.Sleep(leaseFor / 2)
		synctest.Wait()
		require.Nil(t, taken.Load(), "the lease is not over")
		time.Sleep(leaseFor/2 + pollEvery)
		synctest.Wait()
		require.NotNil(t, taken.Load())
		require.Equal(t, "half", string(taken.Load().Cursor))
		require.EqualValues(t, 5, taken.Load().Done)
		w.ended("a")
	})
}

func TestALongJobKeepsItsLease(t *testing.T) {
	inWorld(t, func(w *world) {
		var ran atomic.Int32
		long := func(ctx context.Context, r *Run) error {
			ran.Add(1)
			for i := range 10 {
				time.Sleep(leaseFor)
				if err := r.Save(ctx, []byte{byte(i)}, int64(i), 0); err != nil {
					return err
				}
			}
			return nil
		}
		q, _ := w.server(long)
		_, _ = w.server(long)
		w.add(q, work("a"))
		time.Sleep(11 * leaseFor)
		synctest.Wait()
		require.EqualValues(t, 1, ran.Load())
		w.ended("a")
	})
}

// A server is cut off from the store for longer than its lease, and comes back when another one has its job.
func TestWhoHasLostItsLeaseWritesNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		var lost error
		var saved error
		back := make(chan struct{})
		first, cut := w.server(func(ctx context.Context, r *Run) error {
			<-ctx.Done()
			lost = context.Cause(ctx)
			<-back
			saved = r.Save(context.WithoutCancel(ctx), []byte("stale"), 99, 0)
			return nil // which would end the job
		})
		w.add(first, work("a"))
		synctest.Wait()
		cut.down.Store(true)
		release := make(chan struct{})
		_, _ = w.server(func(ctx context.Context, r *Run) error {
			require.NoError(t, r.Save(ctx, []byte("fresh"), 1, 0))
			<-release
			return nil
		})
		time.Sleep(leaseFor + pollEvery)
		synctest.Wait()
		require.ErrorIs(t, lost, ErrLost)
		cut.down.Store(false)
		close(back)
		synctest.Wait()
		require.ErrorIs(t, saved, ErrLost)
		j, there := w.job("a")
		require.True(t, there, "it did not end the other's job")
		require.Equal(t, "fresh", string(j.Cursor))
		close(release)
		synctest.Wait()
		w.ended("a")
	})
}

func TestReplacingAJobFencesTheOneThatRuns(t *testing.T) {
	inWorld(t, func(w *world) {
		var ran []string
		var saved error
		q, _ := w.server(func(ctx context.Context, r *Run) error {
			ran = append(ran, string(r.Payload))
			if len(ran) == 1 {
				<-ctx.Done()
				saved = r.Save(context.WithoutCancel(ctx), []byte("x"), 1, 0)
			}
			return nil
		})
		n := work("a")
		n.Payload, n.Replace = []byte("old"), true
		w.add(q, n)
		synctest.Wait()
		n.Payload, n.Delay = []byte("new"), time.Minute
		w.add(q, n)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		require.Equal(t, []string{"old", "new"}, ran)
		require.ErrorIs(t, saved, ErrLost)
		w.ended("a")
	})
}

func TestAServerThatStopsGivesItsJobsBack(t *testing.T) {
	inWorld(t, func(w *world) {
		first, _ := w.server(func(ctx context.Context, r *Run) error {
			require.NoError(t, r.Save(ctx, []byte("half"), 1, 2))
			<-ctx.Done()
			return ctx.Err()
		})
		w.add(first, work("a"))
		synctest.Wait()
		first.Close()
		j, _ := w.job("a")
		require.Equal(t, Waiting, j.State)
		require.False(t, j.Due.After(time.Now()))
		require.Empty(t, j.Owner)
		require.Zero(t, j.Attempts)
		var cursor string
		_, _ = w.server(func(_ context.Context, r *Run) error { cursor = string(r.Cursor); return nil })
		synctest.Wait()
		require.Equal(t, "half", cursor, "no lease has to run out first")
	})
}

func TestTenantsTakeTurns(t *testing.T) {
	inWorld(t, func(w *world) {
		const many = 100
		step := make(chan struct{})
		var ran []chat.Tenant
		var mine, most atomic.Int32
		order := make(chan chat.Tenant, 2*many)
		q, _ := w.server(func(_ context.Context, r *Run) error {
			if r.Tenant == "flood" {
				most.Store(max(most.Load(), mine.Add(1)))
				defer mine.Add(-1)
			}
			order <- r.Tenant
			<-step
			return nil
		})
		for i := range many {
			w.add(q, NewJob{Ref: Ref{"flood", "work", fmt.Sprint(i)}})
		}
		synctest.Wait()
		for i := range 3 {
			w.add(q, NewJob{Ref: Ref{"other", "work", fmt.Sprint(i)}})
		}
		synctest.Wait()
		require.Len(t, order, ofOne+3, "the other tenant's jobs find free workers")
		for i := range 3 {
			w.add(q, NewJob{Ref: Ref{chat.Tenant(fmt.Sprint("third", i)), "work", "a"}})
		}
		for range many + 6 {
			step <- struct{}{}
			synctest.Wait()
		}
		close(order)
		for of := range order {
			ran = append(ran, of)
		}
		require.Len(t, ran, many+6)
		require.LessOrEqual(t, most.Load(), int32(ofOne))
		last := 0
		for i, of := range ran {
			if of != "flood" {
				last = i
			}
		}
		require.Less(t, last, 2*workers, "nobody waits for the flood")
	})
}

func TestFloodsOfStoredJobsAreReadInTurnsToo(t *testing.T) {
	inWorld(t, func(w *world) {
		for i := range 3 * pollEach {
			_, _, _ = w.store.AddJob(t.Context(), Job{Ref: Ref{"flood", "work", fmt.Sprint(i)}, Due: w.store.JobTime()})
		}
		_, _, _ = w.store.AddJob(t.Context(), Job{Ref: Ref{"other", "work", "a"}, Due: w.store.JobTime()})
		var ran, others atomic.Int32
		release := make(chan struct{})
		began := time.Now()
		_, _ = w.server(func(_ context.Context, r *Run) error {
			if ran.Add(1); r.Tenant == "other" {
				others.Add(1)
			}
			<-release
			return nil
		})
		synctest.Wait()
		require.EqualValues(t, ofOne+1, ran.Load())
		require.EqualValues(t, 1, others.Load())
		close(release)
		synctest.Wait()
		require.EqualValues(t, 3*pollEach+1, ran.Load())
		require.Zero(t, time.Since(began), "a full page is followed by the next one")
	})
}

func TestTooManyJobsOfATenantAreRefused(t *testing.T) {
	inWorld(t, func(w *world) {
		q := New(w.store, nil)
		defer q.Close()
		for i := range maxWaiting {
			n := work(fmt.Sprint(i))
			n.Delay = time.Hour
			w.add(q, n)
		}
		_, err := q.Add(t.Context(), work("one more"))
		require.ErrorIs(t, err, ErrFull)
		require.True(t, chat.IsKind(err, chat.RateLimited))
		require.ErrorAs(t, err, new(chat.RetryAfter))
		_, there := w.job("one more")
		require.False(t, there)
		w.add(q, NewJob{Ref: Ref{"other", "work", "a"}})
		require.NoError(t, q.Cancel(t.Context(), work("0").Ref))
		time.Sleep(2 * countFor)
		synctest.Wait()
		w.add(q, work("one more"))
	})
}

func TestAJobThatFailsTooOftenIsDeadUntilItIsRetried(t *testing.T) {
	inWorld(t, func(w *world) {
		var ran atomic.Int32
		var well atomic.Bool
		q, _ := w.server(func(_ context.Context, r *Run) error {
			if ran.Add(1); well.Load() {
				return nil
			}
			if ran.Load()%2 == 0 {
				panic("of the handler")
			}
			return errors.New("it does not work")
		})
		w.add(q, work("a"))
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		require.EqualValues(t, maxAttempts, ran.Load())
		all, err := q.List(t.Context(), 10, func(j Job) bool { return j.State == Dead })
		require.NoError(t, err)
		require.Len(t, all, 1)
		require.Contains(t, all[0].Failure, "panic: of the handler")

		well.Store(true)
		_, err = q.Retry(t.Context(), work("a").Ref)
		require.NoError(t, err)
		synctest.Wait()
		w.ended("a")
	})
}

func TestADeadJobThatIsAddedAnewRuns(t *testing.T) {
	inWorld(t, func(w *world) {
		_, _, _ = w.store.AddJob(t.Context(), Job{Ref: work("a").Ref, State: Dead, Cursor: []byte("half")})
		var cursor string
		q, _ := w.server(func(_ context.Context, r *Run) error { cursor = string(r.Cursor); return nil })
		w.add(q, work("a"))
		synctest.Wait()
		require.Equal(t, "half", cursor)
		w.ended("a")
	})
}

func TestProgressAndFailuresOfTheStoreKeepAJobAlive(t *testing.T) {
	inWorld(t, func(w *world) {
		var ran atomic.Int32
		q, _ := w.server(func(ctx context.Context, r *Run) error {
			switch ran.Add(1); r.Key {
			case "progress":
				require.NoError(t, r.Save(ctx, []byte{1}, r.Done+1, 0))
				return errors.New("it does not work")
			default:
				return errDown
			}
		})
		w.add(q, work("progress"))
		w.add(q, work("store"))
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		for _, key := range []string{"progress", "store"} {
			j, _ := w.job(key)
			require.Equal(t, Waiting, j.State, key)
		}
		require.Greater(t, ran.Load(), int32(2*maxAttempts))
	})
}

func TestAHandlerMayGoOnLater(t *testing.T) {
	inWorld(t, func(w *world) {
		var at []time.Duration
		began := time.Now()
		q, _ := w.server(func(context.Context, *Run) error {
			if at = append(at, time.Since(began).Truncate(time.Second)); len(at) == 3 {
				return nil
			}
			return fmt.Errorf("wrapped: %w", After(time.Minute))
		})
		w.add(q, work("a"))
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Equal(t, []time.Duration{0, time.Minute, 2 * time.Minute}, at)
		w.ended("a")
	})
}

func TestJobsOfUnknownKindsAreLeftToOthers(t *testing.T) {
	inWorld(t, func(w *world) {
		q := New(w.store, nil)
		q.Start()
		defer q.Close()
		w.add(q, work("a"))
		time.Sleep(time.Minute)
		synctest.Wait()
		j, _ := w.job("a")
		require.Equal(t, Waiting, j.State)
		ran := false
		_, _ = w.server(func(context.Context, *Run) error { ran = true; return nil })
		synctest.Wait()
		require.True(t, ran)
	})
}

func TestACancelledJobEnds(t *testing.T) {
	inWorld(t, func(w *world) {
		var lost error
		q, _ := w.server(func(ctx context.Context, _ *Run) error { <-ctx.Done(); lost = context.Cause(ctx); return ctx.Err() })
		w.add(q, work("a"))
		synctest.Wait()
		require.NoError(t, q.Cancel(t.Context(), work("a").Ref))
		time.Sleep(leaseFor)
		synctest.Wait()
		require.ErrorIs(t, lost, ErrLost)
		w.ended("a")
		require.NoError(t, q.Cancel(t.Context(), work("a").Ref))
	})
}
