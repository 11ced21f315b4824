package auth

import (
	"context"
	"fmt"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
)

// Admin is the administrator in the operator's settings. The zero value is none.
type Admin struct {
	Login    string
	Password string // empty: the account keeps the one it has
	Token    string // empty: none
}

// Check returns what is wrong with the settings of the administrator, whatever accounts there are.
func (admin Admin) Check() error {
	switch {
	case admin.Login == "":
		return nil
	case !chat.ValidName(admin.Login):
		return fmt.Errorf("the administrator's login %q has to be 3 to 31 letters, digits, dots, dashes or underscores", admin.Login)
	case admin.Login == chat.SystemLogin:
		return fmt.Errorf("the administrator's login %q is the author of system messages: choose another", admin.Login)
	case len(admin.Password) > chat.MaxPassword:
		return fmt.Errorf("the administrator's password has more than %d bytes", chat.MaxPassword)
	}
	return nil
}

// minToken is the least length of a token that is hard to guess, in bytes: that of 16 random ones in base64.
const minToken = 22

// weaknesses returns what in the settings is easy to guess, and what to do. Administrators that are set up already go on.
func (admin Admin) weaknesses(passwordMin int) (lines []string) {
	if admin.Password != "" && chat.CheckPassword(admin.Password, passwordMin) != nil {
		lines = append(lines, fmt.Sprintf("the administrator's password is easy to guess: set one of %d characters at least", passwordMin))
	}
	if admin.Token != "" && len(admin.Token) < minToken {
		lines = append(lines, fmt.Sprintf("the administrator's token is easy to guess: set one of %d random letters and digits at least, as openssl rand -hex 20 makes", minToken))
	}
	return lines
}

// AdminStore is the storage that EnsureAdmin needs.
type AdminStore interface {
	AccountStore
	CreateUser(ctx context.Context, t chat.Tenant, u chat.User) error
}

// EnsureAdmin makes sure that the administrator in the settings exists in the default tenant, with their password, the
// roles SiteAdmin and IntegrationAdmin, and their API token, which lasts until the settings have another one: the tokens of
// earlier settings are deleted. Repeating it changes nothing. It does
// nothing if the settings name none. Several nodes may call it at the same time.
func (a *Accounts) EnsureAdmin(ctx context.Context, store AdminStore) error {
	t, admin := chat.DefaultTenant, a.admin
	if admin.Login == "" {
		return nil
	}
	if err := admin.Check(); err != nil {
		return err
	}
	for _, line := range admin.weaknesses(a.passwordMin) {
		a.log.Warn(line, "login", admin.Login)
	}
	u, err := store.User(ctx, t, admin.Login)
	switch {
	case chat.IsKind(err, chat.NotFound):
		if admin.Password == "" {
			return fmt.Errorf("the administrator %q does not exist yet: set a password for it", admin.Login)
		}
		hash, err := a.hasher.Hash(ctx, admin.Password)
		if err != nil {
			return err
		}
		u = chat.User{Person: chat.Person{Login: admin.Login, FirstName: "Site", LastName: "Administrator"},
			PasswordHash: hash, CreatedAt: time.Now().UTC().Truncate(time.Millisecond)}
		if err := store.CreateUser(ctx, t, u); err != nil && !chat.IsKind(err, chat.Conflict) {
			return err
		}
	case err != nil:
		return err
	case u.Deleted:
		return fmt.Errorf("the administrator's login %q belongs to a deleted user, whose login is never free again: set another CONFAB_ADMIN_LOGIN", admin.Login)
	case admin.Password != "":
		ok, _, err := a.hasher.Verify(ctx, u.PasswordHash, admin.Password)
		if err != nil {
			return err
		}
		if !ok {
			if err := a.setPassword(ctx, chat.Identity{Tenant: t, Login: admin.Login}, admin.Password); err != nil {
				return err
			}
		}
	}
	if u.Disabled {
		a.log.Warn("the administrator in the settings was disabled, and is enabled now", "login", admin.Login)
		epoch, _ := NewSecret()
		if err := store.EndLogins(ctx, t, admin.Login, epoch, new(false)); err != nil {
			return err
		}
	}
	for _, role := range []string{SiteAdmin, IntegrationAdmin} {
		if err := store.GrantRole(ctx, t, admin.Login, role); err != nil {
			return err
		}
	}
	if admin.Token == "" {
		return nil
	}
	now := APIToken{Hash: HashOf(admin.Token), Tenant: t, Login: admin.Login}
	earlier, err := store.TokensOf(ctx, t, admin.Login, perUser)
	if err != nil {
		return err
	}
	for _, e := range earlier {
		if e.Hash != now.Hash && e.Kind == SettingsToken && e.ExpiresAt.IsZero() {
			if err := store.DeleteToken(ctx, e.Hash); err != nil {
				return err
			}
		}
	}
	return store.PutToken(ctx, now)
}

// mayEnd returns Conflict for the administrator in the settings. A deleted login is never free again, so a server that
// has it in its settings would not start any more. Each node knows only its own settings.
func (a *Accounts) mayEnd(who chat.Identity) error {
	if !a.isAdmin(who) {
		return nil
	}
	return conflict("this server is started with '%s' as its administrator and would "+
		"not start again without that account: start it with another CONFAB_ADMIN_LOGIN (--admin-login) first", who.Login)
}

// isAdmin reports whether who is the administrator in the settings.
func (a *Accounts) isAdmin(who chat.Identity) bool {
	return a.admin.Login != "" && who == chat.Identity{Tenant: chat.DefaultTenant, Login: a.admin.Login}
}

func conflict(format string, args ...any) error {
	return &chat.Error{Kind: chat.Conflict, Message: fmt.Sprintf(format, args...)}
}
