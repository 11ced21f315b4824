package cache

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/confab-chat/confab/pkg/guard"
)

// Announcements are the changes that a store announces because they make cached values stale. The comments in pkg/chat
// and pkg/auth say which methods of a store announce which keys.
type Announcements interface {
	// Shared reports whether other processes may change what the store holds. If not, there is nothing to announce, and
	// Announced returns nothing.
	Shared() bool
	// Announced returns the keys that were announced in the last span of time, by the store's own clocks. It may also
	// return keys from up to two milliseconds before. Span is any length above 0. The order is undefined, and keys may
	// be repeated. If there are more than limit, it returns limit of them. It shows every announcement that was
	// acknowledged before the call. A method that announces gets the acknowledgement before its change takes effect;
	// see the package.
	Announced(ctx context.Context, span time.Duration, limit int) (keys []string, err error)
	// OnAnnounce makes f be called with each key that this process announces, when the announcement is acknowledged and
	// the change has not begun, until cancel is called. The change waits for f. See Watcher.Hear.
	OnAnnounce(f func(key string)) (cancel func())
}

// Watcher polls the announcements of a store and decides whether a cached value may be used. It may be used
// concurrently. A nil Watcher allows no value to be used for longer than Brief.
type Watcher struct {
	store  Announcements
	shared bool
	now    func() time.Time
	log    *slog.Logger
	// entries returns how many entries a cache keeps that keeps most at best.
	entries func(most int) int

	ctx     context.Context // ends with Close
	stop    context.CancelFunc
	stopped sync.WaitGroup
	// changed receives after each poll that leaves something to check; see Recheck.
	changed chan struct{}

	polling sync.Mutex // one poll at a time; taken before mu

	mu sync.RWMutex
	// polled is when the last completed poll began. run is when the first poll of the present run began.
	polled, run time.Time
	doubts      recent // announced keys
	// allUntil is the time until which all keys are in doubt.
	allUntil time.Time
	failing  bool
	heard    recent // keys of Hear
	// heardUntil is when the last of them is let go.
	heardUntil atomic.Pointer[time.Time]
	// changing has the announced keys whose change may not have taken effect yet, with the time when each was last
	// received. Until allChangingUntil, those are all keys; missed says that some may have been announced unseen.
	changing         map[string]time.Time
	allChangingUntil time.Time
	missed           bool
}

// New returns a watcher of a store. It has not polled yet; see Start and Poll. entries bounds the caches that the watcher
// watches: it returns how many entries a cache keeps that keeps most at best; nil: most.
func New(store Announcements, now func() time.Time, log *slog.Logger, entries func(most int) int) *Watcher {
	return &Watcher{store: store, shared: store.Shared(), now: now, log: log, entries: entries, doubts: recent{keep: doubtFor}, heard: recent{keep: heardFor},
		changing: map[string]time.Time{}, changed: make(chan struct{}, 1)}
}

// Entries returns how many entries a cache keeps that keeps most at best.
func (w *Watcher) Entries(most int) int {
	if w == nil || w.entries == nil {
		return most
	}
	return w.entries(most)
}

// Start polls from now on, until Close.
func (w *Watcher) Start() {
	if !w.shared {
		return
	}
	w.ctx, w.stop = context.WithCancel(context.Background())
	w.stopped.Go(func() { guard.Keep(w.ctx, w.log, "reading announcements", w.poll) })
}

// Recheck calls check after polls, for what is not read anew for each request: open connections. After each change that
// is announced and answered it is called, within pollEvery and the time that the previous call takes, with the key of
// the change. It may be called more often, and before the change takes effect. With all, any key may have changed.
// It has to be called after Start, once; one goroutine makes all calls. The function that it returns ends that
// goroutine and waits for it.
func (w *Watcher) Recheck(check func(ctx context.Context, keys []string, all bool)) (stop func()) {
	if w.stop == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(w.ctx)
	var ended sync.WaitGroup
	ended.Go(func() {
		guard.Keep(ctx, w.log, "checking what was announced", func(ctx context.Context) {
			for {
				select {
				case <-ctx.Done():
					return
				case <-w.changed:
				}
				if keys, all := w.takeChanging(); len(keys) > 0 || all {
					check(ctx, keys, all)
				}
			}
		})
	})
	return func() {
		cancel()
		ended.Wait()
	}
}

