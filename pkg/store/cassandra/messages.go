package cassandra

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/gocql/gocql"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

const (
	messageColumns = `message_id, author_login, author_first_name, author_last_name, content, system,
reply_to, edit, edited_content, deleted, reactions, subject, payload, edited_payload`
	insertMessage = `INSERT INTO messages (tenant, log_id, bucket, message_id, author_login, author_first_name, author_last_name, content, system)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
	insertReply = `INSERT INTO messages (tenant, log_id, bucket, message_id, author_login, author_first_name, author_last_name, content, system, reply_to)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	insertAbout = `INSERT INTO messages (tenant, log_id, bucket, message_id, author_login, author_first_name, author_last_name, content, system, subject)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	insertWhole = `INSERT INTO messages (tenant, log_id, bucket, message_id, author_login, author_first_name, author_last_name, content, system,
reply_to, subject, payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	selectMessage = `SELECT ` + messageColumns + `
FROM messages WHERE tenant = ? AND log_id = ? AND bucket = ? AND message_id = ?`
	selectMessages = `SELECT ` + messageColumns + `
FROM messages WHERE tenant = ? AND log_id = ? AND bucket = ? AND message_id IN ?`
	selectThere   = `SELECT message_id, system FROM messages WHERE tenant = ? AND log_id = ? AND bucket = ? AND message_id IN ?`
	olderMessages = `SELECT ` + messageColumns + `
FROM messages WHERE tenant = ? AND log_id = ? AND bucket = ? AND message_id < ? ORDER BY message_id DESC LIMIT ?`
	newerMessages = `SELECT ` + messageColumns + `
FROM messages WHERE tenant = ? AND log_id = ? AND bucket = ? AND message_id > ? ORDER BY message_id ASC LIMIT ?`
	newerMessagesAnd = `SELECT ` + messageColumns + `
FROM messages WHERE tenant = ? AND log_id = ? AND bucket = ? AND message_id >= ? ORDER BY message_id ASC LIMIT ?`
)

// insert returns the write of a message. One with a Subject answers no other. What a message does not have is not written: a
// null would be a deleted cell.
func insert(l chat.Log, b id.Bucket, m chat.Message) write {
	args := append(make([]any, 0, 12), string(l.Tenant), uuid(l.ID), int64(b), uuid(m.ID),
		m.Author.Login, m.Author.FirstName, m.Author.LastName, m.Content, m.System)
	switch {
	case !m.Payload.Plain():
		var reply, subject any = gocql.UnsetValue, gocql.UnsetValue
		if !m.ReplyTo.IsZero() {
			reply = uuid(m.ReplyTo)
		}
		if m.Subject != "" {
			subject = m.Subject
		}
		return write{insertWhole, append(args, reply, subject, m.Payload.Encode())}
	case m.Subject != "":
		return write{insertAbout, append(args, m.Subject)}
	case m.ReplyTo.IsZero():
		return write{insertMessage, args}
	}
	return write{insertReply, append(args, uuid(m.ReplyTo))}
}

// Append implements chat.MessageStore.
func (s *Store) Append(ctx context.Context, l chat.Log, m chat.Message) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	return s.append(ctx, l, m)
}

func (s *Store) append(ctx context.Context, l chat.Log, m chat.Message) error {
	list, sure, err := s.widthsAt(ctx, l, m.ID.UnixMilli())
	if err != nil {
		return err
	}
	b := list.Of(m.ID)
	missing, err := s.missing(ctx, l, b, []chat.Message{m})
	if err != nil || len(missing) == 0 {
		return err
	}
	if err := s.index(ctx, l, b); err != nil {
		return err
	}
	if err := s.put(ctx, l, b, m); err != nil {
		return err
	}
	s.written(l, b, m.ID, 1)
	if sure {
		return nil
	}
	return s.settle(ctx, l, []chat.Message{m}, []id.Bucket{b})
}

// A batch of one partition is one write for Cassandra. These bounds keep it small enough not to delay other writes.
const (
	batchRows  = 100
	batchBytes = 128 << 10
)

// AppendBatch implements chat.MessageStore.
func (s *Store) AppendBatch(ctx context.Context, l chat.Log, ms []chat.Message) error {
	ctx, end, err := s.beginLong(ctx)
	if err != nil {
		return err
	}
	defer end()
	if len(ms) == 0 {
		return nil
	}
	list, sure, err := s.widthsAt(ctx, l, newestMoment(ms))
	if err != nil {
		return err
	}
	byBucket := map[id.Bucket][]chat.Message{}
	var buckets, at []id.Bucket
	for _, m := range ms {
		b := list.Of(m.ID)
		at = append(at, b)
		if byBucket[b] == nil {
			buckets = append(buckets, b)
		}
		byBucket[b] = append(byBucket[b], m)
	}
	missing := make([][]chat.Message, len(buckets))
	err = forEach(ctx, len(buckets), func(ctx context.Context, i int) (err error) {
		b := buckets[i]
		if missing[i], err = s.missing(ctx, l, b, byBucket[b]); err != nil || len(missing[i]) == 0 {
			return err
		}
		return s.index(ctx, l, b)
	})
	if err != nil {
		return err
	}
	var batches [][]write
	for i, b := range buckets {
		batches = append(batches, split(l, b, missing[i])...)
	}
	err = forEach(ctx, len(batches), func(ctx context.Context, i int) error {
		return s.db.samePartition(ctx, batches[i])
	})
	if err != nil {
		return err
	}
	for i, b := range buckets {
		if of := missing[i]; len(of) > 0 {
			s.written(l, b, of[len(of)-1].ID, len(of))
		}
	}
	if sure {
		return nil
	}
	return s.settle(ctx, l, ms, at)
}

