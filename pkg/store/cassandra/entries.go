package cassandra

import (
	"bytes"
	"context"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/id"
)

// An entry's row has the version 0 until the entry exists, and -1 when it is deleted. Creating it takes these steps:
//
//  1. its row, with version 0, which expires
//  2. its name, which decides: the entry exists from now on
//  3. its place in the index
//  4. version 1
//
// Who finds the name of an entry with version 0 does the last two steps for its creator, who may have died. A name that
// leads to a row that is not there, or is deleted, is free.
const (
	insertEntry = `UPDATE directory_entries USING TTL ? SET name = ?, value = ?, version = 0 WHERE space = ? AND id = ? IF version = null`
	readyEntry  = `UPDATE directory_entries SET name = ?, value = ?, version = 1 WHERE space = ? AND id = ? IF version = 0`
	selectEntry = `SELECT name, value, version FROM directory_entries WHERE space = ? AND id = ?`
	updateEntry = `UPDATE directory_entries SET value = ?, version = ? WHERE space = ? AND id = ? IF version = ?`
	removeEntry = `UPDATE directory_entries USING TTL ? SET name = ?, value = null, version = -1 WHERE space = ? AND id = ? IF version = ?`
	allEntries  = `SELECT space, id, name, value, version FROM directory_entries`

	claimEntryName  = `INSERT INTO directory_names (space, name, id) VALUES (?, ?, ?) IF NOT EXISTS`
	selectEntryName = `SELECT id FROM directory_names WHERE space = ? AND name = ?`
	freeEntryName   = `DELETE FROM directory_names WHERE space = ? AND name = ? IF id = ?`

	insertEntryIndex  = `INSERT INTO directory_by_space (space, hour, id) VALUES (?, ?, ?)`
	deleteEntryIndex  = `DELETE FROM directory_by_space USING TIMESTAMP ? WHERE space = ? AND hour = ? AND id = ?`
	listEntries       = `SELECT id FROM directory_by_space WHERE space = ? AND hour = ? AND id > ? AND id <= ? LIMIT ?`
	listNewestEntries = `SELECT id FROM directory_by_space WHERE space = ? AND hour = ? AND id > ? AND id <= ? ORDER BY id DESC LIMIT ?`

	insertEntryHour  = `INSERT INTO directory_hours (space, hour) VALUES (?, ?)`
	deleteEntryHour  = `DELETE FROM directory_hours WHERE space = ? AND hour = ?`
	listEntryHours   = `SELECT hour FROM directory_hours WHERE space = ? AND hour >= ? LIMIT ?`
	listNewestHours  = `SELECT hour FROM directory_hours WHERE space = ? AND hour <= ? ORDER BY hour DESC LIMIT ?`
	entryPendingFor  = 24 * time.Hour      // longer than any call
	entryDeletedFor  = 10 * 24 * time.Hour // no call that knew the entry is still running
	entryHoursAtOnce = 16
)

// entryHour is the partition of the index that an id is in.
func entryHour(u id.ID) int64 { return u.UnixMilli() / time.Hour.Milliseconds() }

func seconds(d time.Duration) int { return int(d / time.Second) }

func errNoEntry() error { return &chat.Error{Kind: chat.NotFound, Message: "there is no such entry"} }

// CreateEntry implements directory.Store.
func (s *Store) CreateEntry(ctx context.Context, e directory.Entry) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	if _, err := s.db.apply(ctx, insertEntry, seconds(entryPendingFor), e.Name, e.Value, e.Space, uuid(e.ID)); err != nil {
		return err
	}
	for {
		claimed, err := s.claimEntryName(ctx, e)
		if err != nil {
			return err
		}
		if claimed {
			return s.finishEntry(ctx, e)
		}
		var holder id.ID
		found, err := s.db.decided(ctx, selectEntryName, []any{e.Space, e.Name}, into(&holder))
		if err != nil {
			return err
		}
		if !found {
			continue // it was freed meanwhile
		}
		if _, there, err := s.entryDecided(ctx, e.Space, holder); err != nil {
			return err
		} else if there {
			return &chat.Error{Kind: chat.Conflict, Message: "'" + e.Name + "' is taken"}
		}
		if _, err := s.db.apply(ctx, freeEntryName, e.Space, e.Name, uuid(holder)); err != nil {
			return err
		}
	}
}

func (s *Store) claimEntryName(ctx context.Context, e directory.Entry) (bool, error) {
	verify := func(ctx context.Context) (outcome, error) {
		var holder id.ID
		found, err := s.db.decided(ctx, selectEntryName, []any{e.Space, e.Name}, into(&holder))
		switch {
		case err != nil || !found:
			return undecided, err
		case holder == e.ID:
			return applied, nil
		default:
			return rejected, nil
		}
	}
	return s.db.decide(ctx, verify, claimEntryName, e.Space, e.Name, uuid(e.ID))
}