// takeChanging returns what Recheck has to check now.
func (w *Watcher) takeChanging() (keys []string, all bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all = w.missed || w.now().Before(w.allChangingUntil)
	w.missed = false
	for k := range w.changing {
		keys = append(keys, k)
	}
	return keys, all
}

// noteChanging keeps what a poll received for Recheck. A change takes effect at most ChangeFor after its announcement
// was acknowledged, or is announced again. w.mu is held.
func (w *Watcher) noteChanging(keys []string, received time.Time, gap bool) {
	maps.DeleteFunc(w.changing, func(_ string, last time.Time) bool { return received.Sub(last) > ChangeFor })
	for _, k := range keys {
		w.changing[k] = received
	}
	if len(keys) >= maxHeard || len(w.changing) > maxDoubts {
		w.allChangingUntil = received.Add(ChangeFor)
		clear(w.changing)
	}
	w.missed = w.missed || gap
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

func (w *Watcher) poll(ctx context.Context) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		w.note(ctx, w.Poll(ctx))
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// Close ends the polling and waits for it.
func (w *Watcher) Close() {
	if w == nil || w.stop == nil {
		return
	}
	w.stop()
	w.stopped.Wait()
}

// note writes to the log when polls begin to fail and when they succeed again.
func (w *Watcher) note(ctx context.Context, err error) {
	if ctx.Err() != nil || w.failing == (err != nil) {
		return
	}
	w.failing = err != nil
	if w.failing {
		w.log.Warn("announcements of the store cannot be read; sessions and rooms are read anew each second", "error", err)
	} else {
		w.log.Info("announcements of the store are read again")
	}
}

// Poll reads the announcements once.
func (w *Watcher) Poll(ctx context.Context) error {
	w.polling.Lock()
	defer w.polling.Unlock()
	ctx, cancel := context.WithTimeout(ctx, pollFor)
	defer cancel()
	began := w.now()
	w.mu.RLock()
	last := w.polled
	w.mu.RUnlock()
	since := Elapsed(last, began)
	gap := last.IsZero() || since > longestGap
	if gap {
		since = ChangeFor
	}
	keys, err := w.store.Announced(ctx, since+Overlap, maxHeard)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	received := w.now()
	w.doubts.turn(received)
	for _, k := range keys {
		w.doubts.add(k)
	}
	if len(keys) >= maxHeard || len(w.doubts.young) > maxDoubts {
		w.allUntil = received.Add(doubtFor)
		w.doubts.dropYoung()
	}
	if gap {
		w.run = began
	}
	w.polled = began
	w.noteChanging(keys, received, gap)
	return nil
}

// Hear is for nodes that can tell each other what they announce (Announcements.OnAnnounce): for heardFor, no cached value
// of the key is used that was not read for the call that asks. So a change that takes less than that holds on all nodes
// when it is answered. What is not heard is only known later; see the package. At most maxHeard keys are kept for heardFor.
func (w *Watcher) Hear(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	w.heard.turn(now)
	if len(w.heard.young) < maxHeard {
		w.heard.add(key)
	}
	until := now.Add(2 * heardFor)
	w.heardUntil.Store(&until)
}

// hears reports whether a key was heard less than heardFor ago, or a little more.
func (w *Watcher) hears(now time.Time, key func() string) bool {
	if w == nil {
		return false
	}
	until := w.heardUntil.Load()
	if until == nil || !now.Before(*until) {
		return false
	}
	k := key()
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.heard.has(k)
}

// believes reports whether a value whose read began at began may be used now. It calls key only if the result depends
// on it.
func (w *Watcher) believes(began, now time.Time, key func() string) bool {
	if w.hears(now, key) {
		return false
	}
	age := Elapsed(began, now)
	if age < Brief {
		return true
	}
	if w == nil || age >= CacheFor {
		return false
	}
	if !w.shared {
		return true
	}
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.polled.IsZero() || Elapsed(w.polled, now) >= freshFor || began.Before(w.run) || now.Before(w.allUntil) {
		return false
	}
	return w.doubts.empty() || !w.doubts.has(key())
}

// Elapsed returns the time between two moments: the longer one of what the wall clock and the monotonic clock show.
// Only the wall clock counts the time of a suspended machine, and only the monotonic clock is right after the wall
// clock was set back.
func Elapsed(then, now time.Time) time.Duration {
	return max(now.Sub(then), now.Round(0).Sub(then.Round(0)))
}
