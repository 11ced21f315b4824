package cassandra

import (
	"context"
	"time"

	"github.com/gocql/gocql"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/inbox"
)

const (
	insertInbox      = `INSERT INTO inbox (tenant, login, part, number, version, claim, value) VALUES (?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS`
	updateInbox      = `UPDATE inbox SET version = ?, claim = ?, value = ? WHERE tenant = ? AND login = ? AND part = ? AND number = ? IF version = ?`
	deleteInbox      = `DELETE FROM inbox WHERE tenant = ? AND login = ? AND part = ? AND number = ? IF EXISTS`
	selectInbox      = `SELECT version, value FROM inbox WHERE tenant = ? AND login = ? AND part = ? AND number = ?`
	selectInboxClaim = `SELECT version, claim FROM inbox WHERE tenant = ? AND login = ? AND part = ? AND number = ?`
	listInbox        = `SELECT number, version, value FROM inbox WHERE tenant = ? AND login = ? AND part = ? AND number >= ? AND number < ?`
	listInboxNumbers = `SELECT number FROM inbox WHERE tenant = ? AND login = ? AND part = ? AND number >= ? AND number < ?`
	allInboxes       = `SELECT DISTINCT tenant, login, part FROM inbox`

	insertInboxNote  = `INSERT INTO inbox_notes (tenant, login, day, message_id, position) VALUES (?, ?, ?, ?, ?)`
	selectInboxNote  = `SELECT message_id, position FROM inbox_notes WHERE tenant = ? AND login = ? AND day = ? AND message_id IN ?`
	deleteInboxNotes = `DELETE FROM inbox_notes USING TIMESTAMP ? WHERE tenant = ? AND login = ? AND day = ?`

	// inboxPart is how many pages are in a partition, and inboxState the part and the number of the state of a mailbox. Rows
	// on disk depend on them.
	inboxPart  = 64
	inboxState = -1
)

// inboxKey is the key of the page with a number, or of the state.
func inboxKey(who chat.Identity, number int64) []any {
	part := number / inboxPart
	if number == inboxState {
		part = inboxState
	}
	return []any{string(who.Tenant), who.Login, part, number}
}

// inboxDay is the partition of a note.
func inboxDay(u id.ID) int64 { return u.UnixMilli() / (24 * time.Hour).Milliseconds() }

// Inbox implements inbox.Store.
func (s *Store) Inbox(ctx context.Context, who chat.Identity) (c inbox.Cell, err error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return c, err
	}
	defer end()
	_, err = s.db.row(ctx, selectInbox, inboxKey(who, inboxState), &c.Version, &c.Value)
	return c, err
}

// ReplaceInbox implements inbox.Store.
func (s *Store) ReplaceInbox(ctx context.Context, who chat.Identity, c inbox.Cell) (bool, error) {
	c.Number = inboxState
	return s.replaceInbox(ctx, who, c)
}

// ReplaceInboxPage implements inbox.Store.
func (s *Store) ReplaceInboxPage(ctx context.Context, who chat.Identity, c inbox.Cell) (bool, error) {
	return s.replaceInbox(ctx, who, c)
}

func (s *Store) replaceInbox(ctx context.Context, who chat.Identity, c inbox.Cell) (bool, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return false, err
	}
	defer end()
	key, claim := inboxKey(who, c.Number), gocql.MustRandomUUID()
	verify := func(ctx context.Context) (outcome, error) {
		var version int64
		var by gocql.UUID
		_, err := s.db.decided(ctx, selectInboxClaim, key, &version, &by)
		switch {
		case err != nil || version == c.Version:
			return undecided, err
		case by == claim:
			return applied, nil
		default:
			return rejected, nil
		}
	}
	if c.Version == 0 {
		return s.db.decide(ctx, verify, insertInbox, append(key[:len(key):len(key)], int64(1), claim, c.Value)...)
	}
	return s.db.decide(ctx, verify, updateInbox, append(append([]any{c.Version + 1, claim, c.Value}, key...), c.Version)...)
}

// RemoveInbox implements inbox.Store.
func (s *Store) RemoveInbox(ctx context.Context, who chat.Identity) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	_, err = s.db.apply(ctx, deleteInbox, inboxKey(who, inboxState)...)
	return err
}

