package upkeep

import (
	"context"
	"maps"
	"slices"

	"github.com/go-json-experiment/json"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
)

const (
	// erasePage is how many messages are read at a time, eraseNote after how many pages progress is stored.
	erasePage = 500
	eraseNote = 20
	// eraseAtOnce is how many messages are deleted concurrently.
	eraseAtOnce = 16
)

func (s *Service) countFootprints(ctx context.Context, e *erasing) (n int, err error) {
	err = s.eachFootprint(ctx, e, id.ID{}, func(chat.RoomRef) error { n++; return nil })
	return n, err
}

// completeFootprints adds the rooms in which the user of e may have been before the store kept footprints.
func (s *Service) completeFootprints(ctx context.Context, e *erasing) error {
	since, err := s.store.FootprintsSince(ctx)
	if err != nil || since.IsZero() {
		return err
	}
	for after := ""; ; {
		rooms, err := s.store.Rooms(ctx, e.Tenant, after, erasePage)
		if err != nil {
			return err
		}
		g, gctx := guard.WithContext(ctx)
		g.SetLimit(eraseAtOnce)
		for _, r := range rooms {
			if after = r.Name; r.CreatedAt.Before(since) {
				g.Go(func() error { return s.store.AddFootprints(gctx, e.Tenant, r.Ref(), []string{e.Login}) })
			}
		}
		if err := g.Wait(); err != nil {
			return err
		}
		if len(rooms) < erasePage {
			return nil
		}
	}
}

