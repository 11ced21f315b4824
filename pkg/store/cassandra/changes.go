package cassandra

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gocql/gocql"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// Changes of a message are written without reading it first, and commute:
//
//   - An edit is dated by the time of its id. The latest edit wins.
//   - A reaction is one cell. A withdrawn reaction stays as a value that says so, because Cassandra refuses to read a
//     page with 100,000 deleted cells. The value expires later. A message has at most chat.MaxUsed cells. See
//     v003_changes.cql.
//   - A deletion wins over all other changes.
//
// Only withdrawn reactions have a TTL: with one, any other change would undo itself. A change that is written after its
// message is gone leaves an incomplete row, which is no message: see whole.
const (
	editMessage = `UPDATE messages USING TIMESTAMP ? SET edit = ?, edited_content = ?, edited_payload = ?
WHERE tenant = ? AND log_id = ? AND bucket = ? AND message_id = ?`
	deleteMessage = `UPDATE messages USING TIMESTAMP ? SET deleted = true, content = '', edited_content = '', payload = '', edited_payload = '', reactions = null
WHERE tenant = ? AND log_id = ? AND bucket = ? AND message_id = ?`
	react = `UPDATE messages USING TIMESTAMP ? SET reactions[?] = ?
WHERE tenant = ? AND log_id = ? AND bucket = ? AND message_id = ?`
	withdraw = `UPDATE messages USING TIMESTAMP ? AND TTL ? SET reactions[?] = ?
WHERE tenant = ? AND log_id = ? AND bucket = ? AND message_id = ?`
	forgetReaction = `DELETE reactions[?] FROM messages USING TIMESTAMP ?
WHERE tenant = ? AND log_id = ? AND bucket = ? AND message_id = ?`
)

// withdrawnSeconds is a little more than chat.WithdrawnFor, which is at least gc_grace_seconds of messages.
const withdrawnSeconds = int(chat.WithdrawnFor/time.Second) + 60

// messageRow is where the driver puts the columns of a message.
type messageRow struct {
	id            id.ID
	author        chat.Person
	content       string
	system        *bool
	replyTo, edit gocql.UUID // zero for null
	edited        string
	deleted       bool
	reactions     map[string]int64
	subject       string
	payload       string
	editedPayload *string // nil also after an edit by a server of an earlier version
}

func (r *messageRow) dest() []any {
	return []any{into(&r.id), &r.author.Login, &r.author.FirstName, &r.author.LastName, &r.content, &r.system,
		&r.replyTo, &r.edit, &r.edited, &r.deleted, &r.reactions, &r.subject, &r.payload, &r.editedPayload}
}

// whole is false for the row that a change leaves if it is written after its message was swept.
func (r *messageRow) whole() bool { return r.system != nil }

// withdrawn returns the withdrawn reactions.
func (r *messageRow) withdrawn() (all []chat.ReactionBy) {
	for key, at := range r.reactions {
		if at < 0 && !r.deleted {
			emoji, login, _ := strings.Cut(key, " ")
			all = append(all, chat.ReactionBy{Emoji: emoji, Login: login, At: -at})
		}
	}
	return all
}

func (r *messageRow) message() (m chat.Message, err error) {
	m = chat.Message{ID: r.id, Author: r.author, Content: r.content, System: *r.system, Subject: r.subject, ReplyTo: id.ID(r.replyTo)}
	if r.deleted {
		m.Content, m.Deleted = "", true
		return m, nil
	}
	payload := r.payload
	if edit := id.ID(r.edit); !edit.IsZero() {
		m.Content, m.EditedAt = r.edited, chat.EditedAt(edit)
		if r.editedPayload != nil {
			payload = *r.editedPayload
		}
	}
	if m.Payload, err = chat.DecodePayload(payload); err != nil {
		return m, asChat(err)
	}
	if r.subject == "" && r.payload != "" {
		if n, ok := m.Notice(); ok && n.Who.Login != "" && n.Who.Login != chat.ErasedLogin {
			m.Payload = chat.Payload{} // a server of an earlier version has erased the user, and knows only the text
		}
	}
	if len(r.reactions) > 0 {
		all := make([]chat.ReactionBy, 0, len(r.reactions))
		for key, at := range r.reactions {
			if at < 0 {
				continue // taken back
			}
			emoji, login, _ := strings.Cut(key, " ")
			all = append(all, chat.ReactionBy{Emoji: emoji, Login: login, At: at})
		}
		m.Reactions = chat.GroupReactions(all)
	}
	return m, nil
}

