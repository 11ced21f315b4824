package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/confab-chat/confab/pkg/cache"
	"github.com/confab-chat/confab/pkg/chat"
)

// Epochs knows the epoch of an account. It returns NotFound for an account that has ended or is disabled.
type Epochs interface {
	Epoch(ctx context.Context, who chat.Identity) (string, error)
	// ForgetAccount makes the next call of Epoch read the account.
	ForgetAccount(who chat.Identity)
}

// AppEpochs knows the epoch of the tokens of an app and of its users, by the app's tenant. It returns NotFound for an app that
// was deleted.
type AppEpochs interface {
	TokenEpoch(ctx context.Context, t chat.Tenant) (string, error)
	// ForgetTenant makes the next call of TokenEpoch read the app.
	ForgetTenant(t chat.Tenant)
}

// EpochOf is the epoch of a token that ends with a new epoch of its account or of its app. An app that never ended its tokens
// has the empty one.
func EpochOf(account, app string) string {
	if app == "" {
		return account
	}
	return account + "/" + app
}

// AccountEpoch returns the account's part of EpochOf.
func AccountEpoch(epoch string) string {
	account, _, _ := strings.Cut(epoch, "/")
	return account
}

// Tokens makes, finds and deletes the API tokens that one kind of mount accepts. It may be used concurrently.
type Tokens struct {
	store  TokenStore
	epochs Epochs
	// Apps is set where tokens of apps and of their users are accepted, before the first call.
	Apps  AppEpochs
	now   func() time.Time
	kinds []TokenKind
	cache *cache.Cache[Hash, APIToken]
}

// NewTokens returns the tokens of a store that have one of kinds. w polls what other nodes change, and epochs knows which
// accounts have ended.
func NewTokens(store TokenStore, epochs Epochs, w *cache.Watcher, now func() time.Time, kinds ...TokenKind) *Tokens {
	t := &Tokens{store: store, epochs: epochs, now: now, kinds: kinds}
	t.cache = cache.Of(cache.Options[Hash, APIToken]{Watcher: w, Name: TokenKey, Load: t.load, Now: now, Size: cachedSessions})
	return t
}

func (t *Tokens) load(ctx context.Context, h Hash) (APIToken, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return t.store.Token(ctx, h)
}

// Issue stores a new token of a and returns its secret: prefix and 52 letters and digits. The Hash of a is set here, and so is
// CreatedAt.
func (t *Tokens) Issue(ctx context.Context, prefix string, a APIToken) (secret string, _ APIToken, err error) {
	secret = prefix + rand.Text() + rand.Text() // letters and digits, with 256 random bits
	a.Hash, a.CreatedAt = HashOf(secret), t.now().UTC().Truncate(time.Millisecond)
	return secret, a, t.store.PutToken(ctx, a)
}

// Find returns the login of a token. It returns Unauthenticated for a token that is unknown, has expired or is of another
// kind. It does so for one that was deleted, or whose account was or has another epoch, more than cache.Brief ago.
func (t *Tokens) Find(ctx context.Context, token string) (Login, error) {
	if token == "" || len(token) > 4096 {
		return Login{}, errToken()
	}
	return t.FindHash(ctx, HashOf(token))
}

// FindHash is Find for who knows only the hash of a token.
func (t *Tokens) FindHash(ctx context.Context, h Hash) (Login, error) {
	a, err := t.cache.Get(ctx, h)
	if err == nil && (!slices.Contains(t.kinds, a.Kind) || !a.ExpiresAt.IsZero() && !t.now().Before(a.ExpiresAt)) {
		err = errToken()
	}
	who := chat.Identity{Tenant: a.Tenant, Login: a.Login}
	if err == nil {
		if err = t.current(ctx, who, a); chat.IsKind(err, chat.NotFound) || chat.IsKind(err, chat.Unauthenticated) {
			// What is cached of the account may be older than the token, if both are from another node.
			t.epochs.ForgetAccount(who)
			if t.Apps != nil {
				t.Apps.ForgetTenant(a.Tenant)
			}
			err = t.current(ctx, who, a)
		}
	}
	if chat.IsKind(err, chat.NotFound) {
		err = errToken()
	}
	if err != nil {
		return Login{}, err
	}
	t.used(ctx, a)
	return Login{Identity: who, Token: h, Scopes: a.Scopes, Kind: a.Kind, Epoch: a.Epoch}, nil
}

// current returns Unauthenticated or NotFound if the account or the app of a token has another epoch, or has ended.
func (t *Tokens) current(ctx context.Context, who chat.Identity, a APIToken) error {
	epoch, err := t.epochs.Epoch(ctx, who)
	if err != nil {
		return err
	}
	bound := a.Bound
	if a.Kind == AppToken || a.Kind == UserToken {
		app, err := t.Apps.TokenEpoch(ctx, a.Tenant)
		if err != nil {
			return err
		}
		bound, epoch = true, EpochOf(epoch, app)
	}
	if bound && a.Epoch != epoch {
		return errToken()
	}
	return nil
}

// ExpiresAt returns when a token expires; zero: never.
func (t *Tokens) ExpiresAt(ctx context.Context, h Hash) (time.Time, error) {
	a, err := t.cache.Get(ctx, h)
	return a.ExpiresAt, err
}

// used notes that a token is used which its user, or an administrator, sees in a list; to about a minute. A failure is no
// failure of the request.
func (t *Tokens) used(ctx context.Context, a APIToken) {
	now := t.now().UTC().Truncate(time.Millisecond)
	listed := a.Kind != SettingsToken && a.Tenant == chat.DefaultTenant && a.Login != ""
	if !listed || now.Sub(a.LastUsedAt) < usedEvery {
		return
	}
	if t.store.TouchToken(ctx, a.Hash, now) == nil {
		t.cache.Forget(a.Hash)
	}
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
