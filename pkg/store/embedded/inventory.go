package embedded

import (
	"cmp"
	"context"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
)

// EachUser implements chat.Inventory, in the order of tenant and login. Deleted users follow all others.
func (s *Store) EachUser(ctx context.Context, visit func(chat.Tenant, chat.User) error) error {
	err := s.each(ctx, tableUser, func(c *columns, v []byte) error {
		t := chat.Tenant(c.text())
		u, err := decodeUser(string(c.rest), v)
		if err := cmp.Or(c.err, err); err != nil {
			return s.corrupt(err)
		}
		return visit(t, u)
	})
	if err != nil {
		return err
	}
	return s.each(ctx, tableDeletedUser, func(c *columns, v []byte) error {
		t := chat.Tenant(c.text())
		u, err := decodeDeletedUser(string(c.rest), v)
		if err := cmp.Or(c.err, err); err != nil {
			return s.corrupt(err)
		}
		return visit(t, u)
	})
}

// EachRoom implements chat.Inventory, in the order of tenant and name. Open rooms come first.
func (s *Store) EachRoom(ctx context.Context, visit func(chat.Tenant, chat.Room) error) error {
	for _, of := range []byte{tableRoom, tableClosedRoom} {
		err := s.each(ctx, of, func(c *columns, v []byte) error {
			t := chat.Tenant(c.text())
			r, err := decodeRoom(string(c.rest), v)
			if err := cmp.Or(c.err, err); err != nil {
				return s.corrupt(err)
			}
			return visit(t, r)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// EachRole implements auth.Inventory.
func (s *Store) EachRole(ctx context.Context, visit func(t chat.Tenant, login, role string) error) error {
	return s.each(ctx, tableRole, func(c *columns, _ []byte) error {
		t, login := chat.Tenant(c.text()), c.text()
		if c.err != nil {
			return s.corrupt(c.err)
		}
		return visit(t, login, string(c.rest))
	})
}

// EachToken implements auth.Inventory.
func (s *Store) EachToken(ctx context.Context, visit func(auth.APIToken) error) error {
	return s.each(ctx, tableToken, func(c *columns, v []byte) error {
		h := auth.Hash(c.take(len(auth.Hash{})))
		e, err := decodeLease(v, nil)
		if err := cmp.Or(c.err, err); err != nil {
			return s.corrupt(err)
		}
		if e.expired(s.now()) {
			return nil
		}
		a, err := decodeToken(h, v)
		if err != nil {
			return s.corrupt(err)
		}
		return visit(a)
	})
}

// each is a whole call that visits all rows of a table, in the state at its beginning.
func (s *Store) each(ctx context.Context, of byte, visit func(c *columns, value []byte) error) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.calls.Done()
	return s.scan(ctx, table(of), table(of), func(last, v []byte) (bool, error) {
		return true, visit(&columns{rest: last}, v)
	})
}
