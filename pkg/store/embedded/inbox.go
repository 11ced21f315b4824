package embedded

import (
	"context"
	"encoding/binary"

	"github.com/cockroachdb/pebble/v2"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/inbox"
)

func inboxKey(who chat.Identity) key { return table(tableInbox).tenant(who.Tenant).last(who.Login) }

func inboxPagesOf(who chat.Identity) key {
	return table(tableInboxPage).tenant(who.Tenant).text(who.Login)
}

func inboxPageKey(who chat.Identity, n int64) key {
	return inboxPagesOf(who).last(string(binary.BigEndian.AppendUint64(nil, uint64(n))))
}

func inboxNotesOf(who chat.Identity) key {
	return table(tableInboxNote).tenant(who.Tenant).text(who.Login)
}

func encodeCell(c inbox.Cell) []byte { return newRecord().number(1, int(c.Version)).bytes(2, c.Value) }

func decodeCell(v []byte) (c inbox.Cell, err error) {
	err = decode(v, func(f *field) {
		switch f.number {
		case 1:
			c.Version = int64(f.number64())
		case 2:
			c.Value = []byte(f.text())
		}
	})
	return c, err
}

func (s *Store) cell(k key) (c inbox.Cell, err error) {
	v, found, err := s.find(k)
	if err != nil || !found {
		return c, err
	}
	c, err = decodeCell(v)
	return c, s.corrupt(err)
}

// Inbox implements inbox.Store.
func (s *Store) Inbox(ctx context.Context, who chat.Identity) (inbox.Cell, error) {
	if err := s.begin(ctx); err != nil {
		return inbox.Cell{}, err
	}
	defer s.calls.Done()
	return s.cell(inboxKey(who))
}

// ReplaceInbox implements inbox.Store.
func (s *Store) ReplaceInbox(ctx context.Context, who chat.Identity, c inbox.Cell) (bool, error) {
	return s.replaceCell(ctx, inboxKey(who), c)
}

// ReplaceInboxPage implements inbox.Store.
func (s *Store) ReplaceInboxPage(ctx context.Context, who chat.Identity, c inbox.Cell) (bool, error) {
	return s.replaceCell(ctx, inboxPageKey(who, c.Number), c)
}

func (s *Store) replaceCell(ctx context.Context, k key, c inbox.Cell) (replaced bool, err error) {
	err = s.change(ctx, &s.inboxes, k, func(b *pebble.Batch) error {
		now, err := s.cell(k)
		if err == nil && now.Version == c.Version {
			replaced = true
			c.Version++
			set(b, k, encodeCell(c))
		}
		return err
	})
	return replaced && err == nil, err
}

// RemoveInbox implements inbox.Store.
func (s *Store) RemoveInbox(ctx context.Context, who chat.Identity) error {
	k := inboxKey(who)
	return s.change(ctx, &s.inboxes, k, func(b *pebble.Batch) error {
		remove(b, k)
		return nil
	})
}

// EachInbox implements inbox.Store.
func (s *Store) EachInbox(ctx context.Context, visit func(chat.Identity) error) error {
	return s.each(ctx, tableInbox, func(c *columns, _ []byte) error {
		t := chat.Tenant(c.text())
		if c.err != nil {
			return s.corrupt(c.err)
		}
		return visit(chat.Identity{Tenant: t, Login: string(c.rest)})
	})
}

// eachInboxPage visits pages with the numbers from from on and below to.
func (s *Store) eachInboxPage(ctx context.Context, who chat.Identity, from, to int64, visit func(n int64, v []byte) error) error {
	return s.scan(ctx, inboxPagesOf(who), inboxPageKey(who, from), func(last, v []byte) (bool, error) {
		if len(last) != 8 {
			return false, s.corrupt(errKey)
		}
		n := int64(binary.BigEndian.Uint64(last))
		if n >= to {
			return false, nil
		}
		return true, visit(n, v)
	})
}

// InboxPages implements inbox.Store.
func (s *Store) InboxPages(ctx context.Context, who chat.Identity, from, to int64) (all []inbox.Cell, err error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	err = s.eachInboxPage(ctx, who, from, to, func(n int64, v []byte) error {
		c, err := decodeCell(v)
		c.Number = n
		all = append(all, c)
		return s.corrupt(err)
	})
	return all, err
}

// RemoveInboxPages implements inbox.Store.
func (s *Store) RemoveInboxPages(ctx context.Context, who chat.Identity, from, to int64) error {
	return s.change(ctx, &s.inboxes, inboxPagesOf(who), func(b *pebble.Batch) error {
		return s.eachInboxPage(ctx, who, from, to, func(n int64, _ []byte) error {
			remove(b, inboxPageKey(who, n))
			return nil
		})
	})
}

// NoteInbox implements inbox.Store.
func (s *Store) NoteInbox(ctx context.Context, who chat.Identity, notes []inbox.Note) error {
	return s.put(ctx, func(b *pebble.Batch) {
		for _, n := range notes {
			set(b, inboxNotesOf(who).lastID(n.Message), newRecord().number(1, int(n.Position)))
		}
	})
}

// InboxNotes implements inbox.Store.
func (s *Store) InboxNotes(ctx context.Context, who chat.Identity, messages []id.ID) (found []inbox.Note, err error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	for _, m := range messages {
		v, there, err := s.find(inboxNotesOf(who).lastID(m))
		if err != nil {
			return nil, err
		}
		if !there {
			continue
		}
		n, err := decodeCount(v)
		if err != nil {
			return nil, s.corrupt(err)
		}
		found = append(found, inbox.Note{Message: m, Position: int64(n)})
	}
	return found, nil
}

// RemoveInboxNotes implements inbox.Store.
func (s *Store) RemoveInboxNotes(ctx context.Context, who chat.Identity, from, to id.ID) error {
	return s.put(ctx, func(b *pebble.Batch) {
		prefix := inboxNotesOf(who)
		_ = b.DeleteRange(prefix.lastID(from), prefix.lastID(to).after(), nil)
	})
}