// ChangeMessage implements chat.ChangeStore. The message may change between decide and the write.
func (s *Store) ChangeMessage(ctx context.Context, l chat.Log, u id.ID, decide func(chat.Message) (chat.Change, error)) (chat.Message, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return chat.Message{}, err
	}
	defer end()
	b, err := s.bucket(ctx, l, u)
	if err != nil {
		return chat.Message{}, err
	}
	row, found, err := s.messageRow(ctx, l, b, u)
	if err == nil && !found {
		err = chat.ErrNotFound(chat.MessageEntity, u.String())
	}
	if err != nil {
		return chat.Message{}, err
	}
	now, err := row.message()
	if err != nil {
		return chat.Message{}, err
	}
	now.Withdrawn = row.withdrawn()
	c, err := decide(now)
	if err != nil {
		return chat.Message{}, err
	}
	if c.Kind == "" {
		now.Withdrawn = nil
		return now, nil
	}
	// A logged batch would apply both or none, but long texts are too large for one.
	if err := s.append(ctx, chat.ChangesOf(l), c.Entry(u)); err != nil {
		return chat.Message{}, err
	}
	w := s.change(l, b, u, c)
	if err := s.db.exec(ctx, w.statement, w.args...); err != nil {
		return chat.Message{}, err
	}
	return s.known(ctx, l, u)
}

func (s *Store) known(ctx context.Context, l chat.Log, u id.ID) (chat.Message, error) {
	m, found, err := s.message(ctx, l, u)
	if err == nil && !found {
		err = chat.ErrNotFound(chat.MessageEntity, u.String())
	}
	return m, err
}

// change returns the write for a change of a message.
func (s *Store) change(l chat.Log, b id.Bucket, u id.ID, c chat.Change) write {
	row := []any{string(l.Tenant), uuid(l.ID), int64(b), uuid(u)}
	at := micros(c.ID.Time())
	key := c.Emoji + " " + c.By.Login
	switch {
	case c.Kind == chat.Delete:
		// Changes before it may be dated by a clock that was ahead. This one's id is newer than theirs.
		return write{deleteMessage, append([]any{max(s.finalTime(), at)}, row...)}
	case c.Kind == chat.Edit:
		return write{editMessage, append([]any{at, uuid(c.ID), c.Content, c.Payload.Encode()}, row...)}
	case c.On:
		return write{react, append([]any{at, key, at}, row...)}
	case c.Forget:
		return write{forgetReaction, append([]any{key, at}, row...)}
	default:
		// The value expires. It leaves no deleted cell, because its TTL is longer than gc_grace_seconds.
		return write{withdraw, append([]any{at, withdrawnSeconds, key, -at}, row...)}
	}
}

// MessagesByID implements chat.ChangeStore.
func (s *Store) MessagesByID(ctx context.Context, l chat.Log, ids []id.ID) (map[id.ID]chat.Message, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	byBucket := map[id.Bucket][]gocql.UUID{}
	for _, u := range ids {
		b, err := s.bucket(ctx, l, u)
		if err != nil {
			return nil, err
		}
		byBucket[b] = append(byBucket[b], gocql.UUID(u))
	}
	type some struct {
		bucket id.Bucket
		ids    []gocql.UUID
	}
	var parts []some
	for b, all := range byBucket {
		for chunk := range slices.Chunk(all, fetchedRows) {
			parts = append(parts, some{b, chunk})
		}
	}
	found := make([][]chat.Message, len(parts))
	err = forEach(ctx, len(parts), func(ctx context.Context, i int) (err error) {
		found[i], err = s.messagesOf(ctx, l, parts[i].bucket, parts[i].ids)
		return err
	})
	if err != nil {
		return nil, err
	}
	byID := make(map[id.ID]chat.Message, len(ids))
	for _, ms := range found {
		for _, m := range ms {
			byID[m.ID] = m
		}
	}
	return byID, nil
}

// messagesOf reads those of some messages that are in a bucket, and whole.
func (s *Store) messagesOf(ctx context.Context, l chat.Log, b id.Bucket, ids []gocql.UUID) (ms []chat.Message, err error) {
	var row messageRow
	var broken error
	err = s.db.rowsWhile(ctx, fetchedRows, func() bool {
		if row.whole() {
			var m chat.Message
			if m, broken = row.message(); broken == nil {
				ms = append(ms, m)
			}
		}
		return broken == nil
	}, selectMessages, []any{string(l.Tenant), uuid(l.ID), int64(b), ids}, row.dest()...)
	return ms, cmp.Or(err, broken)
}
