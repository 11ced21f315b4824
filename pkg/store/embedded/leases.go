package embedded

import (
	"context"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
)

// leased is a table of rows that belong to a user and expire, with the index of the rows of each user.
type leased struct {
	table, of byte
	what      string // for the user
}

var (
	sessions   = leased{tableSession, tableSessionOf, "session"}
	remembered = leased{tableRemembered, tableRememberedOf, "remembered login"}
	tokens     = leased{tableToken, tableTokenOf, "token"}
)

func (l leased) key(h auth.Hash) key { return table(l.table).lastHash(h) }

func (l leased) ofUser(t chat.Tenant, login string) key {
	return table(l.of).tenant(t).text(login)
}

func (l leased) notFound() error {
	return &chat.Error{Kind: chat.NotFound, Message: "there is no such " + l.what + ", or it has expired"}
}

// ownerIndexes leads from a table to its index of the rows of each user. Tables of rows without
// an owner are not in it.
var ownerIndexes = map[byte]byte{
	sessions.table:   sessions.of,
	remembered.table: remembered.of,
	tokens.table:     tokens.of,
}

// dropLease puts the removal of a row that expires, and of its index entries, into b.
func dropLease(b *pebble.Batch, row key, e lease) {
	remove(b, row)
	if !e.ExpiresAt.IsZero() {
		remove(b, expiryKey(e.ExpiresAt, row))
	}
	if of, ok := ownerIndexes[row[0]]; ok {
		remove(b, table(of).tenant(e.Tenant).text(e.Login).last(string(row[1:])))
	}
}

// keepLease puts a row that expires, and its index entries, into b. They replace the present row, if there is one.
func (s *Store) keepLease(b *pebble.Batch, l leased, h auth.Hash, e lease, value []byte) error {
	row := l.key(h)
	old, found, err := s.find(row)
	if err != nil {
		return err
	}
	if found {
		before, err := decodeLease(old, nil)
		if err != nil {
			return s.corrupt(err)
		}
		dropLease(b, row, before)
	}
	set(b, row, value)
	set(b, l.ofUser(e.Tenant, e.Login).lastHash(h), nil)
	if !e.ExpiresAt.IsZero() {
		set(b, expiryKey(e.ExpiresAt, row), nil)
	}
	return nil
}

func (s *Store) putLease(ctx context.Context, l leased, h auth.Hash, e lease, value []byte) error {
	row := l.key(h)
	return s.change(ctx, &s.leases, row, func(b *pebble.Batch) error {
		s.held.drop(row)
		return s.keepLease(b, l, h, e, value)
	})
}

func (s *Store) deleteLease(ctx context.Context, l leased, h auth.Hash) error {
	row := l.key(h)
	return s.change(ctx, &s.leases, row, func(b *pebble.Batch) error {
		s.held.drop(row)
		return s.removeLease(b, row)
	})
}

// liveLease returns the value of a row that has not expired.
func (s *Store) liveLease(l leased, h auth.Hash) (value []byte, found bool, err error) {
	row := l.key(h)
	if r, ok := s.held.get(row); ok {
		return r.value, r.value != nil && !r.lease.expired(s.now()), nil
	}
	v, found, err := s.find(row)
	if err != nil || !found {
		return nil, false, err
	}
	e, err := decodeLease(v, nil)
	if err != nil {
		return nil, false, s.corrupt(err)
	}
	return v, !e.expired(s.now()), nil
}

// getLease reads one live row by its hash.
func getLease[R any](ctx context.Context, s *Store, l leased, h auth.Hash, read func(auth.Hash, []byte) (R, error)) (row R, err error) {
	if err := s.begin(ctx); err != nil {
		return row, err
	}
	defer s.calls.Done()
	v, found, err := s.liveLease(l, h)
	if err != nil {
		return row, err
	}
	if !found {
		return row, l.notFound()
	}
	row, err = read(h, v)
	return row, s.corrupt(err)
}

// leasesOf reads a user's live rows.
func leasesOf[R any](ctx context.Context, s *Store, l leased, t chat.Tenant, login string, limit int, read func(auth.Hash, []byte) (R, error)) ([]R, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	prefix := l.ofUser(t, login)
	var rows []R
	held := byHash(s.held.of(l, t, login))
	err := s.scan(ctx, prefix, prefix, func(last, _ []byte) (bool, error) {
		var h auth.Hash
		copy(h[:], last)
		held = slices.DeleteFunc(held, func(r *heldRow) bool { return r.h == h })
		v, found, err := s.liveLease(l, h)
		if err != nil || !found {
			return true, err
		}
		row, err := read(h, v)
		rows = append(rows, row)
		return len(rows) < limit, s.corrupt(err)
	})
	for _, r := range held {
		if err != nil || len(rows) >= limit {
			break
		}
		if r.lease.expired(s.now()) {
			continue
		}
		var row R
		row, err = read(r.h, r.value)
		rows = append(rows, row)
	}
	return rows, err
}