func (s *Service) eachFootprint(ctx context.Context, e *erasing, after id.ID, visit func(chat.RoomRef) error) error {
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

// eraseRooms erases the user from the rooms after e.Done, in each down to the message at until.
func (s *Service) eraseRooms(ctx context.Context, e *erasing, until id.ID) error {
	at, err := s.store.RemovalTime(ctx) // once for all rooms: it may take a transaction
	if err != nil {
		return err
	}
	return s.eachFootprint(ctx, e, e.Done, func(ref chat.RoomRef) error {
		if err := s.trimNow(ctx, e.Tenant, ref, at); err != nil {
			return err
		}
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

// noteErasure stores how far an erasure is.
func (s *Service) noteErasure(ctx context.Context, e *erasing) error {
	state, err := json.Marshal(e.Erasure)
	if err != nil {
		return err
	}
	return e.run.Save(ctx, state, int64(e.Rooms), int64(e.OfRooms))
}

// eraseRoom erases the user from a room, from the newest message to older ones. So it finds a name in the user's
// messages before it reaches the system message that they joined under that name.
func (s *Service) eraseRoom(ctx context.Context, e *erasing, ref chat.RoomRef, until id.ID) error {
	l := chat.Log{Tenant: e.Tenant, ID: ref.ID}
	at := e.At
	if at.IsZero() {
		at = id.Max
	}
	for n := 1; ; n++ {
		page, err := s.store.Older(ctx, l, at, erasePage)
		if err != nil {
			return err
		}
		end := chat.AtEnd(page, erasePage)
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
	if err := s.eraseChanges(ctx, e, ref, until); err != nil {
		return err
	}
	if err := s.deleteExports(ctx, e.Tenant, ref.ID); err != nil {
		return err
	}
	if err := s.domain.DisownRoom(ctx, chat.Place{Tenant: e.Tenant, Room: ref}, e.Login); err != nil {
		return err
	}
	if err := s.domain.ForgetReading(ctx, e.Tenant, ref.ID, e.Login); err != nil || !e.Late {
		return err
	}
	// Not in the first pass: what was under way when the account ended may still need these.
	return s.store.ForgetTraces(ctx, e.Tenant, ref, e.Login)
}

// erasePage erases the user of e from a page of messages.
func (s *Service) erasePage(ctx context.Context, e *erasing, ref chat.RoomRef, page []chat.Message) error {
	var disowned []chat.Disowned
	var theirs []chat.Message
	reacted := map[id.ID][]string{}
	for _, m := range page {
		switch {
		case m.System:
			if m, theirs := m.WithoutUser(func(login string) bool { return login == e.Login }, e.Names); theirs {
				disowned = append(disowned, chat.Disowned{ID: m.ID, Author: m.Author, Content: &m.Content, Payload: m.Payload, Subject: m.Subject})
			}
		case m.Author.Login == e.Login:
			if name := m.Author.FullName(); !slices.Contains(e.Names, name) {
				e.Names = append(e.Names, name)
			}
			disowned = append(disowned, chat.Disowned{ID: m.ID, Author: chat.Erased})
			theirs = append(theirs, m)
		}
		for _, r := range m.Reactions {
			if slices.Contains(r.Logins, e.Login) {
				reacted[m.ID] = append(reacted[m.ID], r.Emoji)
			}
		}
	}
	p := chat.Place{Tenant: e.Tenant, Room: ref}
	// Messages are deleted before they are disowned: as long as a message has its author, a continued erasure finds it.
	g, gctx := guard.WithContext(ctx)
	g.SetLimit(eraseAtOnce)
	for _, m := range theirs {
		g.Go(func() error { return s.eraseMessage(gctx, e, p, m) })
	}
	for m, emojis := range reacted {
		for _, emoji := range emojis {
			g.Go(func() error {
				return s.domain.Redact(gctx, p, m, chat.Change{Kind: chat.React, By: chat.Person{Login: e.Login}, Emoji: emoji, Forget: true})
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
	return s.store.Disown(ctx, chat.Log{Tenant: e.Tenant, ID: ref.ID}, disowned)
}

// eraseMessage deletes a message of the user, or with KeepMessages only takes them out of its file. A file goes before its
// message, so that a continued erasure finds it.
func (s *Service) eraseMessage(ctx context.Context, e *erasing, p chat.Place, m chat.Message) error {
	named := m.File() != ""
	if e.KeepMessages {
		if named {
			return s.files.Disown(ctx, p.Tenant, p.Room.ID, m.ID)
		}
		return nil
	}
	if named {
		if err := s.files.RemoveNamed(ctx, p.Tenant, p.Room.ID, m.ID); err != nil {
			return err
		}
	}
	return s.domain.Redact(ctx, p, m.ID, chat.Change{Kind: chat.Delete, By: chat.Erased})
}

// eraseChanges removes the user's name from the log of the changes of a room's messages, and erases them from the
// messages that they changed, of any age.
func (s *Service) eraseChanges(ctx context.Context, e *erasing, ref chat.RoomRef, until id.ID) error {
	l := chat.Log{Tenant: e.Tenant, ID: ref.ID}
	for at, inclusive := until, true; ; inclusive = false {
		page, err := s.store.Newer(ctx, chat.ChangesOf(l), at, inclusive, erasePage)
		if err != nil {
			return err
		}
		var disowned []chat.Disowned
		var changed []id.ID
		for _, entry := range page {
			if at = entry.ID; entry.Author.Login != e.Login {
				continue
			}
			disowned = append(disowned, chat.Disowned{ID: entry.ID, Author: chat.Erased})
			if _, m, ok := chat.ParseEntry(entry); ok {
				changed = append(changed, m)
			}
		}
		there, err := s.store.MessagesByID(ctx, l, changed)
		if err != nil {
			return err
		}
		if err := s.erasePage(ctx, e, ref, slices.Collect(maps.Values(there))); err != nil {
			return err
		}
		// Entries are disowned last: a continued erasure finds the messages by them.
		if err := s.store.Disown(ctx, chat.ChangesOf(l), disowned); err != nil {
			return err
		}
		// A withdrawn reaction has an entry too, so read on until a page has no entry of the user.
		if chat.AtEnd(page, erasePage) && len(disowned) == 0 {
			return nil
		}
	}
}
