package cache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// board is a store of numbers by name, and of announcements.
type board struct {
	mu      sync.Mutex
	alone   bool
	values  map[string]int
	said    []said
	loads   int
	asked   []time.Duration
	down    error
	pausing func(what string) // if set, called without the lock
}

type said struct {
	at  time.Time
	key string
}

func (b *board) pause(what string) {
	if b.pausing != nil {
		b.pausing(what)
	}
}

func (b *board) Shared() bool { return !b.alone }

func (b *board) OnAnnounce(func(string)) func() { return func() {} }

func (b *board) Announced(_ context.Context, span time.Duration, limit int) ([]string, error) {
	b.pause("poll")
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked = append(b.asked, span)
	var keys []string
	for _, s := range b.said {
		if s.at.After(time.Now().Add(-span)) && len(keys) < limit {
			keys = append(keys, s.key)
		}
	}
	return keys, b.down
}

func (b *board) say(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.said = append(b.said, said{time.Now(), key})
}

func (b *board) set(k string, v int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.values[k] = v
}

func (b *board) load(_ context.Context, k string) (int, error) {
	b.mu.Lock()
	b.loads++
	v := b.values[k]
	b.mu.Unlock()
	b.pause("load")
	return v, nil
}

func (b *board) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = err
}

// loaded returns how often something was loaded since the last call.
func (b *board) loaded() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.loads
	b.loads = 0
	return n
}

type world struct {
	*board
	*Cache[string, int]
	t *testing.T
	w *Watcher
}

var quiet = slog.New(slog.DiscardHandler)

// in runs a test on a node with a board, in a bubble of time.
func in(t *testing.T, set func(*world), test func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, board: &board{values: map[string]int{"a": 1, "b": 1}}}
		if set != nil {
			set(w)
		}
		w.w = New(w.board, time.Now, quiet, nil)
		w.Cache = Of(Options[string, int]{Watcher: w.w, Name: func(k string) string { return k }, Load: w.load, Now: time.Now, Size: 100})
		w.w.Start()
		defer w.Cache.Close()
		defer w.w.Close()
		synctest.Wait()
		test(w)
	})
}

func (w *world) is(k string, want int) {
	w.t.Helper()
	v, err := w.Get(w.t.Context(), k)
	require.NoError(w.t, err)
	require.Equal(w.t, want, v)
}

// uses looks at k each half second for so long, and returns how often that loaded it.
func (w *world) uses(k string, d time.Duration) int {
	w.t.Helper()
	w.loaded()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(Brief / 2) {
		_, err := w.Get(w.t.Context(), k)
		require.NoError(w.t, err)
	}
	return w.loaded()
}

func TestNothingIsLoadedInTheUsualCase(t *testing.T) {
	in(t, nil, func(w *world) {
		require.Equal(t, 1, w.uses("a", CacheFor))
		require.Equal(t, 1, w.uses("a", CacheFor), "it is loaded again, should an announcement be lost")
	})
	in(t, func(w *world) { w.alone = true }, func(w *world) {
		require.Equal(t, 1, w.uses("a", CacheFor))
		require.Empty(t, w.asked, "a store of one process")
		w.set("a", 2)
		w.Forget("a")
		w.is("a", 2)
	})
}

func TestWithoutAWatcherNothingIsBelievedForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, board: &board{values: map[string]int{}}}
		w.Cache = Of(Options[string, int]{Name: func(k string) string { return k }, Load: w.load, Now: time.Now, Size: 100})
		defer w.Cache.Close()
		require.Equal(t, 10, w.uses("a", 10*time.Second))
	})
}

// A node that hears directly of an announcement uses the new value when the change is answered, also what it has just read.
func TestWhatIsHeardHoldsWhenItIsAnswered(t *testing.T) {
	in(t, nil, func(w *world) {
		for v := 2; v < 5; v++ {
			w.is("a", v-1)
			w.is("b", 1)
			w.loaded()
			w.w.Hear("a")
			time.Sleep(time.Millisecond)
			w.is("a", v-1) // before the change has begun
			w.set("a", v)
			time.Sleep(time.Millisecond)
			w.is("a", v)
			w.is("b", 1)
			require.Equal(t, 2, w.loaded(), "others are not read")
			time.Sleep(heardFor - 3*time.Millisecond)
			w.is("a", v)
			require.Equal(t, 1, w.loaded(), "the change may be under way still")
			time.Sleep(time.Millisecond)
		}
		time.Sleep(2 * heardFor)
		w.is("a", 4)
		w.loaded()
		time.Sleep(Brief / 2)
		w.is("a", 4)
		require.Zero(t, w.loaded())
	})
	in(t, nil, func(w *world) {
		for i := range 3 * maxHeard {
			w.w.Hear(fmt.Sprint(i))
		}
		require.Len(t, w.w.heard.young, maxHeard)
	})
}

