package embedded

import (
	"context"

	"github.com/cockroachdb/pebble/v2"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

func addMessage(b *pebble.Batch, l chat.Log, m chat.Message) {
	set(b, messagesOf(l).lastID(m.ID), encodeMessage(m))
}

// addNew is addMessage unless the log has the message. So it does not undo Disown or a deletion.
func (s *Store) addNew(b *pebble.Batch, l chat.Log, m chat.Message) error {
	there, err := s.has(messagesOf(l).lastID(m.ID))
	if err != nil || there {
		return err
	}
	if err := s.keepsPayload(m.Payload); err != nil {
		return err
	}
	addMessage(b, l, m)
	return nil
}

// Append implements chat.MessageStore.
func (s *Store) Append(ctx context.Context, l chat.Log, m chat.Message) error {
	return s.changeUnder(ctx, nil, func(b *pebble.Batch) error {
		if err := s.keepsPayload(m.Payload); err != nil {
			return err
		}
		addMessage(b, l, m)
		return nil
	})
}

// batchBytes is the size of one batch of an import. It is large enough to spread the cost of a sync, and small enough
// not to delay other writers.
const batchBytes = 256 << 10

// AppendBatch implements chat.MessageStore. Messages become visible in their
// order, some hundreds at a time.
func (s *Store) AppendBatch(ctx context.Context, l chat.Log, ms []chat.Message) error {
	for {
		err := s.changeUnder(ctx, nil, func(b *pebble.Batch) error {
			for ; len(ms) > 0 && b.Len() < batchBytes; ms = ms[1:] {
				if err := s.addNew(b, l, ms[0]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || len(ms) == 0 {
			return err
		}
	}
}

// PlanLog implements chat.LogPlanner. It does nothing: the embedded store has no buckets to plan.
func (s *Store) PlanLog(ctx context.Context, _ chat.Log, _ []chat.Bin) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	s.calls.Done()
	return nil
}

// AppendOnce implements chat.MessageStore. A key and its message are written in one step. If the message is missing, it
// was removed.
func (s *Store) AppendOnce(ctx context.Context, l chat.Log, idempotencyKey string, m chat.Message, _ id.ID) (first chat.Message, repeated bool, err error) {
	k := keysOf(l).text(m.Author.Login).last(idempotencyKey)
	err = s.change(ctx, &s.leases, k, func(b *pebble.Batch) error {
		v, found, err := s.find(k)
		if err != nil {
			return err
		}
		if found {
			c, err := decodeClaim(v)
			if err != nil {
				return s.corrupt(err)
			}
			if !c.expired(s.removalTimeNow()) {
				first, repeated, err = s.claimed(l, idempotencyKey, c, m)
				return err
			}
			dropLease(b, k, c.lease)
		}
		c := claim{message: m.ID, content: m.Digest()}
		c.ExpiresAt = s.now().Add(chat.KeyLifetime)
		set(b, k, encodeClaim(c))
		set(b, expiryKey(c.ExpiresAt, k), nil)
		first = m
		return s.addNew(b, l, m)
	})
	if err != nil {
		return chat.Message{}, false, err
	}
	return first, repeated, nil
}

// claimed is AppendOnce for a key that stands for claim c already.
func (s *Store) claimed(l chat.Log, idempotencyKey string, c claim, m chat.Message) (chat.Message, bool, error) {
	if c.content != m.Digest() {
		return chat.Message{}, false, &chat.Error{
			Kind: chat.Conflict, Entity: chat.KeyEntity, Name: idempotencyKey,
			Message: "this Idempotency-Key was used for another message",
		}
	}
	first, err := s.message(l, c.message)
	if chat.IsKind(err, chat.NotFound) { // trimmed; the key still stands for it
		m.ID = c.message
		return m, true, nil
	}
	return first, true, err
}

// Message implements chat.MessageStore.
func (s *Store) Message(ctx context.Context, l chat.Log, u id.ID) (chat.Message, error) {
	if err := s.begin(ctx); err != nil {
		return chat.Message{}, err
	}
	defer s.calls.Done()
	return s.message(l, u)
}

func (s *Store) message(l chat.Log, u id.ID) (chat.Message, error) {
	v, found, err := s.find(messagesOf(l).lastID(u))
	if err != nil {
		return chat.Message{}, err
	}
	if !found {
		return chat.Message{}, chat.ErrNotFound(chat.MessageEntity, u.String())
	}
	m, err := decodeMessage(u, v)
	if err != nil {
		return m, s.corrupt(err)
	}
	v, found, err = s.find(fatesOf(l).lastID(u))
	if err != nil || !found {
		return m, err
	}
	f, err := decodeOutcome(v)
	f.apply(&m)
	return m, s.corrupt(err)
}

// Older implements chat.MessageStore.
func (s *Store) Older(ctx context.Context, l chat.Log, than id.ID, limit int) ([]chat.Message, error) {
	return s.Between(ctx, l, than, id.ID{}, limit)
}

// Newer implements chat.MessageStore.
func (s *Store) Newer(ctx context.Context, l chat.Log, than id.ID, inclusive bool, limit int) ([]chat.Message, error) {
	return s.page(ctx, l, limit, func(log key) pebble.IterOptions {
		lower := log.lastID(than)
		if !inclusive {
			lower = lower.after()
		}
		return pebble.IterOptions{LowerBound: lower, UpperBound: log.end()}
	}, (*cursor).First, (*cursor).Next)
}

func (s *Store) page(ctx context.Context, l chat.Log, limit int, bounds func(log key) pebble.IterOptions, start, step func(*cursor) bool) ([]chat.Message, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	log := messagesOf(l)
	o := bounds(log)
	it, err := s.cursor(ctx, o)
	if err != nil {
		return nil, s.unavailable("read", err)
	}
	defer func() { it.Close() }()
	ms := make([]chat.Message, 0, min(limit, 100))
	size := 0
	for ok := start(it); ok && len(ms) < limit && size < chat.MaxRead; {
		// As many as fit by their rows. Their changes may make them shorter or longer.
		part := len(ms)
		for rows := size; ok && len(ms) < min(limit, part+changedPart) && rows < chat.MaxRead; ok = step(it) {
			v, err := it.ValueAndErr()
			if err != nil {
				return nil, s.unavailable("read", err)
			}
			c := columns{rest: it.Key()[len(log):]}
			m, err := decodeMessage(id.Key(c.id()).ID(), v)
			if err != nil {
				return nil, s.corrupt(err)
			}
			ms = append(ms, m)
			rows += m.Bytes()
		}
		if ctx.Err() != nil {
			return nil, chat.ErrUnavailable(ctx.Err())
		}
		if err := s.applyChanges(ctx, l, ms[part:]); err != nil {
			return nil, err
		}
		for ; part < len(ms) && size < chat.MaxRead; part++ {
			size += ms[part].Bytes()
		}
		clear(ms[part:])
		ms = ms[:part]
	}
	if err := it.Error(); err != nil {
		return nil, s.unavailable("read", err)
	}
	return ms, nil
}

// changedPart is how many messages of a page are read before their changes, which may be long texts.
const changedPart = 64
