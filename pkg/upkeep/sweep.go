package upkeep

import (
	"context"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
)

const (
	// sweepEvery is how often a node looks for deletions that were left unfinished.
	sweepEvery = time.Minute
	// sweepGrace is how long after a deletion writers may still be under way that knew
	// the room. It is well above writeTimeout and cache.Brief together. A deletion that was dated by a clock that was
	// ahead ends that long after its first sweep on this node.
	sweepGrace = 2 * time.Minute
	// sweepPage is how many deletions are looked at in one go.
	sweepPage = 100
)

// sweepDeleted removes what deleted rooms left on disk, at once and again when nobody can be
// writing any more. A crash ends nothing: the store remembers the deletions.
func (s *Service) sweepDeleted(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	swept := map[chat.RoomRef]time.Time{} // when the first sweep of these was done
	for {
		s.sweepOnce(ctx, swept)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.domain.RoomDeleted():
		}
	}
}

func (s *Service) sweepOnce(ctx context.Context, swept map[chat.RoomRef]time.Time) {
	todo, err := s.store.Sweeps(ctx, sweepPage)
	if err != nil {
		if ctx.Err() == nil {
			s.log.Warn("deleted rooms wait to be cleared", "error", err)
		}
		return
	}
	if len(todo) == 0 {
		return
	}
	at, err := s.store.RemovalTime(ctx)
	if err != nil {
		s.log.Warn("deleted rooms wait to be cleared", "error", err)
		return
	}
	for _, d := range todo {
		first, again := swept[d.Room]
		final := at.Sub(d.DeletedAt) > sweepGrace || again && s.now().Sub(first) > sweepGrace
		if again && !final {
			continue
		}
		err := s.store.SweepRoom(ctx, d, func(removed int) { s.sweeping.set(d.Room, removed) })
		if err == nil && final {
			err = s.store.EndSweep(ctx, d)
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			s.log.Warn("a deleted room is not cleared yet", "room", d.Room.Name, "error", err)
			continue
		}
		if !again {
			swept[d.Room] = s.now()
		}
		if final {
			delete(swept, d.Room)
			s.sweeping.forget(d.Room)
		}
	}
}

// Deletion is a deleted room whose rows are being removed.
type Deletion struct {
	chat.Sweep
	// Removed is how many rows or partitions this node has removed.
	Removed int
}

// maxDeletions bounds the answer of Deletions.
const maxDeletions = 1000

// Deletions returns deletions of rooms that have not ended, a thousand at most. One stays for some minutes after its
// rows are gone, until nobody can be writing any more.
func (s *Service) Deletions(ctx context.Context) ([]Deletion, error) {
	todo, err := s.store.Sweeps(ctx, maxDeletions)
	if err != nil {
		return nil, err
	}
	out := make([]Deletion, len(todo))
	for i, d := range todo {
		out[i] = Deletion{Sweep: d, Removed: s.sweeping.of(d.Room)}
	}
	return out, nil
}

// sweeping is how far this node's sweeps are.
type sweeping struct {
	mu      sync.Mutex
	removed map[chat.RoomRef]int
}

func (w *sweeping) set(r chat.RoomRef, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.removed == nil {
		w.removed = map[chat.RoomRef]int{}
	}
	// A later sweep begins at zero again.
	w.removed[r] = max(n, w.removed[r])
}

func (w *sweeping) forget(r chat.RoomRef) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.removed, r)
}

func (w *sweeping) of(r chat.RoomRef) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.removed[r]
}