// EachInbox implements inbox.Store.
func (s *Store) EachInbox(ctx context.Context, visit func(chat.Identity) error) error {
	type row struct {
		chat.Identity
		part int64
	}
	var r row
	return everyRow(ctx, s, allInboxes, func() row { return r }, func(r row) error {
		if r.part != inboxState {
			return nil
		}
		if c, err := s.Inbox(ctx, r.Identity); err != nil || c.Version == 0 {
			return err
		}
		return visit(r.Identity)
	}, func() []any {
		r = row{}
		return []any{(*string)(&r.Tenant), &r.Login, &r.part}
	})
}

// inboxParts calls f for each partition that has pages with the numbers from from on and below to.
func (s *Store) inboxParts(ctx context.Context, who chat.Identity, from, to int64, f func(ctx context.Context, i int, key []any) error) error {
	if from >= to {
		return nil
	}
	first, last := from/inboxPart, (to-1)/inboxPart
	return forEach(ctx, int(last-first+1), func(ctx context.Context, i int) error {
		return f(ctx, i, []any{string(who.Tenant), who.Login, first + int64(i), from, to})
	})
}

// InboxPages implements inbox.Store.
func (s *Store) InboxPages(ctx context.Context, who chat.Identity, from, to int64) ([]inbox.Cell, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	parts := make([][]inbox.Cell, max(0, to/inboxPart-from/inboxPart+1))
	err = s.inboxParts(ctx, who, from, to, func(ctx context.Context, i int, key []any) error {
		var c inbox.Cell
		return s.db.rows(ctx, inboxPart, func() {
			parts[i] = append(parts[i], c)
			c = inbox.Cell{}
		}, listInbox, key, &c.Number, &c.Version, &c.Value)
	})
	var all []inbox.Cell
	for _, p := range parts {
		all = append(all, p...)
	}
	return all, err
}

// RemoveInboxPages implements inbox.Store.
func (s *Store) RemoveInboxPages(ctx context.Context, who chat.Identity, from, to int64) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	return s.inboxParts(ctx, who, from, to, func(ctx context.Context, _ int, key []any) error {
		var numbers []int64
		var n int64
		if err := s.db.rows(ctx, inboxPart, func() { numbers = append(numbers, n) }, listInboxNumbers, key, &n); err != nil {
			return err
		}
		for _, n := range numbers { // of one partition: transactions there would only wait for each other
			if _, err := s.db.apply(ctx, deleteInbox, inboxKey(who, n)...); err != nil {
				return err
			}
		}
		return nil
	})
}

// NoteInbox implements inbox.Store.
func (s *Store) NoteInbox(ctx context.Context, who chat.Identity, notes []inbox.Note) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	days := map[int64][]write{}
	for _, n := range notes {
		day := inboxDay(n.Message)
		days[day] = append(days[day], write{insertInboxNote, []any{string(who.Tenant), who.Login, day, uuid(n.Message), n.Position}})
	}
	for _, writes := range days {
		if err := s.db.samePartition(ctx, writes); err != nil {
			return err
		}
	}
	return nil
}

// inboxNotesAtOnce is how many notes one statement looks for.
const inboxNotesAtOnce = 100

// InboxNotes implements inbox.Store.
func (s *Store) InboxNotes(ctx context.Context, who chat.Identity, messages []id.ID) (found []inbox.Note, err error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	type read struct {
		day int64
		ids [][16]byte
	}
	var reads []*read
	open := map[int64]*read{}
	for _, m := range messages {
		day := inboxDay(m)
		r := open[day]
		if r == nil || len(r.ids) == inboxNotesAtOnce {
			r = &read{day: day}
			open[day], reads = r, append(reads, r)
		}
		r.ids = append(r.ids, uuid(m))
	}
	notes := make([][]inbox.Note, len(reads))
	err = forEach(ctx, len(reads), func(ctx context.Context, i int) error {
		var n inbox.Note
		return s.db.rows(ctx, inboxNotesAtOnce, func() { notes[i] = append(notes[i], n) }, selectInboxNote,
			[]any{string(who.Tenant), who.Login, reads[i].day, reads[i].ids}, into(&n.Message), &n.Position)
	})
	for _, some := range notes {
		found = append(found, some...)
	}
	return found, err
}

// RemoveInboxNotes implements inbox.Store.
func (s *Store) RemoveInboxNotes(ctx context.Context, who chat.Identity, from, to id.ID) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	first, last := inboxDay(from), inboxDay(to)
	return forEach(ctx, int(last-first+1), func(ctx context.Context, i int) error {
		return s.db.exec(ctx, deleteInboxNotes, s.finalTime(), string(who.Tenant), who.Login, first+int64(i))
	})
}
