package upkeep

import (
	"context"
	"errors"
	"maps"
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
	// sweepPage is how many deletions are read in one go.
	sweepPage = 100
)

// sweepDeleted removes what deleted rooms left on disk, without delay and once more when nobody can be
// writing any more. A crash ends nothing: the store keeps the deletions.
func (s *Service) sweepDeleted(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	swept := map[chat.RoomRef]time.Time{} // when the first sweep of these was done
	for {
		swept = s.sweepOnce(ctx, swept)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.domain.RoomDeleted():
		}
	}
}

// sweepOnce goes through all deletions once; a deletion that is slow or cannot be finished holds none of the others up
// until the next time. What comes while it is under way has its turn then, so that it ends. swept has when the first
// sweep of a deletion was done; it returns those that wait for their last sweep.
func (s *Service) sweepOnce(ctx context.Context, swept map[chat.RoomRef]time.Time) map[chat.RoomRef]time.Time {
	began := s.now()
	at, err := s.store.RemovalTime(ctx)
	waiting := map[chat.RoomRef]time.Time{}
	if err == nil {
		err = s.eachSweep(ctx, func(d chat.Sweep) {
			first, once := swept[d.Room]
			final := at.Sub(d.DeletedAt) > sweepGrace || once && began.Sub(first) > sweepGrace
			done := once && !final
			if fresh := d.DeletedAt.After(began) && !d.DeletedAt.After(s.now()); !done && !fresh {
				done = s.sweep(ctx, d, final)
			}
			switch {
			case done && final:
				s.sweeping.forget(d.Room)
			case done && once:
				waiting[d.Room] = first
			case done:
				waiting[d.Room] = began
			}
		})
	}
	if err != nil {
		if ctx.Err() == nil {
			s.log.Warn("deleted rooms wait to be cleared", "error", err)
		}
		return swept
	}
	s.sweeping.keep(waiting) // others may have ended the rest
	return waiting
}

func (s *Service) eachSweep(ctx context.Context, visit func(chat.Sweep)) error {
	for after := (chat.Sweep{}); ; {
		page, err := s.store.Sweeps(ctx, after, sweepPage)
		if err != nil {
			return err
		}
		for _, d := range page {
			visit(d)
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		if len(page) < sweepPage {
			return nil
		}
		after = page[len(page)-1]
	}
}

// sweep removes what there is of one room now, and with final ends its deletion.
func (s *Service) sweep(ctx context.Context, d chat.Sweep, final bool) (done bool) {
	err := s.store.SweepRoom(ctx, d, func(removed int) { s.sweeping.set(d.Room, removed) })
	gone, goneErr := s.domain.EndRoom(ctx, chat.Place{Tenant: d.Tenant, Room: d.Room})
	if err = errors.Join(err, goneErr); err == nil && final && gone {
		err = s.store.EndSweep(ctx, d)
	}
	if err != nil && ctx.Err() == nil {
		s.log.Warn("a deleted room is not cleared yet", "room", d.Room.Name, "error", err)
	}
	return err == nil && gone
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
	todo, err := s.store.Sweeps(ctx, chat.Sweep{}, maxDeletions)
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

// keep forgets all but those.
func (w *sweeping) keep(rooms map[chat.RoomRef]time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	maps.DeleteFunc(w.removed, func(r chat.RoomRef, _ int) bool { return rooms[r].IsZero() })
}

func (w *sweeping) of(r chat.RoomRef) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.removed[r]
}
