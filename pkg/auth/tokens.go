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
	store TokenStore
	now   func() time.Time
	cache *cache.Cache[Hash, APIToken]
}

// NewTokens returns the tokens of a store. w polls what other nodes change.
func NewTokens(store TokenStore, w *cache.Watcher, now func() time.Time) *Tokens {
	t := &Tokens{store: store, now: now}
	t.cache = cache.Of(cache.Options[Hash, APIToken]{Watcher: w, Name: TokenKey, Load: t.load, Now: now, Size: cachedSessions})
	return t
}

func (t *Tokens) load(ctx context.Context, h Hash) (APIToken, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return t.store.Token(ctx, h)
}

// Find returns the login of a token. It returns Unauthenticated for a token that is unknown, has expired or was deleted
// more than cache.Brief ago.
func (t *Tokens) Find(ctx context.Context, token string) (Login, error) {
	refused := &chat.Error{Kind: chat.Unauthenticated, Message: "this token is not valid (any more)"}
	if token == "" || len(token) > 4096 {
		return Login{}, refused
	}
	a, err := t.cache.Get(ctx, HashOf(token))
	if chat.IsKind(err, chat.NotFound) {
		return Login{}, refused
	}
	if err != nil {
		return Login{}, err
	}
	if !a.ExpiresAt.IsZero() && !t.now().Before(a.ExpiresAt) {
		return Login{}, refused
	}
	return Login{Identity: chat.Identity{Tenant: a.Tenant, Login: a.Login}}, nil
}

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
