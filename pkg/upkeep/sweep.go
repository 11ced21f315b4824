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
	// sweepEvery is the interval at which a node looks for unfinished deletions.
	sweepEvery = time.Minute
	// sweepGrace is how long after a deletion a write to the room may still be running. It is well above writeTimeout
	// plus cache.Brief. A deletion that was dated by a clock that was ahead ends that long after its first sweep on this
	// node.
	sweepGrace = 2 * time.Minute
	// sweepPage is how many deletions are read at a time.
	sweepPage = 100
)

// sweepDeleted removes the rows that deleted rooms left on disk: immediately, and once more when no write to the room
// can be running any more. A crash loses nothing, because the store keeps the deletions.
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

// sweepOnce sweeps all deletions once. A deletion that is slow or fails does not keep the others from being swept. A
// deletion that is added meanwhile is swept the next time, so that sweepOnce ends. swept holds the time of the first
// sweep of each deletion. The result holds the deletions that wait for their last sweep.
func (s *Service) sweepOnce(ctx context.Context, swept map[chat.RoomRef]time.Time) map[chat.RoomRef]time.Time {
	began := s.now()
	waiting := map[chat.RoomRef]time.Time{}
	err := s.eachSweep(ctx, func(d chat.Sweep, at time.Time) {
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
	if err != nil {
		if ctx.Err() == nil {
			s.log.Warn("deleted rooms wait to be cleared", "error", err)
		}
		return swept
	}
	s.sweeping.keep(waiting) // other nodes may have ended the rest
	return waiting
}

// eachSweep visits all deletions, with the store's removal time. It reads the time once, and only if there is a
// deletion: on a shared store that takes several reads and a transaction.
func (s *Service) eachSweep(ctx context.Context, visit func(d chat.Sweep, at time.Time)) error {
	var at time.Time
	for after := (chat.Sweep{}); ; {
		page, err := s.store.Sweeps(ctx, after, sweepPage)
		if err != nil {
			return err
		}
		if len(page) > 0 && at.IsZero() {
			if at, err = s.store.RemovalTime(ctx); err != nil {
				return err
			}
		}
		for _, d := range page {
			visit(d, at)
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

// sweep removes the rows that a room has now, and ends its deletion if final.
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

// Deletions returns up to a thousand deletions of rooms that have not ended. A deletion stays for some minutes after
// its rows are gone, until no write to the room can be running any more.
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

// sweeping is the progress of this node's sweeps.
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
	// A later sweep counts from zero again.
	w.removed[r] = max(n, w.removed[r])
}

func (w *sweeping) forget(r chat.RoomRef) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.removed, r)
}

// keep removes the progress of all other rooms.
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
