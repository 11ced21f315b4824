package auth

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
)

// Roles that a user may have in a tenant.
const (
	// SiteAdmin may do everything on this server.
	SiteAdmin = "site-admin"
	// IntegrationAdmin is the administrator of the ESME API.
	IntegrationAdmin = "integration-admin"
)

// Credentials is what checking a password needs kept.
type Credentials interface {
	User(ctx context.Context, t chat.Tenant, login string) (chat.User, error)
	SetPasswordHash(ctx context.Context, t chat.Tenant, login, hash string) error
}

// Accounts checks and changes passwords. It may be used concurrently.
type Accounts struct {
	store    Credentials
	hasher   *Hasher
	throttle *Throttle
	sessions *Sessions
	remember *Remember
	log      *slog.Logger
}

// NewAccounts returns the accounts of a store.
func NewAccounts(store Credentials, h *Hasher, t *Throttle, s *Sessions, r *Remember, log *slog.Logger) *Accounts {
	return &Accounts{store: store, hasher: h, throttle: t, sessions: s, remember: r, log: log}
}

// RetryAfter is the cause of a RateLimited error that knows when to try again.
type RetryAfter struct{ time.Duration }

func (r RetryAfter) Error() string { return "retry after " + r.String() }

// LogIn checks a password. Whatever is wrong, login or password, the answer is the same
// Unauthenticated after the same work; RateLimited (with RetryAfter) when login and address
// together have failed too often.
func (a *Accounts) LogIn(ctx context.Context, t chat.Tenant, login, password, address string) (chat.Identity, error) {
	key := string(t) + "\x00" + login + "\x00" + address
	if wait := a.throttle.Wait(key); wait > 0 {
		return chat.Identity{}, &chat.Error{Kind: chat.RateLimited, Cause: RetryAfter{wait},
			Message: "too many failed logins; wait a little"}
	}
	refused := &chat.Error{Kind: chat.Unauthenticated, Message: "Invalid login/password"}
	u, err := chat.User{}, error(nil)
	if chat.ValidName(login) {
		u, err = a.store.User(ctx, t, login)
	}
	if err != nil && !chat.IsKind(err, chat.NotFound) {
		return chat.Identity{}, err
	}
	// An unknown or deleted user has an empty hash, which is checked all the same.
	ok, rehash, err := a.hasher.Verify(ctx, u.PasswordHash, password)
	if err != nil {
		return chat.Identity{}, chat.ErrUnavailable(err)
	}
	if !ok || u.Deleted {
		a.throttle.Failed(key)
		return chat.Identity{}, refused
	}
	if rehash {
		a.rehash(ctx, t, login, password)
	}
	return chat.Identity{Tenant: t, Login: u.Login}, nil
}

// rehash replaces a hash of an older kind. That it fails is no reason to refuse the login.
func (a *Accounts) rehash(ctx context.Context, t chat.Tenant, login, password string) {
	hash, err := a.hasher.Hash(ctx, password)
	if err == nil {
		err = a.store.SetPasswordHash(ctx, t, login, hash)
	}
	if err != nil {
		a.log.Warn("a password could not be hashed anew", "tenant", t, "login", login, "error", err)
	}
}

// SetPassword replaces a user's password and ends all sessions and remembered logins they have.
func (a *Accounts) SetPassword(ctx context.Context, who chat.Identity, password string) error {
	if password == "" || len(password) > MaxPassword {
		return chat.ErrInvalid("a password has 1 to %d bytes", MaxPassword)
	}
	hash, err := a.hasher.Hash(ctx, password)
	if err != nil {
		return chat.ErrUnavailable(err)
	}
	if err := a.store.SetPasswordHash(ctx, who.Tenant, who.Login, hash); err != nil {
		return err
	}
	return a.EndAll(ctx, who)
}

// EndAll ends all sessions and remembered logins of a user. They have ended also if the error is ErrUnwritten.
func (a *Accounts) EndAll(ctx context.Context, who chat.Identity) error {
	forgotten := a.remember.ForgetAll(ctx, who.Tenant, who.Login)
	if forgotten != nil && !errors.Is(forgotten, ErrUnwritten) {
		return forgotten
	}
	return cmp.Or(a.sessions.EndWhere(ctx, who.Tenant, who.Login, func(Session) bool { return true }), forgotten)
}

// Deleter ends accounts in the domain.
type Deleter interface {
	DeleteUser(ctx context.Context, who chat.Identity, login string) error
}

// Delete ends the account login, which has to be that of who, and then every session and
// remembered login of it.
func (a *Accounts) Delete(ctx context.Context, users Deleter, who chat.Identity, login string) error {
	if err := users.DeleteUser(ctx, who, login); err != nil {
		return err
	}
	return a.EndAll(context.WithoutCancel(ctx), who)
}

// ChangePassword replaces the password of who, if they know the present one, and ends all their
// sessions and remembered logins.
func (a *Accounts) ChangePassword(ctx context.Context, who chat.Identity, current, next, address string) error {
	if _, err := a.LogIn(ctx, who.Tenant, who.Login, current, address); err != nil {
		if chat.IsKind(err, chat.Unauthenticated) {
			return chat.ErrForbidden("the current password is wrong")
		}
		return err
	}
	return a.SetPassword(ctx, who, next)
}