// finishEntry does what follows the claim of the name.
func (s *Store) finishEntry(ctx context.Context, e directory.Entry) error {
	hour := entryHour(e.ID)
	if err := s.db.exec(ctx, insertEntryHour, e.Space, hour); err != nil {
		return err
	}
	if err := s.db.exec(ctx, insertEntryIndex, e.Space, hour, uuid(e.ID)); err != nil {
		return err
	}
	if ready, err := s.db.apply(ctx, readyEntry, e.Name, e.Value, e.Space, uuid(e.ID)); err != nil || ready {
		return err
	}
	_, found, err := readEntry(ctx, s.db.decided, e.Space, e.ID)
	if err == nil && !found {
		err = &chat.Error{Kind: chat.Conflict, Message: "'" + e.Name + "' was deleted meanwhile"}
	}
	return err
}

// Entry implements directory.Store.
func (s *Store) Entry(ctx context.Context, space string, u id.ID) (directory.Entry, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return directory.Entry{}, err
	}
	defer end()
	return s.entry(ctx, space, u)
}

func (s *Store) entry(ctx context.Context, space string, u id.ID) (directory.Entry, error) {
	e, found, err := readEntry(ctx, s.db.row, space, u)
	if err == nil && (!found || e.Version < 1) {
		err = errNoEntry()
	}
	return e, err
}

func readEntry(ctx context.Context, row rowReader, space string, u id.ID) (directory.Entry, bool, error) {
	e := directory.Entry{Space: space, ID: u}
	found, err := row(ctx, selectEntry, []any{space, uuid(u)}, &e.Name, &e.Value, &e.Version)
	return e, found && e.Version >= 0 && e.Name != "", err
}

// entryDecided returns the entry that a name leads to, and finishes its creation if that is needed.
func (s *Store) entryDecided(ctx context.Context, space string, u id.ID) (directory.Entry, bool, error) {
	e, found, err := readEntry(ctx, s.db.decided, space, u)
	if err != nil || !found || e.Version > 0 {
		return e, found, err
	}
	if err := s.finishEntry(ctx, e); err != nil {
		return e, false, err
	}
	return readEntry(ctx, s.db.decided, space, u)
}

// EntryNamed implements directory.Store.
func (s *Store) EntryNamed(ctx context.Context, space, name string) (directory.Entry, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return directory.Entry{}, err
	}
	defer end()
	var u id.ID
	found, err := s.db.row(ctx, selectEntryName, []any{space, name}, into(&u))
	if err == nil && !found {
		err = errNoEntry()
	}
	if err != nil {
		return directory.Entry{}, err
	}
	e, found, err := readEntry(ctx, s.db.row, space, u)
	if err == nil && found && e.Version == 0 {
		e, found, err = s.entryDecided(ctx, space, u)
	}
	if err == nil && !found {
		err = errNoEntry()
	}
	return e, err
}

// Entries implements directory.Store.
func (s *Store) Entries(ctx context.Context, space string, after id.ID, limit int) ([]directory.Entry, error) {
	if after.IsZero() {
		after = id.Min
	}
	l := entryList{hours: listEntryHours, ids: listEntries, step: +1, from: entryHour(after), within: span{listed{id: after}, listed{id: id.Max}}}
	return s.listEntries(ctx, l, space, limit)
}

// NewestEntries implements directory.Store.
func (s *Store) NewestEntries(ctx context.Context, space string, before id.ID, limit int) ([]directory.Entry, error) {
	to := id.Max
	if !before.IsZero() {
		to = before.Before()
	}
	l := entryList{hours: listNewestHours, ids: listNewestEntries, step: -1, from: entryHour(to), within: span{listed{id: id.Min}, listed{id: to}}}
	return s.listEntries(ctx, l, space, limit)
}

// entryList is a list of entries in one direction.
type entryList struct {
	hours, ids string // the statements
	step       int64  // +1, or -1 for the newest first
	from       int64  // the first hour
	within     span
}

// ofHour returns the part of the list that is in an hour, and whether it is the whole hour.
func (l entryList) ofHour(hour int64) (sp span, whole bool) {
	first := id.FirstAt(time.UnixMilli(hour * time.Hour.Milliseconds())).Before()
	last := id.FirstAt(time.UnixMilli((hour + 1) * time.Hour.Milliseconds())).Before()
	sp, whole = l.within, true
	if sp.after.id.Compare(first) <= 0 {
		sp.after.id = first
	} else {
		whole = false
	}
	if sp.to.id.Compare(last) >= 0 {
		sp.to.id = last
	} else {
		whole = false
	}
	return sp, whole
}

// listEntries reads the index hour by hour.
func (s *Store) listEntries(ctx context.Context, l entryList, space string, limit int) ([]directory.Entry, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	out := make([]directory.Entry, 0, min(limit, pageRows))
	for {
		var hours []int64
		var h int64
		if err := s.db.rows(ctx, entryHoursAtOnce, func() { hours = append(hours, h) }, l.hours, []any{space, l.from, entryHoursAtOnce}, &h); err != nil {
			return nil, err
		}
		for _, h := range hours {
			if out, err = s.entriesOfHour(ctx, l, out, space, h, limit); err != nil || len(out) == limit {
				return out, err
			}
		}
		if len(hours) < entryHoursAtOnce {
			return out, nil
		}
		l.from = hours[len(hours)-1] + l.step
	}
}

