package cassandra

import (
	"context"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
)

// These statements read whole tables, from all nodes of the cluster. They serve exports, never the path of a request.
const (
	allUsers  = `SELECT tenant, login, first_name, last_name, email, bio, timezone, created_at, password_hash, disabled, bot, deleted, erased FROM users`
	allRooms  = `SELECT tenant, name FROM rooms`
	allRoles  = `SELECT tenant, login, role FROM roles`
	allTokens = `SELECT hash, tenant, login, expires_at, kind, bound, epoch, name, scopes, created_at, last_used_at FROM tokens`
)

// EachUser implements chat.Inventory.
func (s *Store) EachUser(ctx context.Context, visit func(chat.Tenant, chat.User) error) error {
	var t string
	var u chat.User
	return everyRow(ctx, s, allUsers, func() tenantUser { return tenantUser{chat.Tenant(t), u} },
		func(r tenantUser) error { return visit(r.tenant, withoutLeftovers(r.user)) },
		func() []any {
			u = chat.User{}
			return []any{&t, &u.Login, &u.FirstName, &u.LastName, &u.Email, &u.Bio, &u.Timezone, &u.CreatedAt, &u.PasswordHash, &u.Disabled, &u.Bot, &u.Deleted, &u.Erased}
		})
}

type tenantUser struct {
	tenant chat.Tenant
	user   chat.User
}

// EachRoom implements chat.Inventory. A room whose creation is not finished is finished first.
func (s *Store) EachRoom(ctx context.Context, visit func(chat.Tenant, chat.Room) error) error {
	type name struct{ tenant, name string }
	var n name
	return everyRow(ctx, s, allRooms, func() name { return n }, func(n name) error {
		r, err := s.Room(ctx, chat.Tenant(n.tenant), n.name)
		if chat.IsKind(err, chat.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return visit(chat.Tenant(n.tenant), r)
	}, func() []any { return []any{&n.tenant, &n.name} })
}

// EachRole implements auth.Inventory.
func (s *Store) EachRole(ctx context.Context, visit func(t chat.Tenant, login, role string) error) error {
	type grant struct{ tenant, login, role string }
	var g grant
	return everyRow(ctx, s, allRoles, func() grant { return g },
		func(g grant) error { return visit(chat.Tenant(g.tenant), g.login, g.role) },
		func() []any { return []any{&g.tenant, &g.login, &g.role} })
}

// EachToken implements auth.Inventory.
func (s *Store) EachToken(ctx context.Context, visit func(auth.APIToken) error) error {
	var hash []byte
	var a auth.APIToken
	read := func() auth.APIToken { copy(a.Hash[:], hash); return a }
	return everyRow(ctx, s, allTokens, read, func(a auth.APIToken) error {
		if a.Tenant == "" || !a.ExpiresAt.IsZero() && s.over(a.ExpiresAt) {
			return nil
		}
		return visit(a)
	}, func() []any {
		a = auth.APIToken{}
		return append([]any{&hash}, tokenColumns(&a)...)
	})
}

// everyRow is a whole call that visits every row of a table, a page at a time. dest returns the variables that receive
// a row's columns. read returns the row in them.
func everyRow[R any](ctx context.Context, s *Store, statement string, read func() R, visit func(R) error, dest func() []any) error {
	ctx, end, err := s.beginLong(ctx)
	if err != nil {
		return err
	}
	defer end()
	for state := []byte(nil); ; {
		var page []R
		if state, err = s.db.tablePage(ctx, statement, state, dest, func() { page = append(page, read()) }); err != nil {
			return err
		}
		for _, r := range page {
			if err := visit(r); err != nil {
				return err
			}
		}
		if len(state) == 0 {
			return nil
		}
	}
}

// tablePage reads one page of a statement that goes over many partitions, from where state says,
// and returns where the next one begins; empty at the end.
func (d *db) tablePage(ctx context.Context, statement string, state []byte, dest func() []any, each func()) (next []byte, err error) {
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	err = d.do(ctx, statement, func() error {
		iter := d.query(ctx, statement, nil).PageSize(pageRows).PageState(state).Iter()
		next = iter.PageState()
		for iter.Scan(dest()...) { // of this page only: with a page state the driver reads no further
			each()
		}
		return iter.Close()
	})
	return next, asChat(err)
}
