package upkeep

import (
	"context"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/jobs"
)

// eraseLate is how long after the end of an account a write that began before it may still be running. It is longer than
// writeTimeout plus cache.Brief.
const eraseLate = 15 * time.Second

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
	e := chat.Erasure{Tenant: t, Login: login, KeepMessages: keepMessages, StartedAt: now}
	if name := u.FullName(); !u.Deleted && strings.TrimSpace(name) != "" {
		e.Names = append(e.Names, name)
	}
	w, err := eraseWork(e)
	if err != nil {
		return chat.Erasure{}, err
	}
	wctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	// The intent is stored first: from here on the erasure survives a crash.
	j, err := s.queue.Add(wctx, w)
	if err != nil {
		return chat.Erasure{}, err
	}
	under, err := erasureOf(j)
	if err != nil {
		return chat.Erasure{}, err
	}
	if under.KeepMessages != keepMessages {
		return chat.Erasure{}, &chat.Error{Kind: chat.Conflict, Entity: chat.UserEntity, Name: login,
			Message: "this user is being erased already, and not with the same choice about messages"}
	}
	if err := s.endAccount(ctx, t, login); err != nil {
		return chat.Erasure{}, err
	}
	s.ended.forget(under)
	s.queue.Begin(j)
	return under, nil
}

// EraseWork is the kind of the jobs that erase users; their key is the login.
const EraseWork = "erase"

// eraseWork is the job of an erasure. Its state is the job's cursor.
func eraseWork(e chat.Erasure) (jobs.NewJob, error) {
	payload, err := json.Marshal(e)
	return jobs.NewJob{Ref: eraseRef(e.Tenant, e.Login), Payload: payload, Delay: 2 * writeTimeout}, err
}

func eraseRef(t chat.Tenant, login string) jobs.Ref {
	return jobs.Ref{Tenant: t, Kind: EraseWork, Key: login}
}

// erasureOf returns how far an erasure is.
func erasureOf(j jobs.Job) (e chat.Erasure, err error) {
	state := j.Cursor
	if state == nil {
		state = j.Payload
	}
	err = json.Unmarshal(state, &e)
	return e, err
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
	j, err := s.queue.Job(ctx, eraseRef(t, login))
	if chat.IsKind(err, chat.NotFound) {
		return chat.Erasure{}, false, nil
	}
	if err != nil {
		return chat.Erasure{}, false, err
	}
	e, err := erasureOf(j)
	return e, err == nil, err
}

// erase goes on with an erasure as far as possible now.
func (s *Service) erase(ctx context.Context, r *jobs.Run) error {
	state, err := erasureOf(r.Job)
	if err != nil {
		return err
	}
	e := &erasing{Erasure: state, run: r}
	if now := s.now().UTC().Truncate(time.Millisecond); e.StartedAt.After(now) {
		// It was begun by a clock that is or was ahead. Begin it now, with all that is there, so that the times below hold.
		e.StartedAt, e.Late, e.Done, e.At = now, false, id.ID{}, id.ID{}
		e.Rooms, e.Messages = 0, 0
	}
	if !e.Late {
		if err := s.eraseFirst(ctx, e); err != nil {
			return err
		}
	}
	if wait := e.StartedAt.Add(eraseLate).Sub(s.now()); wait > 0 {
		return jobs.After(wait)
	}
	// If the user was joining a room when the account ended, they are in it now.
	if err := s.endAccount(ctx, e.Tenant, e.Login); err != nil && !chat.IsKind(err, chat.NotFound) {
		return err
	}
	// What was being written when the account ended is at most eraseLate older than its end.
	if err := s.eraseRooms(ctx, e, id.FirstAt(e.StartedAt.Add(-eraseLate))); err != nil {
		return err
	}
	if err := s.store.ForgetFootprints(ctx, e.Tenant, e.Login); err != nil {
		return err
	}
	if err := s.queue.Cancel(ctx, jobs.Ref{Tenant: e.Tenant, Kind: chat.RenameWork, Key: e.Login}); err != nil {
		return err
	}
	if err := s.store.EndErasure(ctx, e.Tenant, e.Login); err != nil {
		return err
	}
	s.ended.add(e.Erasure)
	s.log.Info("a user is erased", "tenant", e.Tenant, "rooms", e.Rooms, "messages", e.Messages, "kept", e.KeepMessages)
	return nil
}

// eraseFirst erases a user from all rooms once.
func (s *Service) eraseFirst(ctx context.Context, e *erasing) error {
	if err := s.endAccount(ctx, e.Tenant, e.Login); err != nil && !chat.IsKind(err, chat.NotFound) {
		return err
	}
	if err := s.completeFootprints(ctx, e); err != nil {
		return err
	}
	n, err := s.countFootprints(ctx, e)
	if err != nil {
		return err
	}
	e.OfRooms = n
	if err := s.eraseRooms(ctx, e, id.Min); err != nil {
		return err
	}
	e.Late, e.Done = true, id.ID{}
	return s.noteErasure(ctx, e)
}

// EraseSummary is an erasure as operators see it.
type EraseSummary struct {
	chat.Erasure
	Finished bool
}

// Erasing returns the progress of the erasure of a user. If it ended on this node recently, that is its state at the
// end. NotFound if there is none.
func (s *Service) Erasing(ctx context.Context, t chat.Tenant, login string) (EraseSummary, error) {
	if e, ok := s.ended.of(t, login); ok {
		return EraseSummary{Erasure: e, Finished: true}, nil
	}
	e, ok, err := s.ErasureOf(ctx, t, login)
	if err == nil && !ok {
		if e, ok := s.ended.of(t, login); ok { // in between
			return EraseSummary{Erasure: e, Finished: true}, nil
		}
		err = &chat.Error{Kind: chat.NotFound, Entity: chat.UserEntity, Name: login, Message: "no erasure of this user is under way"}
	}
	return EraseSummary{Erasure: e}, err
}
