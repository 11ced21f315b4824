package cache

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// checks are the calls of a Recheck.
type checks struct {
	mu   sync.Mutex
	keys map[string]time.Time // when each key was last checked
	all  time.Time
}

func (c *checks) check(_ context.Context, keys []string, all bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range keys {
		c.keys[k] = time.Now()
	}
	if all {
		c.all = time.Now()
	}
}

// since returns how long ago the key was checked.
func (c *checks) since(key string) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if key == "" {
		return time.Since(c.all)
	}
	return time.Since(c.keys[key])
}

func checking(t *testing.T, test func(w *world, c *checks)) {
	in(t, nil, func(w *world) {
		c := &checks{keys: map[string]time.Time{}}
		stop := w.w.Recheck(c.check)
		defer stop()
		test(w, c)
	})
}

// A change may take effect long after its announcement. Until it can take no longer, it is checked all the time.
func TestAnAnnouncedKeyIsCheckedUntilItsChangeHasTakenEffect(t *testing.T) {
	checking(t, func(w *world, c *checks) {
		time.Sleep(10 * time.Second)
		w.say("a")
		time.Sleep(pollEvery + time.Millisecond)
		for end := time.Now().Add(ChangeFor); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			require.LessOrEqual(t, c.since("a"), pollEvery)
		}
		time.Sleep(2 * (Overlap + pollEvery))
		require.Greater(t, c.since("a"), Overlap, "it has an end")
		require.Greater(t, c.since("b"), time.Hour, "others are not checked")
		require.Greater(t, c.since(""), 10*time.Second)
	})
}

func TestWhatMayHaveBeenAnnouncedUnseenIsChecked(t *testing.T) {
	checking(t, func(w *world, c *checks) {
		time.Sleep(10 * time.Second)
		w.fail(errors.New("the store is down"))
		time.Sleep(longestGap + pollEvery)
		require.Greater(t, c.since(""), longestGap)
		w.fail(nil)
		time.Sleep(2 * pollEvery)
		require.LessOrEqual(t, c.since(""), 2*pollEvery, "a gap")
		time.Sleep(time.Minute)
		for range maxHeard {
			w.say("x")
		}
		w.say("a") // no node receives it
		time.Sleep(ChangeFor + time.Millisecond)
		require.LessOrEqual(t, c.since(""), pollEvery, "more than can be read")
	})
}

func TestAStoreOfOneProcessHasNothingToCheck(t *testing.T) {
	in(t, func(w *world) { w.alone = true }, func(w *world) {
		stop := w.w.Recheck(func(context.Context, []string, bool) { t.Error("checked") })
		time.Sleep(time.Minute)
		stop()
	})
}
