package cassandra

import (
	"context"
	"time"

	"github.com/gocql/gocql"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
)

const (
	insertToken = `INSERT INTO tokens (hash, tenant, login, expires_at, kind, bound, epoch, name, scopes, created_at, last_used_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) USING TTL ?`
	selectToken = `SELECT tenant, login, expires_at, kind, bound, epoch, name, scopes, created_at, last_used_at FROM tokens WHERE hash = ?`
	touchToken  = `UPDATE tokens USING TTL ? SET last_used_at = ? WHERE hash = ?`
	deleteToken = `DELETE FROM tokens USING TIMESTAMP ? WHERE hash = ?`

	insertTokenOfUser = `INSERT INTO tokens_by_user (tenant, login, hash) VALUES (?, ?, ?) USING TTL ?`
	listTokensOfUser  = `SELECT hash FROM tokens_by_user WHERE tenant = ? AND login = ? AND hash > ? AND hash <= ? LIMIT ?`
	deleteTokenOfUser = `DELETE FROM tokens_by_user USING TIMESTAMP ? WHERE tenant = ? AND login = ? AND hash = ?`

	insertRole = `INSERT INTO roles (tenant, login, role) VALUES (?, ?, ?) USING TIMESTAMP ?`
	deleteRole = `DELETE FROM roles USING TIMESTAMP ? WHERE tenant = ? AND login = ? AND role = ?`
	listRoles  = `SELECT role FROM roles WHERE tenant = ? AND login = ?`

	insertSecret = `INSERT INTO secrets (name, claim, value) VALUES (?, ?, ?) IF NOT EXISTS`
	selectSecret = `SELECT claim, value FROM secrets WHERE name = ?`
)

// PutToken implements auth.TokenStore.
func (s *Store) PutToken(ctx context.Context, a auth.APIToken) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	ttl := 0 // no end
	expiresAt := any(gocql.UnsetValue)
	if !a.ExpiresAt.IsZero() {
		expiresAt = a.ExpiresAt.UTC()
		if ttl = s.ttl(a.ExpiresAt); ttl == 0 {
			return s.deleteToken(ctx, a)
		}
	}
	return s.announcing(ctx, auth.TokenKey(a.Hash), func() error {
		if err := s.db.exec(ctx, insertTokenOfUser, string(a.Tenant), a.Login, a.Hash[:], ttl); err != nil {
			return err
		}
		return s.db.exec(ctx, insertToken, a.Hash[:], string(a.Tenant), a.Login, expiresAt, string(a.Kind), a.Bound, a.Epoch, a.Name, a.Scopes,
			optionalTime(a.CreatedAt), optionalTime(a.LastUsedAt), ttl)
	})
}

// Token implements auth.TokenStore.
func (s *Store) Token(ctx context.Context, h auth.Hash) (auth.APIToken, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return auth.APIToken{}, err
	}
	defer end()
	a, found, err := s.token(ctx, h)
	if err == nil && !found {
		err = notKept("token")
	}
	return a, err
}

// token returns a live token.
func (s *Store) token(ctx context.Context, h auth.Hash) (auth.APIToken, bool, error) {
	a := auth.APIToken{Hash: h}
	found, err := s.db.row(ctx, selectToken, []any{h[:]}, tokenColumns(&a)...)
	// A row without a tenant is what TouchToken has left of one that was deleted at the same time.
	if err != nil || !found || a.Tenant == "" || !a.ExpiresAt.IsZero() && s.over(a.ExpiresAt) {
		return auth.APIToken{}, false, err
	}
	return a, true, nil
}

// tokenColumns are where the columns of selectToken go.
func tokenColumns(a *auth.APIToken) []any {
	return []any{(*string)(&a.Tenant), &a.Login, &a.ExpiresAt, (*string)(&a.Kind), &a.Bound, &a.Epoch, &a.Name, &a.Scopes, &a.CreatedAt, &a.LastUsedAt}
}

func optionalTime(t time.Time) any {
	if t.IsZero() {
		return gocql.UnsetValue
	}
	return t.UTC()
}

// TouchToken implements auth.TokenStore.
func (s *Store) TouchToken(ctx context.Context, h auth.Hash, at time.Time) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	a, found, err := s.token(ctx, h)
	if err != nil || !found {
		return err
	}
	ttl := 0
	if !a.ExpiresAt.IsZero() {
		if ttl = s.ttl(a.ExpiresAt); ttl == 0 {
			return nil
		}
	}
	return s.db.exec(ctx, touchToken, ttl, at.UTC(), h[:])
}

// DeleteToken implements auth.TokenStore.
func (s *Store) DeleteToken(ctx context.Context, h auth.Hash) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	a, _, err := s.token(ctx, h)
	if err != nil {
		return err
	}
	a.Hash = h
	return s.deleteToken(ctx, a)
}

func (s *Store) deleteToken(ctx context.Context, a auth.APIToken) error {
	return s.announcing(ctx, auth.TokenKey(a.Hash), func() error {
		if err := s.db.exec(ctx, deleteToken, s.finalTime(), a.Hash[:]); err != nil {
			return err
		}
		return s.db.exec(ctx, deleteTokenOfUser, s.finalTime(), string(a.Tenant), a.Login, a.Hash[:])
	})
}

// TokensOf implements auth.TokenStore.
func (s *Store) TokensOf(ctx context.Context, t chat.Tenant, login string, limit int) ([]auth.APIToken, error) {
	return ofUser(ctx, s, listTokensOfUser, t, login, limit, s.token)
}

// GrantRole implements auth.RoleStore.
func (s *Store) GrantRole(ctx context.Context, t chat.Tenant, login, role string) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	at, err := s.version(ctx, 0, t, roleThing, login, role)
	if err != nil {
		return err
	}
	return s.db.exec(ctx, insertRole, string(t), login, role, at)
}

// RevokeRole implements auth.RoleStore.
func (s *Store) RevokeRole(ctx context.Context, t chat.Tenant, login, role string) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	at, err := s.version(ctx, 0, t, roleThing, login, role)
	if err != nil {
		return err
	}
	return s.db.exec(ctx, deleteRole, at, string(t), login, role)
}

// Roles implements auth.RoleStore.
func (s *Store) Roles(ctx context.Context, t chat.Tenant, login string) ([]string, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	var all []string
	var role string
	err = s.db.rows(ctx, pageRows, func() { all = append(all, role) }, listRoles, []any{string(t), login}, &role)
	return all, err
}

// Secret implements auth.SecretStore.
func (s *Store) Secret(ctx context.Context, name string, candidate []byte) ([]byte, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	var claim gocql.UUID
	var value []byte
	if found, err := s.db.row(ctx, selectSecret, []any{name}, &claim, &value); err != nil || found {
		return value, err
	}
	if candidate == nil {
		candidate = []byte{}
	}
	own := gocql.MustRandomUUID()
	verify := func(ctx context.Context) (outcome, error) {
		found, err := s.db.decided(ctx, selectSecret, []any{name}, &claim, &value)
		switch {
		case err != nil || !found:
			return undecided, err
		case claim == own:
			return applied, nil
		default:
			return rejected, nil
		}
	}
	claimed, err := s.db.decide(ctx, verify, insertSecret, name, own, candidate)
	if err != nil || claimed {
		return candidate, err
	}
	_, err = s.db.decided(ctx, selectSecret, []any{name}, &claim, &value)
	return value, err
}
