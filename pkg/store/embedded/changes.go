package embedded

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// outcome is the result of all changes of a message. It has a row of its own beside the message's, so that appending
// the message again, as a repeated import does, undoes no change.
type outcome struct {
	edit      id.ID  // the newest; zero: never
	content   string // if edited, as payload
	payload   chat.Payload
	deleted   bool
	reactions []chat.ReactionBy
	withdrawn []chat.ReactionBy // At is when
}

func encodeOutcome(f outcome) []byte {
	r := newRecord().someID(1, f.edit).text(2, f.content).flag(3, f.deleted)
	return r.reactions(4, f.reactions).reactions(5, f.withdrawn).text(6, f.payload.Encode())
}

func (r record) reactions(n protowire.Number, all []chat.ReactionBy) record {
	for _, x := range all {
		// An emoji has no space in it.
		r = r.bytes(n, append(binary.BigEndian.AppendUint64(nil, uint64(x.At)), x.Emoji+" "+x.Login...))
	}
	return r
}

func (f *field) reaction() chat.ReactionBy {
	v := f.text()
	if len(v) < 8 {
		f.bad = true
		return chat.ReactionBy{}
	}
	emoji, login, ok := strings.Cut(v[8:], " ")
	f.bad = f.bad || !ok
	return chat.ReactionBy{Emoji: emoji, Login: login, At: int64(binary.BigEndian.Uint64([]byte(v[:8])))}
}

func decodeOutcome(b []byte) (f outcome, err error) {
	err = decode(b, func(x *field) {
		switch x.number {
		case 1:
			f.edit = x.id()
		case 2:
			f.content = x.text()
		case 3:
			f.deleted = x.flag()
		case 4:
			f.reactions = append(f.reactions, x.reaction())
		case 5:
			f.withdrawn = append(f.withdrawn, x.reaction())
		case 6:
			f.payload = x.payload()
		}
	})
	return f, err
}

// apply applies the outcome of a message to m.
func (f outcome) apply(m *chat.Message) {
	if f.deleted {
		m.Content, m.Payload, m.Deleted = "", chat.Payload{}, true
		return
	}
	if !f.edit.IsZero() {
		m.Content, m.Payload, m.EditedAt = f.content, f.payload, chat.EditedAt(f.edit)
	}
	m.Reactions = chat.GroupReactions(slices.Clone(f.reactions))
}

// applyChanges applies the outcomes to the messages of a page, which are in either order.
func (s *Store) applyChanges(ctx context.Context, l chat.Log, ms []chat.Message) error {
	if len(ms) == 0 {
		return nil
	}
	prefix := fatesOf(l)
	first, last := prefix.lastID(ms[0].ID), prefix.lastID(ms[len(ms)-1].ID)
	if bytes.Compare(first, last) > 0 {
		first, last = last, first
	}
	it, err := s.cursor(ctx, pebble.IterOptions{LowerBound: first, UpperBound: last.after()})
	if err != nil {
		return s.unavailable("read", err)
	}
	defer func() { it.Close() }()
	var at map[id.ID]int
	for ok := it.First(); ok; ok = it.Next() {
		if at == nil { // most pages have none
			at = make(map[id.ID]int, len(ms))
			for i := range ms {
				at[ms[i].ID] = i
			}
		}
		v, err := it.ValueAndErr()
		if err != nil {
			return s.unavailable("read", err)
		}
		c := columns{rest: it.Key()[len(prefix):]}
		i, there := at[id.Key(c.id()).ID()]
		if !there {
			continue
		}
		f, err := decodeOutcome(v)
		if err != nil {
			return s.corrupt(err)
		}
		f.apply(&ms[i])
	}
	if err := it.Error(); err != nil {
		return s.unavailable("read", err)
	}
	return nil
}

// ChangeMessage implements chat.ChangeStore. Nothing else changes the message while decide runs.
func (s *Store) ChangeMessage(ctx context.Context, l chat.Log, u id.ID, decide func(chat.Message) (chat.Change, error)) (chat.Message, error) {
	var now chat.Message
	k := fatesOf(l).lastID(u)
	err := s.change(ctx, &s.fates, k, func(b *pebble.Batch) error {
		row, found, err := s.find(messagesOf(l).lastID(u))
		if err != nil {
			return err
		}
		if !found {
			return chat.ErrNotFound(chat.MessageEntity, u.String())
		}
		written, err := decodeMessage(u, row)
		if err != nil {
			return s.corrupt(err)
		}
		var f outcome
		if v, found, err := s.find(k); err != nil {
			return err
		} else if found {
			if f, err = decodeOutcome(v); err != nil {
				return s.corrupt(err)
			}
		}
		now = written
		f.apply(&now)
		asked := now
		asked.Withdrawn = f.withdrawn
		c, err := decide(asked)
		if err != nil || c.Kind == "" {
			return err
		}
		f.take(c)
		if err := s.keepsPayload(f.payload); err != nil {
			return err
		}
		set(b, k, encodeOutcome(f))
		if f.deleted {
			written.Content, written.Payload = "", chat.Payload{}
			addMessage(b, l, written)
		}
		now = written
		f.apply(&now)
		return s.addNew(b, chat.ChangesOf(l), c.Entry(u))
	})
	if err != nil {
		return chat.Message{}, err
	}
	return now, nil
}

// take adds a change to the outcome. A deleted message takes no more changes.
func (f *outcome) take(c chat.Change) {
	if f.deleted {
		return
	}
	switch c.Kind {
	case chat.Delete:
		*f = outcome{deleted: true}
	case chat.Edit:
		if f.edit.IsZero() || c.ID.Compare(f.edit) > 0 {
			f.content, f.payload, f.edit = c.Content, c.Payload, c.ID
		}
	case chat.React:
		same := func(r chat.ReactionBy) bool { return r.Emoji == c.Emoji && r.Login == c.By.Login }
		this := chat.ReactionBy{Emoji: c.Emoji, Login: c.By.Login, At: c.ID.Time().UnixMicro()}
		f.reactions = slices.DeleteFunc(f.reactions, same)
		f.withdrawn = slices.DeleteFunc(f.withdrawn, func(r chat.ReactionBy) bool {
			return same(r) || r.At <= c.ID.Time().Add(-chat.WithdrawnFor).UnixMicro()
		})
		switch {
		case c.On:
			f.reactions = append(f.reactions, this)
		case !c.Forget:
			f.withdrawn = append(f.withdrawn, this)
		}
	}
}

// MessagesByID implements chat.ChangeStore.
func (s *Store) MessagesByID(ctx context.Context, l chat.Log, ids []id.ID) (map[id.ID]chat.Message, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	out := make(map[id.ID]chat.Message, len(ids))
	for _, u := range ids {
		m, err := s.message(l, u)
		switch {
		case err == nil:
			out[u] = m
		case !chat.IsKind(err, chat.NotFound):
			return nil, err
		}
	}
	return out, nil
}
