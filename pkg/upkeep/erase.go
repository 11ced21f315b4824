package upkeep

import (
	"context"
	"strings"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

const (
	// eraseLate is how long after the end of an account writes may still be under way that began before it. It is
	// above writeTimeout and cache.Brief together.
	eraseLate = 15 * time.Second
	// eraseStale is how long an erasure may make no progress before another node goes on with it.
	eraseStale = 2 * time.Minute
	// erasures is how many of them are looked at in one go.
	erasures = 1000
)

// EraseUser removes a user from all that is kept: the account ends at once (the login is never free again), and they leave
// all rooms. In the background, in every room they ever were in, messages of theirs are deleted, or, with
// keepMessages, only lose their author; Erased stands in their place, also as the creator of rooms. Their reactions are
// taken back, and lines of the system no longer name them. What others have written about them stays.
//
// It is asked for by an operator; the caller has checked that, and ends sessions, tokens and roles. Repeating it, also for
// a user who was deleted before, does what is left to do. NotFound if there never was such a user.
func (s *Service) EraseUser(ctx context.Context, t chat.Tenant, login string, keepMessages bool) (chat.Erasure, error) {
	if login == chat.SystemLogin {
		return chat.Erasure{}, chat.ErrInvalid("the system cannot be erased")
	}
	u, err := s.store.User(ctx, t, login)
	if err != nil {
		return chat.Erasure{}, err
	}
	now := s.now().UTC().Truncate(time.Millisecond)
	e := chat.Erasure{Tenant: t, Login: login, KeepMessages: keepMessages, StartedAt: now, UpdatedAt: now}
	if name := u.FullName(); !u.Deleted && strings.TrimSpace(name) != "" {
		e.Names = append(e.Names, name)
	}
	old, underWay, err := s.ErasureOf(ctx, t, login)
	switch {
	case err != nil:
		return chat.Erasure{}, err
	case underWay && old.KeepMessages != keepMessages:
		return chat.Erasure{}, &chat.Error{Kind: chat.Conflict, Entity: chat.UserEntity, Name: login,
			Message: "this user is being erased already, and not with the same choice about messages"}
	case underWay:
		return old, s.domain.EndAccount(ctx, t, login)
	}
	wctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	// Written down first: from here on a crash ends nothing.
	if err := s.store.PutErasure(wctx, e); err != nil {
		return chat.Erasure{}, err
	}
	if err := s.domain.EndAccount(ctx, t, login); err != nil {
		return chat.Erasure{}, err
	}
	s.erasing.own(e)
	return e, nil
}

// ErasureOf returns the erasure of a user, if it is under way.
func (s *Service) ErasureOf(ctx context.Context, t chat.Tenant, login string) (chat.Erasure, bool, error) {
	e, err := s.store.Erasure(ctx, t, login)
	if chat.IsKind(err, chat.NotFound) {
		return chat.Erasure{}, false, nil
	}
	return e, err == nil, err
}

// eraseUsers brings erasures to their end: this node's at once, others' when they have stopped.
func (s *Service) eraseUsers(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		wait := s.eraseOnce(ctx)
		var soon <-chan time.Time
		var timer *time.Timer
		if wait > 0 {
			timer = time.NewTimer(wait)
			soon = timer.C
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-soon:
		case <-s.erasing.wake:
		}
		if timer != nil {
			timer.Stop()
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// eraseOnce goes on with all erasures there are, and returns after what time it is to be called again; 0 for no need.
func (s *Service) eraseOnce(ctx context.Context) (again time.Duration) {
	s.erasing.turn.Lock()
	defer s.erasing.turn.Unlock()
	for after := (chat.Identity{}); ; {
		page, err := s.store.Erasures(ctx, after, erasures)
		if err != nil {
			if ctx.Err() == nil {
				s.log.Warn("users wait to be erased", "error", err)
			}
			return again
		}
		for _, e := range page {
			after = keyOf(e)
			if !s.erasing.owns(e) && s.now().Sub(e.UpdatedAt) < eraseStale {
				continue
			}
			wait, err := s.erase(ctx, e)
			if ctx.Err() != nil {
				return 0
			}
			if err != nil {
				s.log.Warn("a user is not erased yet", "tenant", e.Tenant, "rooms", e.Rooms, "error", err)
				continue
			}
			if wait > 0 && (again == 0 || wait < again) {
				again = wait
			}
		}
		if len(page) < erasures {
			return again
		}
	}
}

// erase goes on with an erasure as far as it can now.
func (s *Service) erase(ctx context.Context, e chat.Erasure) (wait time.Duration, err error) {
	s.erasing.own(e)
	if !e.Late {
		if err := s.domain.EndAccount(ctx, e.Tenant, e.Login); err != nil && !chat.IsKind(err, chat.NotFound) {
			return 0, err
		}
		if e.OfRooms, err = s.countFootprints(ctx, e); err != nil {
			return 0, err
		}
		if err := s.eraseRooms(ctx, &e, id.Min); err != nil {
			return 0, err
		}
		e.Late, e.Done = true, id.ID{}
		if err := s.noteErasure(ctx, &e); err != nil {
			return 0, err
		}
	}
	if wait := e.StartedAt.Add(eraseLate).Sub(s.now()); wait > 0 {
		return wait, nil
	}
	// Who was joining a room when the account ended is in it now.
	if err := s.domain.EndAccount(ctx, e.Tenant, e.Login); err != nil && !chat.IsKind(err, chat.NotFound) {
		return 0, err
	}
	// What was under way when the account ended is at most that much older than its end.
	if err := s.eraseRooms(ctx, &e, id.FirstAt(e.StartedAt.Add(-eraseLate))); err != nil {
		return 0, err
	}
	if err := s.store.ForgetFootprints(ctx, e.Tenant, e.Login); err != nil {
		return 0, err
	}
	if err := s.store.EndErasure(ctx, e.Tenant, e.Login); err != nil {
		return 0, err
	}
	s.erasing.end(e)
	s.log.Info("a user is erased", "tenant", e.Tenant, "rooms", e.Rooms, "messages", e.Messages, "kept", e.KeepMessages)
	return 0, nil
}

// EraseSummary is what an operator is shown of an erasure.
type EraseSummary struct {
	chat.Erasure
	Finished bool
}

// Erasing returns how far the erasure of a user is: as it is kept, or, if it has ended on this node of late, as it was
// at its end. NotFound if there is none.
func (s *Service) Erasing(ctx context.Context, t chat.Tenant, login string) (EraseSummary, error) {
	e, ok, err := s.ErasureOf(ctx, t, login)
	if err != nil {
		return EraseSummary{}, err
	}
	if mine, finished, known := s.erasing.known(t, login); known && (finished || ok) {
		return EraseSummary{Erasure: mine, Finished: finished}, nil
	}
	if !ok {
		return EraseSummary{}, &chat.Error{Kind: chat.NotFound, Entity: chat.UserEntity, Name: login, Message: "no erasure of this user is under way"}
	}
	return EraseSummary{Erasure: e}, nil
}
