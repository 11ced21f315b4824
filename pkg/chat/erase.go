package chat

import (
	"context"

	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"github.com/confab-chat/confab/pkg/id"
)

const (
	// eraseLate is how long after the end of an account writes may still be under way that began before it. It is
	// above writeTimeout and cache.Brief together.
	eraseLate = 15 * time.Second
	// eraseStale is how long an erasure may make no progress before another node goes on with it.
	eraseStale = 2 * time.Minute
	// erasePage is how many messages are looked at in one go, eraseNote after how many pages progress is kept.
	erasePage = 500
	eraseNote = 20
	// eraseAtOnce is how many messages are deleted side by side.
	eraseAtOnce = 16
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
func (s *Service) EraseUser(ctx context.Context, t Tenant, login string, keepMessages bool) (Erasure, error) {
	if login == SystemLogin {
		return Erasure{}, ErrInvalid("the system cannot be erased")
	}
	u, err := s.store.User(ctx, t, login)
	if err != nil {
		return Erasure{}, err
	}
	now := s.now().UTC().Truncate(time.Millisecond)
	e := Erasure{Tenant: t, Login: login, KeepMessages: keepMessages, StartedAt: now, UpdatedAt: now}
	if name := u.FullName(); !u.Deleted && strings.TrimSpace(name) != "" {
		e.Names = append(e.Names, name)
	}
	old, underWay, err := s.ErasureOf(ctx, t, login)
	switch {
	case err != nil:
		return Erasure{}, err
	case underWay && old.KeepMessages != keepMessages:
		return Erasure{}, &Error{Kind: Conflict, Entity: UserEntity, Name: login,
			Message: "this user is being erased already, and not with the same choice about messages"}
	case underWay:
		return old, s.endAccount(ctx, old)
	}
	wctx, cancel := changing(ctx)
	defer cancel()
	// Written down first: from here on a crash ends nothing.
	if err := s.store.PutErasure(wctx, e); err != nil {
		return Erasure{}, err
	}
	if err := s.endAccount(ctx, e); err != nil {
		return Erasure{}, err
	}
	s.erasing.own(e)
	return e, nil
}

// ErasureOf returns the erasure of a user, if it is under way.
func (s *Service) ErasureOf(ctx context.Context, t Tenant, login string) (Erasure, bool, error) {
	all, err := s.store.Erasures(ctx, erasures)
	if err != nil {
		return Erasure{}, false, err
	}
	for _, e := range all {
		if e.Tenant == t && e.Login == login {
			return e, true, nil
		}
	}
	return Erasure{}, false, nil
}

// endAccount makes the user leave and ends the account. It can be repeated.
func (s *Service) endAccount(ctx context.Context, e Erasure) error {
	who := Identity{Tenant: e.Tenant, Login: e.Login}
	for {
		// The list is read anew each time: what it held is left.
		refs, err := s.store.RoomsOf(ctx, e.Tenant, e.Login, "", erasePage)
		if err != nil {
			return err
		}
		for _, ref := range refs {
			if err := s.Leave(ctx, who, ref.Name, nil); err != nil && !IsKind(err, NotFound) {
				return err
			}
		}
		if len(refs) < erasePage {
			break
		}
	}
	ctx, cancel := changing(ctx)
	defer cancel()
	return s.store.DeleteUser(ctx, e.Tenant, e.Login)
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
	all, err := s.store.Erasures(ctx, erasures)
	if err != nil {
		if ctx.Err() == nil {
			s.log.Warn("users wait to be erased", "error", err)
		}
		return 0
	}
	for _, e := range all {
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
	return again
}

// erase goes on with an erasure as far as it can now.
func (s *Service) erase(ctx context.Context, e Erasure) (wait time.Duration, err error) {
	s.erasing.own(e)
	if !e.Late {
		if err := s.endAccount(ctx, e); err != nil && !IsKind(err, NotFound) {
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

func (s *Service) countFootprints(ctx context.Context, e Erasure) (n int, err error) {
	err = s.eachFootprint(ctx, e, id.ID{}, func(RoomRef) error { n++; return nil })
	return n, err
}

func (s *Service) eachFootprint(ctx context.Context, e Erasure, after id.ID, visit func(RoomRef) error) error {
	for {
		refs, err := s.store.Footprints(ctx, e.Tenant, e.Login, after, erasePage)
		if err != nil {
			return err
		}
		for _, ref := range refs {
			if err := visit(ref); err != nil {
				return err
			}
			after = ref.ID
		}
		if len(refs) < erasePage {
			return nil
		}
	}
}

// eraseRooms goes through the rooms after e.Done, each down to the message at until.
func (s *Service) eraseRooms(ctx context.Context, e *Erasure, until id.ID) error {
	return s.eachFootprint(ctx, *e, e.Done, func(ref RoomRef) error {
		if err := s.eraseRoom(ctx, e, ref, until); err != nil {
			return err
		}
		e.Done, e.At = ref.ID, id.ID{}
		if !e.Late {
			e.Rooms++
		}
		return s.noteErasure(ctx, e)
	})
}

func (s *Service) noteErasure(ctx context.Context, e *Erasure) error {
	e.UpdatedAt = s.now().UTC().Truncate(time.Millisecond)
	s.erasing.own(*e)
	return s.store.PutErasure(ctx, *e)
}

// eraseRoom goes through a room from its newest message on: so a name that somebody wrote under is known before
// the line that says that they came in under it.
func (s *Service) eraseRoom(ctx context.Context, e *Erasure, ref RoomRef, until id.ID) error {
	l := Log{Tenant: e.Tenant, ID: ref.ID}
	if err := s.trimNow(ctx, e.Tenant, ref); err != nil {
		return err
	}
	at := e.At
	if at.IsZero() {
		at = id.Max
	}
	for n := 1; ; n++ {
		page, err := s.store.Older(ctx, l, at, erasePage)
		if err != nil {
			return err
		}
		end := len(page) < erasePage
		for i, m := range page {
			if m.ID.Compare(until) < 0 {
				page, end = page[:i], true
				break
			}
		}
		if err := s.erasePage(ctx, e, ref, page); err != nil {
			return err
		}
		if end {
			break
		}
		at = page[len(page)-1].ID
		if e.At = at; n%eraseNote == 0 {
			if err := s.noteErasure(ctx, e); err != nil {
				return err
			}
		}
	}
	if err := s.eraseChanges(ctx, e, ChangesOf(l), until); err != nil {
		return err
	}
	r, err := s.store.Room(ctx, e.Tenant, ref.Name)
	if err == nil && r.ID == ref.ID && r.Creator.Login == e.Login {
		if err := s.store.DisownRoom(ctx, e.Tenant, ref, Erased); err != nil {
			return err
		}
		s.forgetRoom(e.Tenant, ref.Name)
	} else if err != nil && !IsKind(err, NotFound) {
		return err
	}
	s.reads.drop(reader{Identity{e.Tenant, e.Login}, ref.ID})
	return s.store.ForgetReading(ctx, e.Tenant, ref.ID, e.Login)
}

// erasePage erases what is e's of some messages, which are newest first.
func (s *Service) erasePage(ctx context.Context, e *Erasure, ref RoomRef, page []Message) error {
	var disowned []Disowned
	var theirs []Message
	reacted := map[id.ID][]string{}
	for _, m := range page {
		switch {
		case m.System:
			if text := withoutNames(m.Content, e.Names); text != m.Content {
				disowned = append(disowned, Disowned{ID: m.ID, Author: m.Author, Content: &text})
			}
		case m.Author.Login == e.Login:
			if name := m.Author.FullName(); !slices.Contains(e.Names, name) {
				e.Names = append(e.Names, name)
			}
			disowned = append(disowned, Disowned{ID: m.ID, Author: Erased})
			theirs = append(theirs, m)
		}
		for _, r := range m.Reactions {
			if slices.Contains(r.Logins, e.Login) {
				reacted[m.ID] = append(reacted[m.ID], r.Emoji)
			}
		}
	}
	l := Log{Tenant: e.Tenant, ID: ref.ID}
	// Deleted before disowned: as long as a message has its author, an erasure that goes on finds it.
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(eraseAtOnce)
	if !e.KeepMessages {
		for _, m := range theirs {
			g.Go(func() error { return s.eraseChange(gctx, e.Tenant, ref, m.ID, Change{Kind: Delete, By: Erased}) })
		}
	}
	for m, emojis := range reacted {
		for _, emoji := range emojis {
			g.Go(func() error {
				return s.eraseChange(gctx, e.Tenant, ref, m, Change{Kind: React, By: Person{Login: e.Login}, Emoji: emoji, Forget: true})
			})
		}
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if len(disowned) == 0 {
		return nil
	}
	e.Messages += len(disowned)
	return s.store.Disown(ctx, l, disowned)
}

// eraseChange makes a change of a message and tells it, so that no page goes on showing it.
func (s *Service) eraseChange(ctx context.Context, t Tenant, ref RoomRef, m id.ID, c Change) error {
	tk := s.order.begin(ref.ID, s.ids)
	c.ID = tk.id
	changed := false
	now, err := s.store.ChangeMessage(ctx, Log{Tenant: t, ID: ref.ID}, m, func(now Message) (Change, error) {
		if changed = !now.Deleted; !changed {
			return Change{}, nil
		}
		return c, nil
	})
	if err != nil || !changed {
		tk.finish(ctx)
		if IsKind(err, NotFound) {
			return nil
		}
		return err
	}
	if c.Kind == Delete {
		now.Author = Erased
	}
	tk.finish(ctx, MessageChanged{Place: Place{Tenant: t, Room: ref}, Change: c.ID, Kind: c.Kind, Message: now})
	return nil
}

// eraseChanges takes their name from the log of what happened to a room's messages.
func (s *Service) eraseChanges(ctx context.Context, e *Erasure, l Log, until id.ID) error {
	for at, inclusive := until, true; ; inclusive = false {
		page, err := s.store.Newer(ctx, l, at, inclusive, erasePage)
		if err != nil {
			return err
		}
		var disowned []Disowned
		for _, m := range page {
			if at = m.ID; m.Author.Login == e.Login {
				disowned = append(disowned, Disowned{ID: m.ID, Author: Erased})
			}
		}
		if err := s.store.Disown(ctx, l, disowned); err != nil {
			return err
		}
		if len(page) < erasePage {
			return nil
		}
	}
}

// withoutNames replaces whole names in a line of the system.
func withoutNames(text string, names []string) string {
	for _, name := range names {
		from := 0
		for name != "" {
			i := strings.Index(text[from:], name)
			if i < 0 {
				break
			}
			i += from
			end := i + len(name)
			before, _ := utf8.DecodeLastRuneInString(text[:i])
			after, _ := utf8.DecodeRuneInString(text[end:])
			if isWord(before) || isWord(after) {
				from = end
				continue
			}
			text = text[:i] + Erased.FullName() + text[end:]
			from = i + len(Erased.FullName())
		}
	}
	return text
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// EraseSummary is what an operator is shown of an erasure.
type EraseSummary struct {
	Erasure
	Finished bool
}

// Erasing returns how far the erasure of a user is: as it is kept, or, if it has ended on this node of late, as it was
// at its end. NotFound if there is none.
func (s *Service) Erasing(ctx context.Context, t Tenant, login string) (EraseSummary, error) {
	e, ok, err := s.ErasureOf(ctx, t, login)
	if err != nil {
		return EraseSummary{}, err
	}
	if mine, finished, known := s.erasing.known(t, login); known && (finished || ok) {
		return EraseSummary{Erasure: mine, Finished: finished}, nil
	}
	if !ok {
		return EraseSummary{}, &Error{Kind: NotFound, Entity: UserEntity, Name: login, Message: "no erasure of this user is under way"}
	}
	return EraseSummary{Erasure: e}, nil
}
