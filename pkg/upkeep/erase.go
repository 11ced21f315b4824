package upkeep

import (
	"context"
	"strings"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

const (
	// eraseLate is how long after the end of an account a write that began before it may still be running. It is longer
	// than writeTimeout plus cache.Brief.
	eraseLate = 15 * time.Second
	// eraseStale is how long an erasure may make no progress before another node continues it.
	eraseStale = 2 * time.Minute
	// erasures is how many erasures are read at a time.
	erasures = 1000
)

// EraseUser removes all data of a user. It deletes the account immediately (the login is never free again) and removes
// the user from all rooms. The rest follows in the background, in every room the user ever was in: their messages are
// deleted, or, with keepMessages, lose only their author; Erased replaces the user, also as the creator of rooms; their
// reactions are withdrawn; system messages no longer name them. What others have written about them stays.
//
// The caller has checked that an operator asks for it, and ends sessions, tokens and roles. Repeating it, also for a
// user who was deleted before, does what is left to do. NotFound if there never was such a user.
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
		return old, s.endAccount(ctx, t, login)
	}
	wctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	// The erasure is stored first: from here on it survives a crash.
	if err := s.store.PutErasure(wctx, e); err != nil {
		return chat.Erasure{}, err
	}
	if err := s.endAccount(ctx, t, login); err != nil {
		return chat.Erasure{}, err
	}
	s.erasing.own(e)
	return e, nil
}

// endAccount deletes an account and marks it as erased, for imports.
func (s *Service) endAccount(ctx context.Context, t chat.Tenant, login string) error {
	if err := s.domain.EndAccount(ctx, t, login); err != nil {
		return err
	}
	return s.store.MarkErased(ctx, t, login)
}

// ErasureOf returns the erasure of a user, if one is running.
func (s *Service) ErasureOf(ctx context.Context, t chat.Tenant, login string) (chat.Erasure, bool, error) {
	e, err := s.store.Erasure(ctx, t, login)
	if chat.IsKind(err, chat.NotFound) {
		return chat.Erasure{}, false, nil
	}
	return e, err == nil, err
}

// eraseUsers runs erasures: those of this node immediately, those of other nodes when they are stale.
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

// eraseOnce continues all erasures and returns the time after which to call it again; 0 if there is no need.
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
			// A time far ahead is that of a clock that was ahead.
			if !s.erasing.owns(e) && s.now().Sub(e.UpdatedAt).Abs() < eraseStale {
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

// erase continues an erasure as far as possible now. wait is how long to wait before the rest; 0 if there is none.
func (s *Service) erase(ctx context.Context, e chat.Erasure) (wait time.Duration, err error) {
	if now := s.now().UTC().Truncate(time.Millisecond); e.StartedAt.After(now) {
		// It was begun by a clock that is or was ahead. Begin it now, with all that is there, so that the times below hold.
		e.StartedAt, e.Late, e.Done, e.At = now, false, id.ID{}, id.ID{}
		e.Rooms, e.Messages = 0, 0
	}
	s.erasing.own(e)
	if !e.Late {
		if err := s.endAccount(ctx, e.Tenant, e.Login); err != nil && !chat.IsKind(err, chat.NotFound) {
			return 0, err
		}
		if err := s.completeFootprints(ctx, e); err != nil {
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
	// If the user was joining a room when the account ended, they are in it now.
	if err := s.endAccount(ctx, e.Tenant, e.Login); err != nil && !chat.IsKind(err, chat.NotFound) {
		return 0, err
	}
	// What was being written when the account ended is at most eraseLate older than its end.
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

// EraseSummary is an erasure as operators see it.
type EraseSummary struct {
	chat.Erasure
	Finished bool
}

// Erasing returns the progress of the erasure of a user. If it ended on this node recently, that is its state at the
// end. NotFound if there is none.
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
