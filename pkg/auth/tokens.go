package auth

import (
	"context"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/confab-chat/confab/pkg/chat"
)

// Tokens finds the users of API tokens. It may be used concurrently.
type Tokens struct {
	store TokenStore
	now   func() time.Time
	cache *otter.Cache[Hash, APIToken]
}

// NewTokens returns the tokens of a store.
func NewTokens(store TokenStore, now func() time.Time) *Tokens {
	return &Tokens{store: store, now: now, cache: otter.Must(&otter.Options[Hash, APIToken]{
		MaximumSize:      cachedSessions,
		ExpiryCalculator: otter.ExpiryWriting[Hash, APIToken](cacheFor),
	})}
}

// Find returns whose token it is, or Unauthenticated. An answer may be up to a second old.
func (t *Tokens) Find(ctx context.Context, token string) (Login, error) {
	refused := &chat.Error{Kind: chat.Unauthenticated, Message: "this token is not valid (any more)"}
	if token == "" || len(token) > 4096 {
		return Login{}, refused
	}
	a, err := t.cache.Get(ctx, HashOf(token), otter.LoaderFunc[Hash, APIToken](
		func(ctx context.Context, h Hash) (APIToken, error) {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			return t.store.Token(ctx, h)
		}))
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

// Close ends the cache's housekeeping.
func (t *Tokens) Close() { t.cache.StopAllGoroutines() }