func TestWhatIsAnnouncedIsInDoubt(t *testing.T) {
	in(t, nil, func(w *world) {
		w.is("a", 1)
		w.is("b", 1)
		time.Sleep(5 * time.Second)
		w.say("a")
		time.Sleep(10 * time.Second) // the change takes long after its announcement
		w.set("a", 2)
		time.Sleep(Brief)
		w.is("a", 2)
		require.GreaterOrEqual(t, w.uses("a", 30*time.Second), 29)
		w.is("b", 1)
		require.Zero(t, w.loaded(), "others are not")
		time.Sleep(2*doubtFor + Overlap)
		require.Equal(t, 1, w.uses("a", CacheFor), "it has an end")
	})
}

// A read that began before a change, and ends after all nodes have received the announcement.
func TestALateReadIsNotBelieved(t *testing.T) {
	goOn := make(chan struct{})
	var slow bool
	in(t, func(w *world) {
		goOn = make(chan struct{})
		w.pausing = func(what string) {
			if what == "load" && slow {
				slow = false
				<-goOn
			}
		}
	}, func(w *world) {
		slow = true
		var reading sync.WaitGroup
		reading.Go(func() { w.is("a", 1) })
		time.Sleep(time.Second)
		w.say("a")
		w.set("a", 2)
		time.Sleep(2 * time.Second)
		close(goOn)
		reading.Wait()
		w.is("a", 2)
	})
}

func TestWithoutPollsNothingIsBelievedForLong(t *testing.T) {
	in(t, nil, func(w *world) {
		w.is("a", 1)
		w.fail(errors.New("the store is down"))
		require.Zero(t, w.uses("a", freshFor-pollEvery))
		require.GreaterOrEqual(t, w.uses("a", 20*time.Second), 19)
		w.say("a") // too long ago to be received without the overlap
		time.Sleep(5 * time.Second)
		w.fail(nil)
		time.Sleep(pollEvery)
		require.Equal(t, 10, w.uses("a", 10*time.Second), "what was announced meanwhile is received")
		require.Equal(t, 1, w.uses("b", 10*time.Second))
	})
}

// After a gap, a value that was read before it is not used, whatever was announced in it.
func TestAGapForgetsEverything(t *testing.T) {
	in(t, nil, func(w *world) {
		w.is("a", 1)
		w.fail(errors.New("the store is down"))
		time.Sleep(time.Second)
		w.set("a", 2) // its announcement is lost with the table
		time.Sleep(longestGap + pollEvery)
		w.fail(nil)
		time.Sleep(pollEvery)
		require.Less(t, longestGap+5*time.Second, CacheFor, "it is for no other reason that it is read anew")
		w.is("a", 2)
		require.Equal(t, ChangeFor+Overlap, w.asked[len(w.asked)-1])
		require.Zero(t, w.uses("a", 20*time.Second), "and then all is as ever")
	})
}

func TestSlowPollsMakeNothingFresh(t *testing.T) {
	in(t, func(w *world) {
		w.pausing = func(what string) {
			if what == "poll" {
				time.Sleep(freshFor)
			}
		}
	}, func(w *world) {
		require.Equal(t, 10, w.uses("a", 10*time.Second))
	})
}

func TestWithTooMuchToHearAllIsInDoubt(t *testing.T) {
	in(t, nil, func(w *world) {
		w.is("a", 1)
		time.Sleep(2 * time.Second)
		for range maxHeard {
			w.say("x")
		}
		w.say("a") // no node receives it
		w.set("a", 2)
		time.Sleep(Brief)
		w.is("a", 2)
		require.GreaterOrEqual(t, w.uses("b", 30*time.Second), 29)
		time.Sleep(doubtFor + Overlap)
		require.Equal(t, 1, w.uses("b", 30*time.Second))
	})
}

func TestGoodDecidesToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, board: &board{alone: true, values: map[string]int{"a": 1}}}
		good := true
		w.Cache = Of(Options[string, int]{Watcher: New(w.board, time.Now, quiet, nil), Name: func(k string) string { return k },
			Good: func(int) bool { return good }, Load: w.load, Now: time.Now, Size: 100})
		defer w.Cache.Close()
		w.is("a", 1)
		time.Sleep(time.Millisecond)
		w.set("a", 2)
		w.is("a", 1)
		good = false
		w.is("a", 2)
	})
}