// entriesOfHour appends entries of one hour to out, until out has limit of them.
func (s *Store) entriesOfHour(ctx context.Context, l entryList, out []directory.Entry, space string, hour int64, limit int) ([]directory.Entry, error) {
	sp, whole := l.ofHour(hour)
	for {
		want := min(limit-len(out), pageRows)
		ids, err := inSpan(ctx, entrySpan{sp, l.step < 0}, want, func(ctx context.Context, sp entrySpan, n int) (ids []id.ID, err error) {
			var u id.ID
			err = s.db.rows(ctx, n, func() { ids = append(ids, u) }, l.ids, []any{space, hour, uuid(sp.after.id), uuid(sp.to.id), n}, into(&u))
			return ids, err
		})
		if err != nil {
			return nil, err
		}
		found, err := lookUp(ctx, ids, func(ctx context.Context, u id.ID) (directory.Entry, bool, error) {
			e, found, err := readEntry(ctx, s.db.row, space, u)
			return e, found && e.Version > 0, err
		})
		if err != nil {
			return nil, err
		}
		for _, u := range ids {
			if e, ok := found[u]; ok {
				out = append(out, e)
			}
		}
		if len(ids) < want {
			if whole && len(ids) == 0 {
				err = s.dropEmptyHour(ctx, space, hour)
			}
			return out, err
		}
		if len(out) == limit {
			return out, nil
		}
		whole = false
		if l.step > 0 {
			sp.after.id = ids[len(ids)-1]
		} else {
			sp.to.id = ids[len(ids)-1].Before()
		}
	}
}

// dropEmptyHour removes a past hour without entries from the list of hours, so that lists do not look there any more.
func (s *Store) dropEmptyHour(ctx context.Context, space string, hour int64) error {
	if time.UnixMilli(hour * time.Hour.Milliseconds()).After(s.now().Add(-entryPendingFor)) {
		return nil // an entry of it may be under way
	}
	return s.db.exec(ctx, deleteEntryHour, space, hour)
}

// entrySpan is a span of ids without names, which may be read backwards.
type entrySpan struct {
	span
	back bool
}

func (sp entrySpan) divided() []entrySpan {
	parts := sp.span.divided()
	out := make([]entrySpan, len(parts))
	for i, p := range parts {
		if sp.back {
			i = len(parts) - 1 - i
		}
		out[i] = entrySpan{p, sp.back}
	}
	return out
}

// ReplaceEntry implements directory.Store.
func (s *Store) ReplaceEntry(ctx context.Context, e directory.Entry) error {
	return s.announcing(ctx, directory.Key(e.Space, e.ID), func() error {
		ctx, end, err := s.begin(ctx)
		if err != nil {
			return err
		}
		defer end()
		if e.Version < 1 {
			return errNoEntry()
		}
		look := func(ctx context.Context) (seen, error) {
			now, found, err := readEntry(ctx, s.db.decided, e.Space, e.ID)
			switch {
			case err != nil:
				return isOther, err
			case !found || now.Version < 1:
				return isGone, nil
			case now.Version == e.Version:
				return isOld, nil
			case now.Version == e.Version+1 && bytes.Equal(now.Value, e.Value):
				return isNew, nil
			}
			return isOther, nil
		}
		return s.db.swap(ctx, look, errNoEntry(), &chat.Error{Kind: chat.Stale, Message: "it was changed meanwhile; read it again"},
			updateEntry, e.Value, e.Version+1, e.Space, uuid(e.ID), e.Version)
	})
}

// DeleteEntry implements directory.Store.
func (s *Store) DeleteEntry(ctx context.Context, space string, u id.ID) error {
	return s.announcing(ctx, directory.Key(space, u), func() error {
		ctx, end, err := s.begin(ctx)
		if err != nil {
			return err
		}
		defer end()
		var name string
		for {
			var value []byte
			var version int64
			found, err := s.db.decided(ctx, selectEntry, []any{space, uuid(u)}, &name, &value, &version)
			if err != nil || !found || version == 0 || name == "" {
				return err
			}
			if version < 0 {
				break
			}
			if _, err := s.db.apply(ctx, removeEntry, seconds(entryDeletedFor), name, space, uuid(u), version); err != nil {
				return err
			}
		}
		if _, err := s.db.apply(ctx, freeEntryName, space, name, uuid(u)); err != nil {
			return err
		}
		return s.db.exec(ctx, deleteEntryIndex, s.finalTime(), space, entryHour(u), uuid(u))
	})
}

// EachEntry implements directory.Store.
func (s *Store) EachEntry(ctx context.Context, visit func(directory.Entry) error) error {
	var e directory.Entry
	return everyRow(ctx, s, allEntries, func() directory.Entry { return e }, func(e directory.Entry) error {
		if e.Version < 1 {
			return nil
		}
		return visit(e)
	}, func() []any {
		e = directory.Entry{}
		return []any{&e.Space, into(&e.ID), &e.Name, &e.Value, &e.Version}
	})
}
