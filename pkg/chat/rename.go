package chat

import (
	"context"
	"time"

	"github.com/confab-chat/confab/pkg/guard"
)

// Participants and rooms hold copies of their users' names. A new name is copied to them in the background:
//
//  1. UpdateProfile stores the intent (RenameWork), then changes the account. A crash in between leaves work without effect.
//  2. The same node copies the names to the user's rooms.
//  3. When no write of the old names can be running any more (renameLate), the work goes through the rooms once more. It
//     writes nothing where the names are right already.
//
// Without step 3, a join that read the account before the change and is stored after step 2 would keep the old name. A
// newer rename takes the place of an earlier one, and puts step 3 off.

const (
	// renameLate is how long after a rename the old names may still be written. It is longer than writeTimeout plus
	// cache.Brief.
	renameLate = 30 * time.Second
	// renameWait is how long UpdateProfile waits for the rooms.
	renameWait     = 2 * time.Second
	renamePage     = 200
	renameParallel = 8
)

// carryNames copies a user's new names to their rooms in the background. It waits for the end, but not longer than
// renameWait: most users are in few rooms.
func (s *Service) carryNames(ctx context.Context, t Tenant, login string) {
	done := make(chan struct{})
	started := s.settling.spawn(func() {
		defer close(done)
		guard.Run(s.log, "a rename", func() {
			if _, err := s.CarryNames(s.settling.ctx, t, login); err != nil && s.settling.ctx.Err() == nil {
				s.log.Warn("a new name is not in all rooms yet", "tenant", t, "error", err)
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

// CarryNames copies a user's names to their rooms. It can be repeated. same is false if the names changed meanwhile.
func (s *Service) CarryNames(ctx context.Context, t Tenant, login string) (same bool, err error) {
	u, err := s.store.User(ctx, t, login)
	if IsKind(err, NotFound) || err == nil && u.Deleted {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	for after := ""; ; {
		refs, err := s.store.RoomsOf(ctx, t, login, after, renamePage)
		if err != nil {
			return false, err
		}
		g, gctx := guard.WithContext(ctx)
		g.SetLimit(renameParallel)
		for _, ref := range refs {
			g.Go(func() error { return s.renameIn(gctx, t, ref, u.Person) })
		}
		if err := g.Wait(); err != nil {
			return false, err
		}
		if len(refs) < renamePage {
			break
		}
		after = refs[len(refs)-1].Name
	}
	now, err := s.store.User(ctx, t, login)
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
