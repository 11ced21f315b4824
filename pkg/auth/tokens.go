package auth

import (
	"context"
	"errors"
	"time"

	"github.com/confab-chat/confab/pkg/cache"
	"github.com/confab-chat/confab/pkg/chat"
)

// Tokens finds the users of API tokens. It may be used concurrently.
type Tokens struct {
	store TokenStore
	now   func() time.Time
	cache *cache.Cache[Hash, APIToken]
}

// NewTokens returns the tokens of a store. w hears what other nodes change.
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

// Find returns whose token it is, or Unauthenticated, as it is for one that was deleted more than cache.Brief ago.
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

// Delete ends a token; an unknown one is no error. It has ended also if the error is ErrUnwritten.
func (t *Tokens) Delete(ctx context.Context, h Hash) error {
	err := t.store.DeleteToken(ctx, h)
	if err == nil || errors.Is(err, ErrUnwritten) {
		t.cache.Forget(h)
	}
	return err
}

// Close ends the cache's housekeeping.
func (t *Tokens) Close() { t.cache.Close() }
