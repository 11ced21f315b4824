package auth

import (
	"cmp"
	"context"
	"errors"
	"log/slog"

	"github.com/confab-chat/confab/pkg/chat"
)

// Roles that a user may have in a tenant.
const (
	// SiteAdmin may do everything on this server.
	SiteAdmin = "site-admin"
	// IntegrationAdmin is the administrator of the ESME API.
	IntegrationAdmin = "integration-admin"
)

// Credentials is the storage that passwords need.
type Credentials interface {
	User(ctx context.Context, t chat.Tenant, login string) (chat.User, error)
	SetPasswordHash(ctx context.Context, t chat.Tenant, login, hash, epoch string) error
	EndLogins(ctx context.Context, t chat.Tenant, login, epoch string, disabled *bool) error
	Rehash(ctx context.Context, t chat.Tenant, login, from, to string) error
}

// AccountStore is the storage that accounts need.
type AccountStore interface {
	Credentials
	RoleStore
	TokenStore
}

// Failures is told of logins that fail. subject is the account, or empty if there is none.
type Failures interface {
	LoginFailed(ctx context.Context, t chat.Tenant, subject, address, why string)
}

// Accounts checks and changes passwords, and ends accounts. It may be used concurrently.
type Accounts struct {
	store    AccountStore
	hasher   *Hasher
	throttle *Throttle
	sessions *Sessions
	remember *Remember
	tokens   *Tokens
	admin    Admin
	failures Failures
	// passwordMin is the least length of a new password, in characters.
	passwordMin int
	log         *slog.Logger
}

// AccountParts are what Accounts are made of.
type AccountParts struct {
	Store    AccountStore
	Hasher   *Hasher
	Throttle *Throttle
	Sessions *Sessions
	Remember *Remember
	Tokens   *Tokens
	// Admin is the administrator in the settings, whose account cannot be deleted.
	Admin Admin
	// Failures may be nil.
	Failures Failures
	// PasswordMin is the least length of a new password, in characters; 0 means 1.
	PasswordMin int
	Log         *slog.Logger
}

// NewAccounts returns the accounts of a store.
func NewAccounts(p AccountParts) *Accounts {
	return &Accounts{store: p.Store, hasher: p.Hasher, throttle: p.Throttle, sessions: p.Sessions, remember: p.Remember,
		tokens: p.Tokens, admin: p.Admin, failures: p.Failures, passwordMin: p.PasswordMin, log: p.Log}
}

// LogIn checks a password. It returns the same Unauthenticated after the same work whether the login or the password is
// wrong, and Forbidden if both are right and the account is disabled. It returns RateLimited (with chat.RetryAfter) if the login, the address or both together have failed too often, and
// Unavailable (with chat.RetryAfter) if too many passwords are being checked.
func (a *Accounts) LogIn(ctx context.Context, t chat.Tenant, login, password string, from From) (Login, error) {
	if !chat.ValidName(login) {
		login = "" // no account has it
	}
	refund, wait := a.throttle.Reserve(t, login, from)
	if wait > 0 {
		a.throttle.Hold(ctx)
		return Login{}, &chat.Error{Kind: chat.RateLimited, Cause: chat.RetryAfter{Duration: wait},
			Message: "too many failed logins; wait a little"}
	}
	l, err := a.check(WithAddress(ctx, from.Address), t, login, password)
	if !chat.IsKind(err, chat.Unauthenticated) {
		refund()
	}
	if chat.IsKind(err, chat.Unavailable) {
		a.throttle.Hold(ctx)
	}
	return l, err
}

// check checks a password.
func (a *Accounts) check(ctx context.Context, t chat.Tenant, login, password string) (Login, error) {
	u, err := chat.User{}, error(nil)
	if login != "" {
		u, err = a.store.User(ctx, t, login)
	}
	if err != nil && !chat.IsKind(err, chat.NotFound) {
		return Login{}, err
	}
	// An unknown or deleted user has an empty hash, which takes the same work to check.
	ok, rehash, err := a.hasher.Verify(ctx, u.PasswordHash, password)
	if err != nil {
		return Login{}, err
	}
	if !ok || u.Deleted {
		a.failed(ctx, t, u, "wrong password")
		return Login{}, &chat.Error{Kind: chat.Unauthenticated, Message: "Invalid login/password"}
	}
	if u.Disabled {
		a.failed(ctx, t, u, "disabled")
		return Login{}, chat.ErrForbidden("this account is disabled: ask an administrator of the server")
	}
	if rehash {
		a.rehash(ctx, t, u, password)
	}
	return Login{Identity: chat.Identity{Tenant: t, Login: u.Login}, Epoch: u.Epoch}, nil
}

