package cassandra

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
)

const (
	insertSession = `INSERT INTO sessions (hash, tenant, login, series, epoch, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?) USING TTL ?`
	selectSession = `SELECT tenant, login, series, epoch, created_at, expires_at FROM sessions WHERE hash = ?`
	deleteSession = `DELETE FROM sessions USING TIMESTAMP ? WHERE hash = ?`

	insertSessionOfUser = `INSERT INTO sessions_by_user (tenant, login, hash) VALUES (?, ?, ?) USING TTL ?`
	listSessionsOfUser  = `SELECT hash FROM sessions_by_user WHERE tenant = ? AND login = ? AND hash > ? AND hash <= ? LIMIT ?`
	deleteSessionOfUser = `DELETE FROM sessions_by_user USING TIMESTAMP ? WHERE tenant = ? AND login = ? AND hash = ?`
)

// maxTTL is the longest time Cassandra lets a row live: 20 years.
const maxTTL = 630_720_000

// ttl returns the remaining TTL, in seconds, of a row that expires at t; 0 if t has passed. Cassandra counts from the
// second in which the write began, so the result is one or two seconds more than the remaining time.
func (s *Store) ttl(t time.Time) int {
	if s.over(t) {
		return 0
	}
	return int(min(t.Sub(s.now())/time.Second+2, maxTTL))
}

func (s *Store) over(expiresAt time.Time) bool { return !expiresAt.After(s.now()) }

// PutSession implements auth.SessionStore.
func (s *Store) PutSession(ctx context.Context, session auth.Session) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	return s.putSession(ctx, session)
}

func (s *Store) putSession(ctx context.Context, session auth.Session) error {
	ttl := s.ttl(session.ExpiresAt)
	if ttl == 0 {
		return s.deleteSession(ctx, session)
	}
	if err := s.db.exec(ctx, insertSessionOfUser, string(session.Tenant), session.Login, session.Hash[:], ttl); err != nil {
		return err
	}
	return s.db.exec(ctx, insertSession, session.Hash[:], string(session.Tenant), session.Login, session.Series[:], session.Epoch,
		session.CreatedAt.UTC(), session.ExpiresAt.UTC(), ttl)
}

// Session implements auth.SessionStore.
func (s *Store) Session(ctx context.Context, h auth.Hash) (auth.Session, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return auth.Session{}, err
	}
	defer end()
	session, found, err := s.session(ctx, h)
	if err == nil && !found {
		err = notKept("session")
	}
	return session, err
}

// session returns a live session.
func (s *Store) session(ctx context.Context, h auth.Hash) (auth.Session, bool, error) {
	session := auth.Session{Hash: h}
	var series []byte
	found, err := s.db.row(ctx, selectSession, []any{h[:]}, (*string)(&session.Tenant), &session.Login,
		&series, &session.Epoch, &session.CreatedAt, &session.ExpiresAt)
	if err != nil || !found || s.over(session.ExpiresAt) {
		return auth.Session{}, false, err
	}
	copy(session.Series[:], series)
	return session, true, nil
}

func notKept(what string) error {
	return &chat.Error{Kind: chat.NotFound, Message: "there is no such " + what}
}

// ExtendSession implements auth.SessionStore. A deletion between the read and the write has a later timestamp than the
// write, so the session stays deleted.
func (s *Store) ExtendSession(ctx context.Context, h auth.Hash, expiresAt time.Time) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	session, found, err := s.session(ctx, h)
	if err != nil || !found {
		return err
	}
	session.ExpiresAt = expiresAt
	return s.putSession(ctx, session)
}

// DeleteSession implements auth.SessionStore.
func (s *Store) DeleteSession(ctx context.Context, h auth.Hash) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	session, _, err := s.session(ctx, h)
	if err != nil {
		return err
	}
	session.Hash = h
	return s.deleteSession(ctx, session)
}

func (s *Store) deleteSession(ctx context.Context, session auth.Session) error {
	return s.announcing(ctx, auth.SessionKey(session.Hash), func() error {
		if err := s.db.exec(ctx, deleteSession, s.finalTime(), session.Hash[:]); err != nil {
			return err
		}
		return s.db.exec(ctx, deleteSessionOfUser, s.finalTime(), string(session.Tenant), session.Login, session.Hash[:])
	})
}

// SessionsOf implements auth.SessionStore.
func (s *Store) SessionsOf(ctx context.Context, t chat.Tenant, login string, limit int) ([]auth.Session, error) {
	return ofUser(ctx, s, listSessionsOfUser, t, login, limit, s.session)
}

// ofUser reads an index of hashes and the rows they point to, as far as these exist.
func ofUser[T any](ctx context.Context, s *Store, statement string, t chat.Tenant, login string, limit int,
	get func(context.Context, auth.Hash) (T, bool, error)) ([]T, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	var out []T
	for after := (hashes{to: lastHash}); len(out) < limit; {
		want := min(limit-len(out), pageRows)
		found, err := inSpan(ctx, after, want, func(ctx context.Context, part hashes, n int) (found []auth.Hash, err error) {
			var hash []byte
			err = s.db.rows(ctx, n, func() { found = append(found, auth.Hash(hash)) }, statement,
				[]any{string(t), login, part.after[:], part.to[:], n}, &hash)
			return found, err
		})
		if err != nil {
			return nil, err
		}
		byHash, err := lookUp(ctx, found, get)
		if err != nil {
			return nil, err
		}
		for _, h := range found {
			if thing, ok := byHash[h]; ok {
				out = append(out, thing)
			}
		}
		if len(found) < want {
			break
		}
		after.after = found[len(found)-1]
	}
	return out, nil
}

// hashes is a part of an index: those after a hash, up to another one and with it.
type hashes struct{ after, to auth.Hash }

var lastHash = func() (h auth.Hash) {
	for i := range h {
		h[i] = 0xff
	}
	return h
}()

// divided returns parts that make up h: hashes are spread evenly.
func (h hashes) divided() []hashes {
	const n = 64
	first, last := binary.BigEndian.Uint64(h.after[:]), binary.BigEndian.Uint64(h.to[:])
	step := (last - first) / n
	if step == 0 {
		return []hashes{h}
	}
	parts := make([]hashes, n)
	for i := range parts {
		parts[i] = hashes{h.after, h.to}
		if i > 0 {
			parts[i].after = parts[i-1].to
		}
		if i < n-1 {
			binary.BigEndian.PutUint64(parts[i].to[:], first+uint64(i+1)*step)
		}
	}
	return parts
}
