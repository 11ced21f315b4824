package auth

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/confab-chat/confab/pkg/cache"
	"github.com/confab-chat/confab/pkg/chat"
)

// cachedSessions bounds the entries of a cache. An entry takes a few hundred bytes.
const cachedSessions = 100_000

// perUser is how many devices or tokens of one user are read at a time, allSessions how many sessions of one user.
const (
	perUser     = 1000
	allSessions = 100_000
)

// LoginStore is the storage of sessions and of the accounts that they belong to.
type LoginStore interface {
	SessionStore
	User(ctx context.Context, t chat.Tenant, login string) (chat.User, error)
}

// Sessions starts, finds and ends sessions. It may be used concurrently.
type Sessions struct {
	store  LoginStore
	idle   time.Duration
	now    func() time.Time
	ended  Ended
	cache  *cache.Cache[Hash, Session]
	epochs *cache.Cache[chat.Identity, string]
}

// Ended has functions that are called after sessions were ended on purpose on this node. Both may be nil.
type Ended struct {
	Sessions func(context.Context, []Hash)
	Account  func(context.Context, chat.Identity) // all its sessions
}

// NewSessions returns the sessions of a store. A session ends when it was not used for idle. w polls what other nodes
// change.
func NewSessions(store LoginStore, w *cache.Watcher, idle time.Duration, now func() time.Time, ended Ended) *Sessions {
	if ended.Sessions == nil {
		ended.Sessions = func(context.Context, []Hash) {}
	}
	if ended.Account == nil {
		ended.Account = func(context.Context, chat.Identity) {}
	}
	s := &Sessions{store: store, idle: idle, now: now, ended: ended}
	s.cache = cache.Of(cache.Options[Hash, Session]{Watcher: w, Name: SessionKey, Load: s.load, Now: now, Size: cachedSessions,
		// A session that is due is loaded again, because load extends it.
		Good: func(sess Session) bool { return !s.due(sess) }})
	s.epochs = cache.Of(cache.Options[chat.Identity, string]{Watcher: w, Load: s.loadEpoch, Now: now, Size: cachedSessions,
		Name: func(who chat.Identity) string { return chat.AccountKey(who.Tenant, who.Login) }})
	return s
}

// Start begins a session and returns its id. The store keeps only the hash of the id.
func (s *Sessions) Start(ctx context.Context, l Login) (string, Session, error) {
	secret, hash := NewSecret()
	now := s.now()
	sess := Session{Hash: hash, Tenant: l.Tenant, Login: l.Login, Series: l.Series, Epoch: l.Epoch,
		CreatedAt: now.UTC(), ExpiresAt: now.Add(s.idle).UTC()}
	if err := s.store.PutSession(ctx, sess); err != nil {
		return "", Session{}, err
	}
	return secret, sess, nil
}

// Find returns the session with this hash and keeps it alive for another idle time. It returns NotFound for a session
// that is unknown, has expired or has another epoch than its account. It finds no session that another node ended more
// than cache.Brief ago.
func (s *Sessions) Find(ctx context.Context, h Hash) (Session, error) {
	sess, err := s.cache.Get(ctx, h)
	if err != nil {
		return Session{}, err
	}
	if !s.now().Before(sess.ExpiresAt) {
		return Session{}, chat.ErrNotFound("session", "")
	}
	return sess, s.current(ctx, chat.Identity{Tenant: sess.Tenant, Login: sess.Login}, sess.Epoch)
}

// current returns NotFound if logins of that epoch have ended.
func (s *Sessions) current(ctx context.Context, who chat.Identity, epoch string) error {
	now, err := s.epochs.Get(ctx, who)
	if err == nil && now != epoch {
		// The session may be newer than what is cached of the account, if both are from another node.
		s.epochs.Forget(who)
		now, err = s.epochs.Get(ctx, who)
	}
	if err == nil && now != epoch {
		err = chat.ErrNotFound("session", "")
	}
	return err
}

// Epoch implements Epochs for the accounts of the store.
func (s *Sessions) Epoch(ctx context.Context, who chat.Identity) (string, error) {
	return s.epochs.Get(ctx, who)
}

// loadEpoch reads the epoch of an account; NotFound for a deleted or disabled one. An account that does not exist has the empty
// epoch: its password was never changed, because accounts are never removed from the store.
func (s *Sessions) loadEpoch(ctx context.Context, who chat.Identity) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	u, err := s.store.User(ctx, who.Tenant, who.Login)
	if chat.IsKind(err, chat.NotFound) {
		return "", nil
	}
	if err == nil && (u.Deleted || u.Disabled) {
		err = chat.ErrNotFound(chat.UserEntity, who.Login)
	}
	return u.Epoch, err
}

// EndAccount invalidates the cached epoch of an account that has another epoch or was deleted, here and, through Ended,
// on other nodes.
func (s *Sessions) EndAccount(ctx context.Context, who chat.Identity) {
	s.ForgetAccount(who)
	s.ended.Account(ctx, who)
}

// ForgetAccount invalidates the cached epoch of an account, so that the next Find of its sessions reads the store.
func (s *Sessions) ForgetAccount(who chat.Identity) { s.epochs.Forget(who) }

// load reads a session, for all requests that wait for it. It extends the session only if a part of its time has
// passed, so that not every read becomes a write.
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
			return sess, nil // the session stays valid until its present end, so that users can read while writes fail
		}
		if err != nil {
			return Session{}, err
		}
		sess.ExpiresAt = until
	}
	return sess, nil
}

// due reports whether a session that is used needs a new end. It does if it is time to extend it, or if a clock that
// was ahead gave it an end that no right clock could have given.
func (s *Sessions) due(sess Session) bool {
	left := sess.ExpiresAt.Sub(s.now())
	return left <= s.idle-s.idle/30 || left > s.idle+clocksDiffer
}

// clocksDiffer is how far ahead of this server's clock another's may be without being wrong.
const clocksDiffer = time.Hour

// End ends a session; an unknown one is no error. The session has ended also if the error is ErrUnwritten. Its
// connections are closed even if the store fails: the session may have ended nevertheless, and a repeated call might
// not find it to close them. Clients of a session that has not ended connect again.
func (s *Sessions) End(ctx context.Context, h Hash) error {
	err := s.store.DeleteSession(ctx, h)
	s.Forget(h)
	s.ended.Sessions(ctx, []Hash{h})
	return err
}

// Forget invalidates a cached session, so that the next Find reads the store. It is called when another node has ended
// the session.
func (s *Sessions) Forget(h Hash) { s.cache.Forget(h) }

// EndWhere ends all sessions of a user for which match is true. They have ended also if the error is ErrUnwritten.
func (s *Sessions) EndWhere(ctx context.Context, t chat.Tenant, login string, match func(Session) bool) error {
	all, err := s.store.SessionsOf(ctx, t, login, allSessions)
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

// Close stops the background work of the caches.
func (s *Sessions) Close() {
	s.cache.Close()
	s.epochs.Close()
}
