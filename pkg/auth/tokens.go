package auth

import (
	"context"
	"errors"
	"time"

	"github.com/confab-chat/confab/pkg/cache"
	"github.com/confab-chat/confab/pkg/chat"
)

// Tokens finds and deletes API tokens. It may be used concurrently.
type Tokens struct {
	store    TokenStore
	sessions *Sessions
	now      func() time.Time
	cache    *cache.Cache[Hash, APIToken]
}

// NewTokens returns the tokens of a store. w polls what other nodes change, and sessions knows which accounts have ended.
func NewTokens(store TokenStore, sessions *Sessions, w *cache.Watcher, now func() time.Time) *Tokens {
	t := &Tokens{store: store, sessions: sessions, now: now}
	t.cache = cache.Of(cache.Options[Hash, APIToken]{Watcher: w, Name: TokenKey, Load: t.load, Now: now, Size: cachedSessions})
	return t
}

func (t *Tokens) load(ctx context.Context, h Hash) (APIToken, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return t.store.Token(ctx, h)
}

// Find returns the login of a token. It returns Unauthenticated for a token that is unknown or has expired, and for one
// that was deleted, or whose account was, more than cache.Brief ago.
func (t *Tokens) Find(ctx context.Context, token string) (Login, error) {
	if token == "" || len(token) > 4096 {
		return Login{}, errToken()
	}
	return t.FindHash(ctx, HashOf(token))
}

// FindHash is Find for who knows only the hash of a token.
func (t *Tokens) FindHash(ctx context.Context, h Hash) (Login, error) {
	a, err := t.cache.Get(ctx, h)
	if err == nil && !a.ExpiresAt.IsZero() && !t.now().Before(a.ExpiresAt) {
		err = errToken()
	}
	who := chat.Identity{Tenant: a.Tenant, Login: a.Login}
	if err == nil {
		err = t.sessions.alive(ctx, who)
	}
	if chat.IsKind(err, chat.NotFound) {
		err = errToken()
	}
	if err != nil {
		return Login{}, err
	}
	return Login{Identity: who, Token: h}, nil
}

func errToken() error {
	return &chat.Error{Kind: chat.Unauthenticated, Message: "this token is not valid (any more)"}
}

// Forget invalidates a cached token, so that the next Find reads the store.
func (t *Tokens) Forget(h Hash) { t.cache.Forget(h) }

// Delete deletes a token; an unknown one is no error. The token is invalid also if the error is ErrUnwritten.
func (t *Tokens) Delete(ctx context.Context, h Hash) error {
	err := t.store.DeleteToken(ctx, h)
	if err == nil || errors.Is(err, ErrUnwritten) {
		t.cache.Forget(h)
	}
	return err
}

// Close stops the background work of the cache.
func (t *Tokens) Close() { t.cache.Close() }
