package embedded

import (
	"context"

	"github.com/cockroachdb/pebble/v2"

	"github.com/confab-chat/confab/pkg/chat"
)

func decodeRename(t chat.Tenant, login string, b []byte) (chat.Rename, error) {
	r := chat.Rename{Tenant: t, Login: login}
	err := decode(b, func(f *field) {
		if f.number == 1 {
			r.ID = f.id()
		}
	})
	return r, err
}

// PutRename implements chat.RenameStore.
func (s *Store) PutRename(ctx context.Context, r chat.Rename) error {
	return s.change(ctx, &s.users, userKey(r.Tenant, r.Login), func(b *pebble.Batch) error {
		set(b, renameKey(r.Tenant, r.Login), newRecord().id(1, r.ID))
		return nil
	})
}

// Renames implements chat.RenameStore.
func (s *Store) Renames(ctx context.Context, limit int) ([]chat.Rename, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	prefix := table(tableRename)
	var all []chat.Rename
	err := s.scan(ctx, prefix, prefix, func(last, v []byte) (bool, error) {
		c := columns{rest: last}
		t := chat.Tenant(c.text())
		if c.err != nil {
			return false, s.corrupt(c.err)
		}
		r, err := decodeRename(t, string(c.rest), v)
		all = append(all, r)
		return len(all) < limit, s.corrupt(err)
	})
	return all, err
}

// EndRename implements chat.RenameStore.
func (s *Store) EndRename(ctx context.Context, r chat.Rename) error {
	k := renameKey(r.Tenant, r.Login)
	return s.change(ctx, &s.users, userKey(r.Tenant, r.Login), func(b *pebble.Batch) error {
		v, found, err := s.find(k)
		if err != nil || !found {
			return err
		}
		now, err := decodeRename(r.Tenant, r.Login, v)
		if err != nil {
			return s.corrupt(err)
		}
		if now.ID == r.ID {
			remove(b, k)
		}
		return nil
	})
}
