package chat

import (
	"context"
	"time"

	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
)

// Participants and rooms hold copies of their users' names. A new name is copied to them in the background:
//
//  1. UpdateProfile stores the Rename, then changes the account. A crash in between leaves a rename without effect.
//  2. The same node copies the names to the user's rooms.
//  3. When no write of the old names can be running any more (renameLate), any node goes through the rooms once more
//     and ends the rename. It writes nothing where the names are right already, so it continues where a dead node
//     stopped.
//
// Without step 3, a join that read the account before the change and is stored after step 2 would keep the old name. A
// rename ends only if it still is the newest one, so a newer one is not lost.

const (
	// renameEvery is the interval at which a node looks for renames to end.
	renameEvery = time.Minute
	// renameLate is how long after a rename the old names may still be written. It is longer than writeTimeout plus
	// cache.Brief.
	renameLate = 30 * time.Second
	// renameWait is how long UpdateProfile waits for the rooms.
	renameWait     = 2 * time.Second
	renamePage     = 200
	renameParallel = 8
	// renames is how many renames are read at a time.
	renames = 1000
)

// carryNames copies a user's new names to their rooms in the background. It waits for the end, but not longer than
// renameWait: most users are in few rooms.
func (s *Service) carryNames(ctx context.Context, r Rename) {
	done := make(chan struct{})
	started := s.settling.spawn(func() {
		defer close(done)
		guard.Run(s.log, "a rename", func() {
			if _, err := s.rename(s.settling.ctx, r); err != nil && s.settling.ctx.Err() == nil {
				s.log.Warn("a new name is not in all rooms yet", "tenant", r.Tenant, "error", err)
			}
		})
	})
	if !started {
		return
	}
	timer := time.NewTimer(renameWait)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// endRenames ends renames every renameEvery.
func (s *Service) endRenames(ctx context.Context) {
	tick := time.NewTicker(renameEvery)
	defer tick.Stop()
	seen := map[id.ID]time.Time{}
	for {
		guard.Run(s.log, "ending renames", func() { seen = s.endRenamesOnce(ctx, seen) })
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// endRenamesOnce ends the renames that are old enough. A rename that is dated by a clock that was ahead is old enough
// that long after this node first saw it; seen holds when that was. The result is seen for the next call.
func (s *Service) endRenamesOnce(ctx context.Context, seen map[id.ID]time.Time) map[id.ID]time.Time {
	all, err := s.store.Renames(ctx, renames)
	if err != nil {
		if ctx.Err() == nil {
			s.log.Warn("new names wait to be carried to rooms", "error", err)
		}
		return seen
	}
	waiting := map[id.ID]time.Time{}
	for _, r := range all {
		now := s.now()
		since := r.ID.Time()
		if since.After(now) {
			if since = seen[r.ID]; since.IsZero() {
				since = now
			}
			waiting[r.ID] = since
		}
		if now.Sub(since) < renameLate {
			continue
		}
		same, err := s.rename(ctx, r)
		if err == nil && same {
			err = s.store.EndRename(ctx, r)
		}
		if ctx.Err() != nil {
			return seen
		}
		if err != nil {
			s.log.Warn("a new name is not in all rooms yet", "tenant", r.Tenant, "error", err)
		}
	}
	return waiting
}

// rename copies a user's names to their rooms. same is false if the names changed meanwhile.
func (s *Service) rename(ctx context.Context, r Rename) (same bool, err error) {
	u, err := s.store.User(ctx, r.Tenant, r.Login)
	if IsKind(err, NotFound) || err == nil && u.Deleted {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	for after := ""; ; {
		refs, err := s.store.RoomsOf(ctx, r.Tenant, r.Login, after, renamePage)
		if err != nil {
			return false, err
		}
		g, gctx := guard.WithContext(ctx)
		g.SetLimit(renameParallel)
		for _, ref := range refs {
			g.Go(func() error { return s.renameIn(gctx, r.Tenant, ref, u.Person) })
		}
		if err := g.Wait(); err != nil {
			return false, err
		}
		if len(refs) < renamePage {
			break
		}
		after = refs[len(refs)-1].Name
	}
	now, err := s.store.User(ctx, r.Tenant, r.Login)
	return err == nil && now.Person == u.Person, err
}

// renameIn copies a user's names to one of their rooms, and publishes them if the participant had others. Messages keep
// the names under which they were written.
func (s *Service) renameIn(ctx context.Context, t Tenant, ref RoomRef, p Person) error {
	now, err := s.store.Participant(ctx, t, ref.ID, p.Login)
	if err == nil && now != p {
		ticket := s.order.begin(ref.ID, s.ids)
		var events []Event
		defer func() { ticket.finish(ctx, events...) }()
		err = s.store.UpdateParticipant(ctx, t, ref.ID, p)
		s.forgetMember(t, ref.ID, p.Login)
		if err == nil {
			events = append(events, ParticipantRenamed{Place: Place{Tenant: t, Room: ref}, Person: p})
		}
	}
	if err != nil && !IsKind(err, NotFound) {
		return err
	}
	r, err := s.store.Room(ctx, t, ref.Name)
	if err == nil && r.ID == ref.ID && r.Creator.Login == p.Login && r.Creator != p {
		err = s.store.RenameCreator(ctx, t, ref, p)
		s.forgetRoom(t, ref.Name)
	}
	if IsKind(err, NotFound) {
		return nil
	}
	return err
}
