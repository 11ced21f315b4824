package move

import (
	"context"
	"crypto/sha256"
	"reflect"
	"slices"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// messages writes the messages of ms that the store lacks, and then their changes. It does not touch the others, which
// may have been changed since.
func (im *importer) messages(ctx context.Context, r *roomImport, ms []chat.Message) error {
	l := r.Log(r.tenant)
	ms, theirs, err := im.withoutErased(ctx, r.tenant, ms, false)
	if err != nil {
		return err
	}
	kept, err := im.write(ctx, r, l, ms)
	if err != nil {
		return err
	}
	for _, m := range ms {
		todo := changes(m)
		if k, ok := kept[m.ID]; ok {
			todo = rest(changes(k), todo)
			if m.Author == chat.Erased && k.Content != "" {
				todo = nil // it was kept when its author was erased
			}
			delete(theirs, m.ID)
		}
		for _, c := range todo {
			_, err := im.to.ChangeMessage(ctx, l, m.ID, func(chat.Message) (chat.Change, error) { return c, nil })
			if err != nil {
				return err
			}
		}
	}
	im.done.count(&im.done.Messages, added, int64(len(ms)-len(kept)-len(theirs)))
	im.done.count(&im.done.Messages, ofDeleted, int64(len(theirs)))
	im.done.count(&im.done.Messages, there, int64(len(kept)))
	return nil
}

// entries writes the entries of the log of changes that the store lacks.
func (im *importer) entries(ctx context.Context, r *roomImport, ms []chat.Message) error {
	ms, _, err := im.withoutErased(ctx, r.tenant, ms, true)
	if err != nil {
		return err
	}
	kept, err := im.write(ctx, r, chat.ChangesOf(r.Log(r.tenant)), ms)
	if err != nil {
		return err
	}
	im.done.count(&im.done.Changes, added, int64(len(ms)-len(kept)))
	im.done.count(&im.done.Changes, there, int64(len(kept)))
	return nil
}

// footprints records that the users who wrote messages, changed them or are named in them were in the room. Files of
// stores that are older than footprints do not say so.
func (r *roomImport) footprints(ctx context.Context, ms []chat.Message) error {
	if r.app {
		return nil
	}
	logins := map[string]bool{}
	for _, m := range ms {
		logins[m.Author.Login] = true
		for _, login := range m.About() {
			logins[login] = true
		}
		for _, reaction := range m.Reactions {
			for _, login := range reaction.Logins {
				logins[login] = true
			}
		}
	}
	for _, nobody := range []string{"", chat.SystemLogin, chat.ErasedLogin} {
		delete(logins, nobody)
	}
	return r.users.Add(ctx, logins)
}

// write appends to a log the messages of ms that it lacks. It returns the others as the log has them, by id.
func (im *importer) write(ctx context.Context, r *roomImport, l chat.Log, ms []chat.Message) (kept map[id.ID]chat.Message, err error) {
	if !r.isNew {
		if kept, err = im.kept(ctx, l, ms); err != nil {
			return nil, err
		}
	}
	missing := make([]chat.Message, 0, len(ms)-len(kept))
	for _, m := range ms {
		if _, ok := kept[m.ID]; !ok {
			missing = append(missing, asWritten(m))
		}
	}
	if len(missing) == 0 {
		return kept, nil
	}
	if err := r.footprints(ctx, ms); err != nil {
		return kept, err
	}
	return kept, im.to.AppendBatch(ctx, l, missing)
}

// rest returns the part of all that is left to do after done: nothing, unless an interrupted import may have caused
// this state.
func rest(done, all []chat.Change) []chat.Change {
	same := func(a, b chat.Change) bool { return reflect.DeepEqual(a, b) }
	if len(done) > len(all) || !slices.EqualFunc(done, all[:len(done)], same) {
		return nil
	}
	return all[len(done):]
}

// kept returns the log's messages in the span of ms, by id.
func (im *importer) kept(ctx context.Context, l chat.Log, ms []chat.Message) (map[id.ID]chat.Message, error) {
	wanted := make(map[id.ID]bool, len(ms))
	for _, m := range ms {
		wanted[m.ID] = true
	}
	byID := func(a, b chat.Message) int { return a.ID.Compare(b.ID) }
	at, last := slices.MinFunc(ms, byID).ID, slices.MaxFunc(ms, byID).ID
	kept := map[id.ID]chat.Message{}
	for inclusive := true; ; inclusive = false {
		page, err := im.to.Newer(ctx, l, at, inclusive, pageRows)
		if err != nil {
			return nil, err
		}
		for _, m := range page {
			if at = m.ID; wanted[at] {
				kept[at] = m
			}
		}
		if chat.AtEnd(page, pageRows) || at.Compare(last) >= 0 {
			return kept, nil
		}
	}
}

// asWritten returns a message without its later changes.
func asWritten(m chat.Message) chat.Message {
	m.EditedAt, m.Deleted, m.Reactions = time.Time{}, false, nil
	return m
}

// changes returns the changes that turn asWritten(m) into m. Their ids, and so their order and dates, are the same each
// time. An edit keeps its date. The dates of other changes are not known.
func changes(m chat.Message) []chat.Change {
	if m.EditedAt.IsZero() && !m.Deleted && len(m.Reactions) == 0 {
		return nil
	}
	seq, edits := sequences(m.ID)
	if m.Deleted {
		return []chat.Change{{Kind: chat.Delete, ID: seq.At(m.CreatedAt()), By: m.Author}}
	}
	var cs []chat.Change
	at := m.CreatedAt()
	for _, r := range m.Reactions {
		for _, login := range r.Logins {
			at = at.Add(time.Microsecond) // the step of their order
			cs = append(cs, chat.Change{Kind: chat.React, ID: seq.At(at), By: chat.Person{Login: login}, Emoji: r.Emoji, On: true})
		}
	}
	if !m.EditedAt.IsZero() {
		cs = append(cs, chat.Change{Kind: chat.Edit, ID: edits.At(m.EditedAt), By: m.Author, Content: m.Content, Payload: m.Payload})
	}
	return cs
}

// sequences returns the sequences of the ids that changes makes for a message.
func sequences(m id.ID) (seq, edits *id.Sequence) {
	seed := sha256.Sum256(m[:])
	return id.NewSequence([8]byte(seed[:8])), id.NewSequence([8]byte(seed[8:16]))
}

// madeUp reports whether an import made a change, to reach the state in the message's line. The next import makes it
// anew, so that a store and its copy hold the same data.
func madeUp(c *change) bool {
	seq, edits := sequences(c.Message)
	at := c.ID.Time()
	return seq.At(at) == c.ID || edits.At(at) == c.ID
}