func TestErrorsAreNotRemembered(t *testing.T) {
	err := errors.New("no")
	c := Of(Options[int, int]{Load: func(context.Context, int) (int, error) { return 1, err }, Now: time.Now, Size: 1})
	defer c.Close()
	_, got := c.Get(t.Context(), 1)
	require.ErrorIs(t, got, err)
	err = nil
	v, got := c.Get(t.Context(), 1)
	require.NoError(t, got)
	require.Equal(t, 1, v)
}

func TestTheLongerClockHolds(t *testing.T) {
	now := time.Now()
	require.Equal(t, time.Minute, Elapsed(now, now.Add(time.Minute)))
	suspended := now.Round(0).Add(time.Hour) // a reading without the clock that stood still
	require.Equal(t, time.Hour, Elapsed(now, suspended).Round(time.Second))
}

func TestAnnouncing(t *testing.T) {
	fault := errors.New("fault")
	for name, c := range map[string]struct {
		took  time.Duration
		fails string
		want  []string
	}{
		"as ever":                   {0, "", []string{"announced", "changed"}},
		"slow":                      {ChangeFor + 1, "", []string{"announced", "changed", "announced"}},
		"not announced":             {0, "announced", []string{"announced"}},
		"not changed":               {ChangeFor + 1, "changed", []string{"announced", "changed"}},
		"not announced once more":   {ChangeFor + 1, "announced announced", []string{"announced", "changed", "announced"}},
		"as slow as it may just be": {ChangeFor, "", []string{"announced", "changed"}},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Unix(1e9, 0)
			var did []string
			n := 0
			err := Announcing(t.Context(), func() time.Time { return now }, func(ctx context.Context) error {
				did = append(did, "announced")
				_, bounded := ctx.Deadline()
				require.True(t, bounded)
				n++
				if c.fails == "announced" || n == 2 && c.fails == "announced announced" {
					return fault
				}
				return nil
			}, func() error {
				did = append(did, "changed")
				now = now.Add(c.took)
				if c.fails == "changed" {
					return fault
				}
				return nil
			})
			require.Equal(t, c.want, did)
			require.Equal(t, c.fails != "", err != nil)
		})
	}
}

// GetAll does not read values that may be used. It reads keys in doubt again, together with keys that are not cached.
func TestGetAll(t *testing.T) {
	in(t, nil, func(w *world) {
		var asked [][]string
		load := func(_ context.Context, ks []string) (map[string]int, error) {
			slices.Sort(ks)
			asked = append(asked, ks)
			out := map[string]int{}
			for _, k := range ks {
				if v, ok := w.values[k]; ok {
					out[k] = v
				}
			}
			return out, nil
		}
		all := func() map[string]int {
			asked = nil
			got, err := w.GetAll(w.t.Context(), []string{"a", "b", "none"}, load)
			require.NoError(t, err)
			return got
		}
		w.is("a", 1)
		require.Equal(t, map[string]int{"a": 1, "b": 1}, all())
		require.Equal(t, [][]string{{"b", "none"}}, asked)
		time.Sleep(10 * time.Second)
		require.Equal(t, map[string]int{"a": 1, "b": 1}, all())
		require.Equal(t, [][]string{{"none"}}, asked)
		w.say("b")
		w.set("b", 2)
		time.Sleep(Brief)
		require.Equal(t, map[string]int{"a": 1, "b": 2}, all())
		require.Contains(t, asked, []string{"b", "none"})
		require.NotContains(t, slices.Concat(asked...), "a")
		w.loaded()
		w.is("b", 2)
		require.Zero(t, w.loaded(), "it is remembered")
		_, err := w.GetAll(w.t.Context(), []string{"c"}, func(context.Context, []string) (map[string]int, error) { return nil, errors.New("down") })
		require.Error(t, err)
	})
}

func TestACacheIsAsLargeAsThereIsMemoryFor(t *testing.T) {
	for _, c := range []struct {
		entries func(most int) int
		want    uint64
	}{{nil, 100}, {func(most int) int { return most / 4 }, 25}} {
		w := New(&board{}, time.Now, quiet, c.entries)
		kept := Of(Options[string, int]{Watcher: w, Size: 100, Now: time.Now})
		require.Equal(t, c.want, kept.entries.GetMaximum())
		kept.Close()
	}
	var none *Watcher
	require.Equal(t, 100, none.Entries(100))
}
