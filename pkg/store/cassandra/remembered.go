package cassandra

import (
	"bytes"
	"context"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
)

const (
	// Each write sets all columns, because its TTL applies only to the columns it sets.
	insertRemembered = `INSERT INTO remembered (series, tenant, login, token_hash, previous_hash, rotated_at, expires_at, epoch)
VALUES (?, ?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS USING TTL ?`
	rotateRemembered = `UPDATE remembered USING TTL ? SET tenant = ?, login = ?, token_hash = ?, previous_hash = ?, rotated_at = ?, expires_at = ?, epoch = ?
WHERE series = ? IF token_hash = ?`
	selectRemembered = `SELECT tenant, login, token_hash, previous_hash, rotated_at, expires_at, epoch FROM remembered WHERE series = ?`
	// The end is a row that has expired, for an hour: an attempt of insertRemembered that is applied late must find a row.
	endRemembered = `UPDATE remembered USING TTL 3600 SET tenant = '', login = '', token_hash = 0x, previous_hash = 0x, rotated_at = 0, expires_at = 0,
epoch = '' WHERE series = ? IF EXISTS`

	insertRememberedOfUser = `INSERT INTO remembered_by_user (tenant, login, series) VALUES (?, ?, ?) USING TTL ?`
	listRememberedOfUser   = `SELECT series FROM remembered_by_user WHERE tenant = ? AND login = ? AND series > ? AND series <= ? LIMIT ?`
	deleteRememberedOfUser = `DELETE FROM remembered_by_user USING TIMESTAMP ? WHERE tenant = ? AND login = ? AND series = ?`
)

// CreateRemembered implements auth.RememberStore.
func (s *Store) CreateRemembered(ctx context.Context, r auth.Remembered) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	ttl := s.ttl(r.ExpiresAt)
	if ttl == 0 {
		return nil // expired already
	}
	if err := s.db.exec(ctx, insertRememberedOfUser, string(r.Tenant), r.Login, r.Series[:], ttl); err != nil {
		return err
	}
	// A series is random. If it exists already, this is a repeated call.
	_, err = s.db.apply(ctx, insertRemembered, r.Series[:], string(r.Tenant), r.Login, r.Token[:], r.Previous[:],
		r.RotatedAt.UTC(), r.ExpiresAt.UTC(), r.Epoch, ttl)
	return err
}

// Remembered implements auth.RememberStore.
func (s *Store) Remembered(ctx context.Context, series auth.Hash) (auth.Remembered, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return auth.Remembered{}, err
	}
	defer end()
	r, found, err := s.remembered(ctx, series)
	if err == nil && !found {
		err = notKept("remembered login")
	}
	return r, err
}

// remembered returns a live series.
func (s *Store) remembered(ctx context.Context, series auth.Hash) (auth.Remembered, bool, error) {
	r := auth.Remembered{Series: series}
	var token, previous []byte
	found, err := s.db.row(ctx, selectRemembered, []any{series[:]}, (*string)(&r.Tenant), &r.Login,
		&token, &previous, &r.RotatedAt, &r.ExpiresAt, &r.Epoch)
	if err != nil || !found || s.over(r.ExpiresAt) {
		return auth.Remembered{}, false, err
	}
	copy(r.Token[:], token)
	copy(r.Previous[:], previous)
	return r, true, nil
}

// Rotate implements auth.RememberStore.
func (s *Store) Rotate(ctx context.Context, from auth.Hash, next auth.Remembered) (rotated bool, err error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return false, err
	}
	defer end()
	ttl := s.ttl(next.ExpiresAt)
	if ttl == 0 {
		return false, nil
	}
	if err := s.db.exec(ctx, insertRememberedOfUser, string(next.Tenant), next.Login, next.Series[:], ttl); err != nil {
		return false, err
	}
	verify := func(ctx context.Context) (outcome, error) {
		var kept []byte
		var ignored auth.Remembered
		found, err := s.db.decided(ctx, selectRemembered, []any{next.Series[:]}, (*string)(&ignored.Tenant), &ignored.Login,
			&kept, new([]byte), &ignored.RotatedAt, &ignored.ExpiresAt, &ignored.Epoch)
		switch {
		case err != nil:
			return undecided, err
		case found && bytes.Equal(kept, next.Token[:]): // tokens are random, so this call wrote it
			return applied, nil
		case found && bytes.Equal(kept, from[:]):
			return undecided, nil
		default:
			return rejected, nil
		}
	}
	return s.db.decide(ctx, verify, rotateRemembered, ttl, string(next.Tenant), next.Login, next.Token[:], next.Previous[:],
		next.RotatedAt.UTC(), next.ExpiresAt.UTC(), next.Epoch, next.Series[:], from[:])
}

// DeleteRemembered implements auth.RememberStore.
func (s *Store) DeleteRemembered(ctx context.Context, series auth.Hash) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	r, found, err := s.remembered(ctx, series)
	if err != nil {
		return err
	}
	if _, err := s.db.apply(ctx, endRemembered, series[:]); err != nil || !found {
		return err
	}
	return s.db.exec(ctx, deleteRememberedOfUser, s.finalTime(), string(r.Tenant), r.Login, series[:])
}

// RememberedOf implements auth.RememberStore.
func (s *Store) RememberedOf(ctx context.Context, t chat.Tenant, login string, limit int) ([]auth.Remembered, error) {
	return ofUser(ctx, s, listRememberedOfUser, t, login, limit, s.remembered)
}
