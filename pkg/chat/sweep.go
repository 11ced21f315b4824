package chat

import (
	"context"
	"time"
)

const (
	// sweepEvery is how often a node looks for deletions that were left unfinished.
	sweepEvery = time.Minute
	// sweepGrace is how long after a deletion writers may still be under way that knew
	// the room. It is well above writeTimeout and cache.Brief together.
	sweepGrace = 2 * time.Minute
	// sweepPage is how many deletions are looked at in one go.
	sweepPage = 100
)

func (s *Service) sweepSoon() {
	select {
	case s.sweep <- struct{}{}:
	default:
	}
}

// sweepDeleted removes what deleted rooms left on disk, at once and again when nobody can be
// writing any more. A crash ends nothing: the store remembers the deletions.
func (s *Service) sweepDeleted(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	swept := map[RoomRef]bool{} // the first sweep of these is done
	for {
		s.sweepOnce(ctx, swept)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.sweep:
		}
	}
}

func (s *Service) sweepOnce(ctx context.Context, swept map[RoomRef]bool) {
	todo, err := s.store.Sweeps(ctx, sweepPage)
	if err != nil {
		if ctx.Err() == nil {
			s.log.Warn("deleted rooms wait to be cleared", "error", err)
		}
		return
	}
	for _, d := range todo {
		final := s.now().Sub(d.DeletedAt) > sweepGrace
		if swept[d.Room] && !final {
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
		swept[d.Room] = true
		if final {
			delete(swept, d.Room)
			s.sweeping.forget(d.Room)
		}
	}
}
