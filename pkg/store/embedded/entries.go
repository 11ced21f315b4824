package embedded

import (
	"context"

	"github.com/cockroachdb/pebble/v2"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/id"
)

func entriesOf(space string) key          { return table(tableEntry).text(space) }
func entryKey(space string, u id.ID) key  { return entriesOf(space).lastID(u) }
func entryNameKey(space, name string) key { return table(tableEntryName).text(space).last(name) }
func errNoEntry() error                   { return &chat.Error{Kind: chat.NotFound, Message: "there is no such entry"} }

func encodeEntry(e directory.Entry) record {
	return newRecord().text(1, e.Name).bytes(2, e.Value).number(3, int(e.Version))
}

func decodeEntry(space string, u id.ID, v []byte) (directory.Entry, error) {
	e := directory.Entry{Space: space, ID: u}
	err := decode(v, func(f *field) {
		switch f.number {
		case 1:
			e.Name = f.text()
		case 2:
			e.Value = []byte(f.text())
		case 3:
			e.Version = int64(f.number64())
		}
	})
	return e, err
}

// CreateEntry implements directory.Store.
func (s *Store) CreateEntry(ctx context.Context, e directory.Entry) error {
	name := entryNameKey(e.Space, e.Name)
	return s.change(ctx, &s.entries, name, func(b *pebble.Batch) error {
		taken, err := s.has(name)
		if err != nil {
			return err
		}
		if taken {
			return &chat.Error{Kind: chat.Conflict, Message: "'" + e.Name + "' is taken"}
		}
		e.Version = 1
		set(b, name, newRecord().id(1, e.ID))
		set(b, entryKey(e.Space, e.ID), encodeEntry(e))
		return nil
	})
}

// Entry implements directory.Store.
func (s *Store) Entry(ctx context.Context, space string, u id.ID) (directory.Entry, error) {
	if err := s.begin(ctx); err != nil {
		return directory.Entry{}, err
	}
	defer s.calls.Done()
	return s.entry(space, u)
}

func (s *Store) entry(space string, u id.ID) (directory.Entry, error) {
	v, found, err := s.find(entryKey(space, u))
	if err == nil && !found {
		err = errNoEntry()
	}
	if err != nil {
		return directory.Entry{}, err
	}
	e, err := decodeEntry(space, u, v)
	return e, s.corrupt(err)
}

// EntryNamed implements directory.Store.
func (s *Store) EntryNamed(ctx context.Context, space, name string) (directory.Entry, error) {
	if err := s.begin(ctx); err != nil {
		return directory.Entry{}, err
	}
	defer s.calls.Done()
	v, found, err := s.find(entryNameKey(space, name))
	if err == nil && !found {
		err = errNoEntry()
	}
	if err != nil {
		return directory.Entry{}, err
	}
	var u id.ID
	if err := decode(v, func(f *field) {
		if f.number == 1 {
			u = f.id()
		}
	}); err != nil {
		return directory.Entry{}, s.corrupt(err)
	}
	return s.entry(space, u)
}

// Entries implements directory.Store.
func (s *Store) Entries(ctx context.Context, space string, after id.ID, limit int) ([]directory.Entry, error) {
	prefix := entriesOf(space)
	from := prefix
	if !after.IsZero() {
		from = prefix.lastID(after).after()
	}
	var out []directory.Entry
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	err := s.scan(ctx, prefix, from, func(last, v []byte) (bool, error) {
		e, err := decodeEntry(space, id.Key(last).ID(), v)
		out = append(out, e)
		return len(out) < limit, s.corrupt(err)
	})
	return out, err
}

// NewestEntries implements directory.Store.
func (s *Store) NewestEntries(ctx context.Context, space string, before id.ID, limit int) (out []directory.Entry, err error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	prefix := entriesOf(space)
	to := prefix.end()
	if !before.IsZero() {
		to = prefix.lastID(before)
	}
	err = s.scanBack(ctx, prefix, to, func(last, v []byte) (bool, error) {
		e, err := decodeEntry(space, id.Key(last).ID(), v)
		out = append(out, e)
		return len(out) < limit, s.corrupt(err)
	})
	return out, err
}

// ReplaceEntry implements directory.Store.
func (s *Store) ReplaceEntry(ctx context.Context, e directory.Entry) error {
	now, err := s.Entry(ctx, e.Space, e.ID)
	if err != nil {
		return err
	}
	return s.change(ctx, &s.entries, entryNameKey(e.Space, now.Name), func(b *pebble.Batch) error {
		if now, err = s.entry(e.Space, e.ID); err != nil {
			return err
		}
		if now.Version != e.Version {
			return &chat.Error{Kind: chat.Stale, Message: "it was changed meanwhile; read it again"}
		}
		now.Value, now.Version = e.Value, now.Version+1
		set(b, entryKey(e.Space, e.ID), encodeEntry(now))
		return nil
	})
}

// DeleteEntry implements directory.Store.
func (s *Store) DeleteEntry(ctx context.Context, space string, u id.ID) error {
	e, err := s.Entry(ctx, space, u)
	if chat.IsKind(err, chat.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	name, row := entryNameKey(space, e.Name), entryKey(space, u)
	return s.change(ctx, &s.entries, name, func(b *pebble.Batch) error {
		found, err := s.has(row)
		if err == nil && found {
			remove(b, row)
			remove(b, name)
		}
		return err
	})
}

// EachEntry implements directory.Store.
func (s *Store) EachEntry(ctx context.Context, visit func(directory.Entry) error) error {
	return s.each(ctx, tableEntry, func(c *columns, v []byte) error {
		space, key := c.text(), id.Key(c.take(len(id.Key{})))
		if c.err != nil {
			return s.corrupt(c.err)
		}
		e, err := decodeEntry(space, key.ID(), v)
		if err != nil {
			return s.corrupt(err)
		}
		return visit(e)
	})
}
