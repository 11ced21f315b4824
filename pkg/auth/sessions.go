package auth

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/confab-chat/confab/pkg/cache"
	"github.com/confab-chat/confab/pkg/chat"
)

// cachedSessions bounds the memory of the cache, a few hundred bytes each.
const cachedSessions = 100_000

// perUser bounds how many sessions, devices or tokens of one user are looked at.
const perUser = 1000

// Sessions starts, finds and ends sessions. It may be used concurrently.
type Sessions struct {
	store SessionStore
	idle  time.Duration
	now   func() time.Time
	ended func(context.Context, []Hash)
	cache *cache.Cache[Hash, Session]
}

// NewSessions returns the sessions of a store. A session ends when it was not used for idle.
// ended, which may be nil, is called for every session that is ended on purpose on this node, after it is. w hears
// what other nodes change.
func NewSessions(store SessionStore, w *cache.Watcher, idle time.Duration, now func() time.Time, ended func(context.Context, []Hash)) *Sessions {
	if ended == nil {
		ended = func(context.Context, []Hash) {}
	}
	s := &Sessions{store: store, idle: idle, now: now, ended: ended}
	s.cache = cache.Of(cache.Options[Hash, Session]{Watcher: w, Name: SessionKey, Load: s.load, Now: now, Size: cachedSessions,
		// To be extended, it has to be loaded.
		Good: func(sess Session) bool { return !s.due(sess) }})
	return s
}

// Start begins a session and returns its id, the only copy there is.
func (s *Sessions) Start(ctx context.Context, who chat.Identity, series Hash) (string, Session, error) {
	secret, hash := NewSecret()
	now := s.now()
	sess := Session{Hash: hash, Tenant: who.Tenant, Login: who.Login, Series: series,
		CreatedAt: now.UTC(), ExpiresAt: now.Add(s.idle).UTC()}
	if err := s.store.PutSession(ctx, sess); err != nil {
		return "", Session{}, err
	}
	return secret, sess, nil
}

// Find returns the session with this hash, alive for another idle time from now on.
// An unknown or expired one is NotFound. One that was ended on another node more than cache.Brief ago is not found.
func (s *Sessions) Find(ctx context.Context, h Hash) (Session, error) {
	sess, err := s.cache.Get(ctx, h)
	if err != nil {
		return Session{}, err
	}
	if !s.now().Before(sess.ExpiresAt) {
		return Session{}, chat.ErrNotFound("session", "")
	}
	return sess, nil
}

// load reads a session, for all requests that wait for it, and extends it when a fair
// part of its time has passed: not at each use, to keep reads from becoming writes.
func (s *Sessions) load(ctx context.Context, h Hash) (Session, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	sess, err := s.store.Session(ctx, h)
	if err != nil {
		return Session{}, err
	}
	if s.due(sess) {
		until := s.now().Add(s.idle).UTC()
		err := s.store.ExtendSession(ctx, h, until)
		if chat.IsKind(err, chat.Unavailable) {
			return sess, nil // it lives on until its present end: who only reads needs no writing
		}
		if err != nil {
			return Session{}, err
		}
		sess.ExpiresAt = until
	}
	return sess, nil
}

// due reports whether a session is to be extended, if it is used.
func (s *Sessions) due(sess Session) bool { return sess.ExpiresAt.Sub(s.now()) <= s.idle-s.idle/30 }

// End ends a session; an unknown one is no error. It has ended also if the error is ErrUnwritten. Its connections end even
// if the store fails: the session may have ended all the same, and a repeated call might not find it to end them. One
// that goes on connects again.
func (s *Sessions) End(ctx context.Context, h Hash) error {
	err := s.store.DeleteSession(ctx, h)
	s.Forget(h)
	s.ended(ctx, []Hash{h})
	return err
}

// Forget drops what is remembered of a session, so that the next Find asks the store.
// Other nodes' endings are told through it.
func (s *Sessions) Forget(h Hash) { s.cache.Forget(h) }

// EndWhere ends all sessions of a user for which match is true. They have ended also if the error is ErrUnwritten.
func (s *Sessions) EndWhere(ctx context.Context, t chat.Tenant, login string, match func(Session) bool) error {
	all, err := s.store.SessionsOf(ctx, t, login, perUser)
	if err != nil {
		return err
	}
	var errs []error
	var unwritten error
	for _, sess := range all {
		if !match(sess) {
			continue
		}
		if err := s.End(ctx, sess.Hash); errors.Is(err, ErrUnwritten) {
			unwritten = err
		} else {
			errs = append(errs, err)
		}
	}
	return cmp.Or(errors.Join(errs...), unwritten)
}

// Close ends the cache's housekeeping.
func (s *Sessions) Close() { s.cache.Close() }