// newestMoment returns the newest moment of the ids of messages: what is known of widths then is known of all of them.
func newestMoment(ms []chat.Message) int64 {
	newest := int64(0)
	for _, m := range ms {
		newest = max(newest, m.ID.UnixMilli())
	}
	return newest
}

// lookAfter is the age from which on a message is written only if the log lacks it. Writing the original message again
// must not undo Disown or a deletion. These happen later than the message's id, and are dated an hour ahead (finalTime),
// so they win over all writes within an hour of the id. lookAfter is less than an hour, to allow for clocks that differ
// and for slow writes. How old a message is whose id is ahead of time is not known.
const lookAfter = 30 * time.Minute

// missing returns the messages of one bucket that have to be written.
func (s *Store) missing(ctx context.Context, l chat.Log, b id.Bucket, ms []chat.Message) ([]chat.Message, error) {
	now := s.present()
	var old []gocql.UUID
	for _, m := range ms {
		if age := now.Sub(m.CreatedAt()); age > lookAfter || age < -clockSkew {
			old = append(old, gocql.UUID(m.ID))
		}
	}
	if len(old) == 0 {
		return ms, nil
	}
	there := map[id.ID]bool{}
	var row messageRow
	for some := range slices.Chunk(old, batchRows) {
		err := s.db.rows(ctx, batchRows, func() { there[row.id] = row.whole() }, selectThere,
			[]any{string(l.Tenant), uuid(l.ID), int64(b), some}, into(&row.id), &row.system)
		if err != nil {
			return nil, err
		}
	}
	missing := make([]chat.Message, 0, len(ms))
	for _, m := range ms {
		if !there[m.ID] {
			missing = append(missing, m)
		}
	}
	return missing, nil
}

// split divides the messages of one bucket into bounded batches.
func split(l chat.Log, b id.Bucket, ms []chat.Message) [][]write {
	var all [][]write
	var current []write
	size := 0
	for _, m := range ms {
		if len(current) > 0 && (len(current) >= batchRows || size+sizeOf(m) > batchBytes) {
			all, current, size = append(all, current), nil, 0
		}
		size += sizeOf(m)
		current = append(current, insert(l, b, m))
	}
	if len(current) > 0 {
		all = append(all, current)
	}
	return all
}

// sizeOf is the approximate size of a message's row, in bytes.
func sizeOf(m chat.Message) int { return len(m.Content) + m.Payload.Bytes() + 200 }

// Message implements chat.MessageStore.
func (s *Store) Message(ctx context.Context, l chat.Log, m id.ID) (chat.Message, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return chat.Message{}, err
	}
	defer end()
	found, ok, err := s.message(ctx, l, m)
	if err == nil && !ok {
		err = chat.ErrNotFound(chat.MessageEntity, m.String())
	}
	return found, err
}

func (s *Store) message(ctx context.Context, l chat.Log, of id.ID) (m chat.Message, found bool, err error) {
	b, err := s.bucket(ctx, l, of)
	if err != nil {
		return chat.Message{}, false, err
	}
	row, found, err := s.messageRow(ctx, l, b, of)
	if err != nil || !found {
		return chat.Message{}, false, err
	}
	m, err = row.message()
	return m, err == nil, err
}

// messageRow reads the row of a message, if it is whole.
func (s *Store) messageRow(ctx context.Context, l chat.Log, b id.Bucket, of id.ID) (row messageRow, found bool, err error) {
	found, err = s.db.row(ctx, selectMessage, []any{string(l.Tenant), uuid(l.ID), int64(b), uuid(of)}, row.dest()...)
	return row, found && err == nil && row.whole(), err
}

// fetchedRows bounds the rows of messages that Cassandra sends before they are looked at: they may be 64 KiB each.
const fetchedRows = 64

// page reads messages of one bucket until it has limit of them or their size reaches most bytes. It returns fewer only at
// the bucket's end. fetch is how many rows are requested at a time. It skips the incomplete rows that changes of removed
// messages left.
func (s *Store) page(ctx context.Context, w walk, b id.Bucket, limit, most, fetch int) ([]chat.Message, error) {
	ms := make([]chat.Message, 0, min(limit, 256))
	size := 0
	var row messageRow
	dest := row.dest()
	if w.statement == countMessages {
		dest = []any{into(&row.id), &row.author.Login, &row.system, &row.deleted}
	}
	for {
		args := append(make([]any, 0, 6), string(w.log.Tenant), uuid(w.log.ID), int64(b), uuid(w.at))
		if w.statement == betweenMessages {
			args = append(args, uuid(w.after))
		}
		rows := 0
		var broken error
		err := s.db.rowsWhile(ctx, min(limit, fetch), func() bool {
			if rows++; row.whole() {
				var m chat.Message
				if m, broken = row.message(); broken != nil {
					return false
				}
				ms, size = append(ms, m), size+m.Bytes()
			}
			return len(ms) < limit && size < most
		}, w.statement, append(args, limit), dest...)
		if err = cmp.Or(err, broken); err != nil || rows < limit || len(ms) == limit || size >= most {
			return ms, err
		}
		if w.at = row.id; w.statement == newerMessagesAnd {
			w.statement = newerMessages
		}
	}
}
