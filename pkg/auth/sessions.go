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

// perUser is how many devices or tokens of one user are read at a time, allSessions how many sessions are looked at.
const (
	perUser     = 1000
	allSessions = 100_000
)

// LoginStore is what sessions need kept, and the accounts that they belong to.
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

// Ended is called for what is ended on purpose on this node, after it is. Both functions may be nil.
type Ended struct {
	Sessions func(context.Context, []Hash)
	Account  func(context.Context, chat.Identity) // all its sessions
}

// NewSessions returns the sessions of a store. A session ends when it was not used for idle.
// w hears what other nodes change.
func NewSessions(store LoginStore, w *cache.Watcher, idle time.Duration, now func() time.Time, ended Ended) *Sessions {
	if ended.Sessions == nil {
		ended.Sessions = func(context.Context, []Hash) {}
	}
	if ended.Account == nil {
		ended.Account = func(context.Context, chat.Identity) {}
	}
	s := &Sessions{store: store, idle: idle, now: now, ended: ended}
	s.cache = cache.Of(cache.Options[Hash, Session]{Watcher: w, Name: SessionKey, Load: s.load, Now: now, Size: cachedSessions,
		// To be extended, it has to be loaded.
		Good: func(sess Session) bool { return !s.due(sess) }})
	s.epochs = cache.Of(cache.Options[chat.Identity, string]{Watcher: w, Load: s.loadEpoch, Now: now, Size: cachedSessions,
		Name: func(who chat.Identity) string { return chat.AccountKey(who.Tenant, who.Login) }})
	return s
}

// Start begins a session and returns its id, the only copy there is.
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

// Find returns the session with this hash, alive for another idle time from now on.
// An unknown or expired one is NotFound, and so is one of another epoch than its account's. What was ended on another node more
// than cache.Brief ago is not found.
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

// current returns NotFound if a login of that epoch is over.
func (s *Sessions) current(ctx context.Context, who chat.Identity, epoch string) error {
	now, err := s.epochs.Get(ctx, who)
	if err == nil && now != epoch {
		err = chat.ErrNotFound("session", "")
	}
	return err
}

// loadEpoch reads the epoch of an account; NotFound for one that was deleted. One that is not there at all has never had
// another password: accounts are not forgotten.
func (s *Sessions) loadEpoch(ctx context.Context, who chat.Identity) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	u, err := s.store.User(ctx, who.Tenant, who.Login)
	if chat.IsKind(err, chat.NotFound) {
		return "", nil
	}
	if err == nil && u.Deleted {
		err = chat.ErrNotFound(chat.UserEntity, who.Login)
	}
	return u.Epoch, err
}

// EndAccount has this node, and through Ended others, notice that an account has another epoch or was deleted.
func (s *Sessions) EndAccount(ctx context.Context, who chat.Identity) {
	s.ForgetAccount(who)
	s.ended.Account(ctx, who)
}

// ForgetAccount drops what is remembered of an account, so that the next Find of its sessions asks the store.
func (s *Sessions) ForgetAccount(who chat.Identity) { s.epochs.Forget(who) }

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

// due reports whether a session is to get another end, if it is used: it is to be extended, or a clock that was ahead
// gave it an end that no right clock could have.
func (s *Sessions) due(sess Session) bool {
	left := sess.ExpiresAt.Sub(s.now())
	return left <= s.idle-s.idle/30 || left > s.idle+clocksDiffer
}

// clocksDiffer is how far ahead of this server's clock another's may be without being wrong.
const clocksDiffer = time.Hour

// End ends a session; an unknown one is no error. It has ended also if the error is ErrUnwritten. Its connections end even
// if the store fails: the session may have ended all the same, and a repeated call might not find it to end them. One
// that goes on connects again.
func (s *Sessions) End(ctx context.Context, h Hash) error {
	err := s.store.DeleteSession(ctx, h)
	s.Forget(h)
	s.ended.Sessions(ctx, []Hash{h})
	return err
}

// Forget drops what is remembered of a session, so that the next Find asks the store.
// Other nodes' endings are told through it.
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

// Close ends the caches' housekeeping.
func (s *Sessions) Close() {
	s.cache.Close()
	s.epochs.Close()
}
