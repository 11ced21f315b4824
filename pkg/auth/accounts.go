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
	SetPasswordHash(ctx context.Context, t chat.Tenant, login, hash, epoch string) error
	Rehash(ctx context.Context, t chat.Tenant, login, from, to string) error
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
func (a *Accounts) LogIn(ctx context.Context, t chat.Tenant, login, password, address string) (Login, error) {
	key := string(t) + "\x00" + login + "\x00" + address
	if wait := a.throttle.Wait(key); wait > 0 {
		return Login{}, &chat.Error{Kind: chat.RateLimited, Cause: RetryAfter{wait},
			Message: "too many failed logins; wait a little"}
	}
	refused := &chat.Error{Kind: chat.Unauthenticated, Message: "Invalid login/password"}
	u, err := chat.User{}, error(nil)
	if chat.ValidName(login) {
		u, err = a.store.User(ctx, t, login)
	}
	if err != nil && !chat.IsKind(err, chat.NotFound) {
		return Login{}, err
	}
	// An unknown or deleted user has an empty hash, which is checked all the same.
	ok, rehash, err := a.hasher.Verify(ctx, u.PasswordHash, password)
	if err != nil {
		return Login{}, chat.ErrUnavailable(err)
	}
	if !ok || u.Deleted {
		a.throttle.Failed(key)
		return Login{}, refused
	}
	if rehash {
		a.rehash(ctx, t, u, password)
	}
	return Login{Identity: chat.Identity{Tenant: t, Login: u.Login}, Epoch: u.Epoch}, nil
}

// rehash replaces a hash of an older kind. That it fails is no reason to refuse the login.
func (a *Accounts) rehash(ctx context.Context, t chat.Tenant, u chat.User, password string) {
	hash, err := a.hasher.Hash(ctx, password)
	if err == nil {
		err = a.store.Rehash(ctx, t, u.Login, u.PasswordHash, hash)
	}
	if err != nil {
		a.log.Warn("a password could not be hashed anew", "tenant", t, "login", u.Login, "error", err)
	}
}

// SetPassword replaces a user's password. With it goes the account's epoch, in the same write: all sessions and remembered
// logins there are end, however many, and so does a login under way that was checked against the old password.
func (a *Accounts) SetPassword(ctx context.Context, who chat.Identity, password string) error {
	if password == "" || len(password) > MaxPassword {
		return chat.ErrInvalid("a password has 1 to %d bytes", MaxPassword)
	}
	hash, err := a.hasher.Hash(ctx, password)
	if err != nil {
		return chat.ErrUnavailable(err)
	}
	epoch, _ := NewSecret()
	err = a.store.SetPasswordHash(ctx, who.Tenant, who.Login, hash, epoch)
	a.sessions.EndAccount(ctx, who) // also if the store did not answer: it may be changed all the same
	return err
}

// Clear removes what is kept of the sessions and remembered logins of a user whose account has ended. They are removed also
// if the error is ErrUnwritten.
func (a *Accounts) Clear(ctx context.Context, who chat.Identity) error {
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

// Delete ends the account login, which has to be that of who, and with it every session and
// remembered login of it.
func (a *Accounts) Delete(ctx context.Context, users Deleter, who chat.Identity, login string) error {
	err := users.DeleteUser(ctx, who, login)
	a.sessions.EndAccount(ctx, who)
	return err
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
