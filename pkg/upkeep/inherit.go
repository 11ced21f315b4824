package upkeep

import (
	"context"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/jobs"
)

const (
	// inheritEvery is the interval at which a server takes over what a server of an earlier version has left.
	inheritEvery = time.Hour
	// inherited is how much is taken over at a time.
	inherited = 1000
)

// inherit makes jobs of what the queues of earlier versions hold: at the start, and while servers of such versions may
// run beside this one.
func (s *Service) inherit(ctx context.Context) {
	tick := time.NewTicker(inheritEvery)
	defer tick.Stop()
	for {
		pause := (<-chan time.Time)(tick.C)
		if err := s.inheritAll(ctx); err != nil {
			if ctx.Err() != nil {
				return
			}
			s.log.Warn("work of an earlier version waits to be taken over", "error", err)
			pause = time.After(time.Minute)
		}
		select {
		case <-ctx.Done():
			return
		case <-pause:
		}
	}
}

// inheritAll takes over what is there now. A deletion or erasure stays in its old queue until it has ended, a rename does
// not.
func (s *Service) inheritAll(ctx context.Context) error {
	sweeps, err := s.store.InheritedSweeps(ctx, inherited)
	if err != nil {
		return err
	}
	for _, d := range sweeps {
		w := d.Work()
		w.Delay = 0
		if _, err := s.queue.Intend(ctx, w); err != nil {
			return err
		}
	}
	erasures, err := s.store.InheritedErasures(ctx, inherited)
	if err != nil {
		return err
	}
	for _, e := range erasures {
		w, err := eraseWork(e)
		if err != nil {
			return err
		}
		w.Delay = 0
		if _, err := s.queue.Add(ctx, w); err != nil {
			return err
		}
	}
	renames, err := s.store.InheritedRenames(ctx, inherited)
	if err != nil {
		return err
	}
	for _, who := range renames {
		if _, err := s.queue.Intend(ctx, chat.RenameOf(who.Tenant, who.Login)); err != nil {
			return err
		}
		if err := s.store.EndRename(ctx, who.Tenant, who.Login); err != nil {
			return err
		}
	}
	return nil
}

// rename copies a user's names to their rooms once more.
func (s *Service) rename(ctx context.Context, r *jobs.Run) error {
	same, err := s.domain.CarryNames(ctx, r.Tenant, r.Key)
	if err == nil && !same {
		err = jobs.After(time.Second)
	}
	return err
}