// failed reports a failed login to u; what was typed is not passed on if it is no account.
func (a *Accounts) failed(ctx context.Context, t chat.Tenant, u chat.User, why string) {
	if a.failures == nil {
		return
	}
	if u.Login == "" || u.Deleted {
		u.Login, why = "", "no such account"
	}
	a.failures.LoginFailed(ctx, t, u.Login, addressOf(ctx), why)
}

// rehash replaces a hash of an older kind. If it fails, the login succeeds nevertheless.
func (a *Accounts) rehash(ctx context.Context, t chat.Tenant, u chat.User, password string) {
	hash, err := a.hasher.Hash(ctx, password)
	if err == nil {
		err = a.store.Rehash(ctx, t, u.Login, u.PasswordHash, hash)
	}
	if err != nil {
		a.log.Warn("a password could not be hashed anew", "tenant", t, "login", u.Login, "error", err)
	}
}

// SetPassword replaces a user's password and, in the same write, the account's epoch. The new epoch ends all sessions
// and remembered logins of the account, however many, and also a running login that was checked against the old
// password.
func (a *Accounts) SetPassword(ctx context.Context, who chat.Identity, password string) error {
	if err := chat.CheckPassword(password, a.passwordMin); err != nil {
		return err
	}
	return a.setPassword(ctx, who, password)
}

func (a *Accounts) setPassword(ctx context.Context, who chat.Identity, password string) error {
	hash, err := a.hasher.Hash(ctx, password)
	if err != nil {
		return err
	}
	epoch, _ := NewSecret()
	err = a.store.SetPasswordHash(ctx, who.Tenant, who.Login, hash, epoch)
	a.sessions.EndAccount(ctx, who) // also after an error: the password may have been changed nevertheless
	return err
}

// Clear removes the sessions and remembered logins of a user whose account has ended. They are removed also if the
// error is ErrUnwritten.
func (a *Accounts) Clear(ctx context.Context, who chat.Identity) error {
	forgotten := a.remember.ForgetAll(ctx, who.Tenant, who.Login)
	if forgotten != nil && !errors.Is(forgotten, ErrUnwritten) {
		return forgotten
	}
	return cmp.Or(a.sessions.EndWhere(ctx, who.Tenant, who.Login, func(Session) bool { return true }), forgotten)
}

// Deleter deletes accounts in the domain.
type Deleter interface {
	DeleteUser(ctx context.Context, who chat.Identity, login string) error
}

// Delete deletes the account login, which has to be that of who, and ends all its sessions, remembered logins, API
// tokens and roles. Conflict if it is the administrator's in the operator's settings.
func (a *Accounts) Delete(ctx context.Context, users Deleter, who chat.Identity, login string) error {
	if who.Login == login {
		if err := a.mayEnd(who); err != nil {
			return err
		}
	}
	err := users.DeleteUser(ctx, who, login)
	a.sessions.EndAccount(ctx, who)
	if err != nil {
		return err
	}
	// Nobody is let in by what is left after an error: see Tokens.Find.
	if err := a.endRights(context.WithoutCancel(ctx), who); err != nil {
		a.log.Warn("tokens and roles of a deleted account could not be removed", "tenant", who.Tenant, "login", login, "error", err)
	}
	return nil
}

// endRights removes the roles and API tokens of a user.
func (a *Accounts) endRights(ctx context.Context, who chat.Identity) error {
	roles, err := a.store.Roles(ctx, who.Tenant, who.Login)
	if err != nil {
		return err
	}
	for _, r := range roles {
		if err := a.store.RevokeRole(ctx, who.Tenant, who.Login, r); err != nil {
			return err
		}
	}
	for {
		tokens, err := a.store.TokensOf(ctx, who.Tenant, who.Login, perUser)
		if err != nil {
			return err
		}
		for _, t := range tokens {
			if err := a.tokens.Delete(ctx, t.Hash); err != nil {
				return err
			}
		}
		if len(tokens) < perUser {
			return nil
		}
	}
}

// ChangePassword replaces the password of who if current is the current one; otherwise it returns Forbidden. It ends
// all their sessions and remembered logins.
func (a *Accounts) ChangePassword(ctx context.Context, who chat.Identity, current, next, address string) error {
	if _, err := a.LogIn(ctx, who.Tenant, who.Login, current, From{Address: address, Known: true}); err != nil {
		if chat.IsKind(err, chat.Unauthenticated) {
			return chat.ErrForbidden("the current password is wrong")
		}
		return err
	}
	return a.SetPassword(WithAddress(ctx, address), who, next)
}
