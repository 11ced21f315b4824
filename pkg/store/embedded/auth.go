package embedded

import (
	"context"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
)

// PutSession implements auth.SessionStore.
func (s *Store) PutSession(ctx context.Context, n auth.Session) error {
	r := &heldRow{sessions, n.Hash, sessionLease(n), encodeSession(n)}
	err := s.putLease(ctx, r.l, r.h, r.lease, r.value)
	if s.orHold(err, r) {
		return nil
	}
	return err
}

// Session implements auth.SessionStore.
func (s *Store) Session(ctx context.Context, h auth.Hash) (auth.Session, error) {
	return getLease(ctx, s, sessions, h, decodeSession)
}

// ExtendSession implements auth.SessionStore.
func (s *Store) ExtendSession(ctx context.Context, h auth.Hash, expiresAt time.Time) error {
	row := sessions.key(h)
	err := s.change(ctx, &s.leases, row, func(b *pebble.Batch) error {
		r, err := s.extended(h, expiresAt)
		if err != nil || r == nil {
			return err
		}
		s.held.drop(row)
		return s.keepLease(b, r.l, r.h, r.lease, r.value)
	})
	if err == nil || s.health.present() == nil {
		return err
	}
	r, readErr := s.extended(h, expiresAt)
	if readErr != nil {
		return readErr
	}
	if r == nil || s.orHold(err, r) {
		return nil
	}
	return err
}

// extended returns a live session's row with another end; nil if there is no such session.
func (s *Store) extended(h auth.Hash, expiresAt time.Time) (*heldRow, error) {
	v, found, err := s.liveLease(sessions, h)
	if err != nil || !found {
		return nil, err
	}
	n, err := decodeSession(h, v)
	if err != nil {
		return nil, s.corrupt(err)
	}
	n.ExpiresAt = expiresAt
	return &heldRow{sessions, h, sessionLease(n), encodeSession(n)}, nil
}

// DeleteSession implements auth.SessionStore.
func (s *Store) DeleteSession(ctx context.Context, h auth.Hash) error {
	return s.endLease(ctx, sessions, h)
}

// SessionsOf implements auth.SessionStore.
func (s *Store) SessionsOf(ctx context.Context, t chat.Tenant, login string, limit int) ([]auth.Session, error) {
	return leasesOf(ctx, s, sessions, t, login, limit, decodeSession)
}

// CreateRemembered implements auth.RememberStore.
func (s *Store) CreateRemembered(ctx context.Context, r auth.Remembered) error {
	return s.putLease(ctx, remembered, r.Series, rememberedLease(r), encodeRemembered(r))
}

// Remembered implements auth.RememberStore.
func (s *Store) Remembered(ctx context.Context, series auth.Hash) (auth.Remembered, error) {
	return getLease(ctx, s, remembered, series, decodeRemembered)
}

// Rotate implements auth.RememberStore. An unknown series is not rotated.
func (s *Store) Rotate(ctx context.Context, from auth.Hash, next auth.Remembered) (rotated bool, err error) {
	err = s.change(ctx, &s.leases, remembered.key(next.Series), func(b *pebble.Batch) error {
		v, found, err := s.liveLease(remembered, next.Series)
		if err != nil || !found {
			return err
		}
		now, err := decodeRemembered(next.Series, v)
		if err != nil || now.Token != from {
			return s.corrupt(err)
		}
		rotated = true
		return s.keepLease(b, remembered, next.Series, rememberedLease(next), encodeRemembered(next))
	})
	return rotated && err == nil, err
}

// DeleteRemembered implements auth.RememberStore.
func (s *Store) DeleteRemembered(ctx context.Context, series auth.Hash) error {
	return s.endLease(ctx, remembered, series)
}

// RememberedOf implements auth.RememberStore.
func (s *Store) RememberedOf(ctx context.Context, t chat.Tenant, login string, limit int) ([]auth.Remembered, error) {
	return leasesOf(ctx, s, remembered, t, login, limit, decodeRemembered)
}

// PutToken implements auth.TokenStore.
func (s *Store) PutToken(ctx context.Context, a auth.APIToken) error {
	return s.putLease(ctx, tokens, a.Hash, tokenLease(a), encodeToken(a))
}

// Token implements auth.TokenStore.
func (s *Store) Token(ctx context.Context, h auth.Hash) (auth.APIToken, error) {
	return getLease(ctx, s, tokens, h, decodeToken)
}

// DeleteToken implements auth.TokenStore.
func (s *Store) DeleteToken(ctx context.Context, h auth.Hash) error {
	return s.endLease(ctx, tokens, h)
}

// TokensOf implements auth.TokenStore.
func (s *Store) TokensOf(ctx context.Context, t chat.Tenant, login string, limit int) ([]auth.APIToken, error) {
	return leasesOf(ctx, s, tokens, t, login, limit, decodeToken)
}

// TouchToken implements auth.TokenStore.
func (s *Store) TouchToken(ctx context.Context, h auth.Hash, at time.Time) error {
	return s.change(ctx, &s.leases, tokens.key(h), func(b *pebble.Batch) error {
		v, found, err := s.liveLease(tokens, h)
		if err != nil || !found {
			return err
		}
		a, err := decodeToken(h, v)
		if err != nil {
			return s.corrupt(err)
		}
		a.LastUsedAt = at
		set(b, tokens.key(h), encodeToken(a))
		return nil
	})
}

// Secret implements auth.SecretStore.
func (s *Store) Secret(ctx context.Context, name string, candidate []byte) (secret []byte, err error) {
	k := table(tableSecret).last(name)
	err = s.change(ctx, &s.secrets, k, func(b *pebble.Batch) error {
		v, found, err := s.find(k)
		if err != nil {
			return err
		}
		if found {
			return s.corrupt(decode(v, func(f *field) {
				if f.number == 1 {
					secret = []byte(f.text())
				}
			}))
		}
		secret = append([]byte(nil), candidate...)
		set(b, k, newRecord().bytes(1, candidate))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return secret, nil
}

func rolesOf(t chat.Tenant, login string) key { return table(tableRole).tenant(t).text(login) }

// GrantRole implements auth.RoleStore.
func (s *Store) GrantRole(ctx context.Context, t chat.Tenant, login, role string) error {
	return s.put(ctx, func(b *pebble.Batch) { set(b, rolesOf(t, login).last(role), newRecord()) })
}

// RevokeRole implements auth.RoleStore.
func (s *Store) RevokeRole(ctx context.Context, t chat.Tenant, login, role string) error {
	return s.put(ctx, func(b *pebble.Batch) { remove(b, rolesOf(t, login).last(role)) })
}

// Roles implements auth.RoleStore.
func (s *Store) Roles(ctx context.Context, t chat.Tenant, login string) ([]string, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	prefix := rolesOf(t, login)
	var roles []string
	err := s.scan(ctx, prefix, prefix, func(role, _ []byte) (bool, error) {
		roles = append(roles, string(role))
		return true, nil
	})
	return roles, err
}
