package auth

import (
	"cmp"
	"context"
	"encoding/hex"
	"slices"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
)

// People is what administrators of the server do with the accounts of the default tenant, without becoming their users.
// The caller has checked that by is an administrator. A method returns NotFound for an account that does not exist, and
// Gone for a deleted one. It may be used concurrently.
//
// Administrators cannot lock themselves out: by keeps access and role, and so does the administrator in the operator's
// settings, who would have them back with the next start (Conflict).
type People struct {
	store    PeopleStore
	accounts *Accounts
	sessions *Sessions
	remember *Remember
	tokens   *Tokens
	outbox   chat.Outbox
}

// PeopleStore is the storage that People needs.
type PeopleStore interface {
	AccountStore
	SessionStore
	RememberStore
	Inventory
}

// NewPeople returns the administration of accounts. The outbox, which may be nil, keeps what servers of apps are to be told of.
func NewPeople(store PeopleStore, accounts *Accounts, outbox chat.Outbox) *People {
	return &People{store: store, accounts: accounts, sessions: accounts.sessions, remember: accounts.remember, tokens: accounts.tokens, outbox: outbox}
}

// account returns an account that is not deleted.
func (p *People) account(ctx context.Context, login string) (chat.User, chat.Identity, error) {
	who := chat.Identity{Tenant: chat.DefaultTenant, Login: login}
	if !chat.ValidName(login) || login == chat.SystemLogin {
		return chat.User{}, who, chat.ErrNotFound(chat.UserEntity, login)
	}
	u, err := p.store.User(ctx, who.Tenant, login)
	if err == nil && u.Deleted {
		err = &chat.Error{Kind: chat.Gone, Entity: chat.UserEntity, Name: login, Message: "this user was deleted"}
	}
	return u, who, err
}

// Bot returns who a bot is; NotFound for an account that is none.
func (p *People) Bot(ctx context.Context, login string) (chat.User, chat.Identity, error) {
	u, who, err := p.account(ctx, login)
	if err == nil && !u.Bot {
		err = chat.ErrNotFound("bot", login)
	}
	return u, who, err
}

// SetPassword replaces a user's password: all their logins and tokens end. Invalid for what cannot be one; Conflict for a
// bot, which has none, and for the administrator in the settings if the settings have the password.
func (p *People) SetPassword(ctx context.Context, login, password string) error {
	u, who, err := p.account(ctx, login)
	if err != nil {
		return err
	}
	switch {
	case u.Bot:
		return conflict("'%s' is a bot: it has no password, only tokens", login)
	case p.accounts.isAdmin(who) && p.accounts.admin.Password != "":
		return conflict("the password of '%s' is in the settings of this server: change CONFAB_ADMIN_PASSWORD (--admin-password) there", login)
	}
	return p.accounts.SetPassword(ctx, who, password)
}

// LogOut ends all sessions, remembered logins and tokens of a user that were made before.
func (p *People) LogOut(ctx context.Context, login string) error { return p.end(ctx, login, nil) }

// Disable closes an account: all logins and tokens of its user end, and they cannot log in until Enable. Rooms, messages
// and roles stay.
func (p *People) Disable(ctx context.Context, by chat.Identity, login string) error {
	if err := p.keeps(by, login, "disabled"); err != nil {
		return err
	}
	return p.end(ctx, login, new(true))
}

// Enable opens an account that Disable has closed.
func (p *People) Enable(ctx context.Context, login string) error {
	return p.end(ctx, login, new(false))
}

func (p *People) end(ctx context.Context, login string, disabled *bool) error {
	u, who, err := p.account(ctx, login)
	if err != nil || disabled != nil && *disabled == u.Disabled {
		return err
	}
	told := func(error) {}
	if disabled != nil {
		if told, err = chat.IntendUser(ctx, p.outbox, chat.Act{Tenant: who.Tenant, Deed: chat.DeedActive, On: !*disabled, To: u.Person}); err != nil {
			return err
		}
	}
	epoch, _ := NewSecret()
	err = p.store.EndLogins(ctx, who.Tenant, login, epoch, disabled)
	told(err)
	p.sessions.EndAccount(ctx, who) // also after an error: the logins may have ended nevertheless
	return err
}

// keeps returns Conflict if login has to keep access and role.
func (p *People) keeps(by chat.Identity, login, what string) error {
	switch {
	case by == chat.Identity{Tenant: chat.DefaultTenant, Login: login}:
		return conflict("you would lock yourself out: ask another administrator")
	case p.accounts.isAdmin(chat.Identity{Tenant: chat.DefaultTenant, Login: login}):
		return conflict("'%s' is the administrator in the settings of this server and cannot be %s: start it with another CONFAB_ADMIN_LOGIN (--admin-login) first", login, what)
	}
	return nil
}

// Device is a login of a user that has not ended: a session, or a login that a browser remembers.
type Device struct {
	// ID names it. The secret cannot be found from it.
	ID         string
	Remembered bool
	CreatedAt  time.Time // of a session, or of the last use of a remembered login; zero if that is not recorded
	ExpiresAt  time.Time
	hash       Hash
}

// publicID names what has that hash. The secret cannot be found from it.
func publicID(h Hash) string { return hex.EncodeToString(h[:12]) }

// Devices returns the logins of a user that have not ended, the newest first, at most a thousand sessions and as many
// remembered logins.
func (p *People) Devices(ctx context.Context, login string) ([]Device, error) {
	u, who, err := p.account(ctx, login)
	if err != nil {
		return nil, err
	}
	var all []Device
	if u.Disabled {
		return all, nil
	}
	sessions, err := p.store.SessionsOf(ctx, who.Tenant, login, perUser)
	if err != nil {
		return nil, err
	}
	for _, s := range sessions {
		if s.Epoch == u.Epoch {
			all = append(all, Device{ID: publicID(s.Hash), CreatedAt: s.CreatedAt, ExpiresAt: s.ExpiresAt, hash: s.Hash})
		}
	}
	remembered, err := p.store.RememberedOf(ctx, who.Tenant, login, perUser)
	if err != nil {
		return nil, err
	}
	for _, r := range remembered {
		if r.Epoch == u.Epoch {
			all = append(all, Device{ID: publicID(r.Series), Remembered: true, CreatedAt: r.RotatedAt, ExpiresAt: r.ExpiresAt, hash: r.Series})
		}
	}
	slices.SortFunc(all, func(a, b Device) int { return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(a.ID, b.ID)) })
	return all, nil
}

// EndDevice ends a login of a user; that of a remembered one also ends the sessions that came from it. NotFound if there is
// none with that ID. It has ended also if the error is ErrUnwritten.
func (p *People) EndDevice(ctx context.Context, login, id string) error {
	all, err := p.Devices(ctx, login)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(d Device) bool { return d.ID == id })
	if i < 0 {
		return chat.ErrNotFound("session", id)
	}
	if all[i].Remembered {
		return p.remember.forget(ctx, Remembered{Series: all[i].hash, Tenant: chat.DefaultTenant, Login: login})
	}
	return p.sessions.End(ctx, all[i].hash)
}

// Tokens returns the tokens of an account that have not ended, of all kinds, the newest first, at most a thousand.
func (p *People) Tokens(ctx context.Context, login string) ([]APIToken, error) {
	u, who, err := p.account(ctx, login)
	if err != nil || u.Disabled {
		return nil, err
	}
	all, err := p.store.TokensOf(ctx, who.Tenant, login, perUser)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(a APIToken) bool { return a.Bound && a.Epoch != u.Epoch })
	newestFirst(all)
	return all, nil
}

// Token returns the token of an account with a PublicID; NotFound if there is none.
func (p *People) Token(ctx context.Context, login, id string) (APIToken, error) {
	all, err := p.Tokens(ctx, login)
	if err != nil {
		return APIToken{}, err
	}
	return withID(all, id)
}

// DeleteToken ends a token of an account, and returns what it was; NotFound if there is none. The next request with it is
// refused, also if the error is ErrUnwritten.
func (p *People) DeleteToken(ctx context.Context, login, id string) (APIToken, error) {
	a, err := p.Token(ctx, login, id)
	if err != nil {
		return a, err
	}
	return a, p.tokens.Delete(ctx, a.Hash)
}

// grantable are the roles that administrators grant.
var grantable = []string{IntegrationAdmin, SiteAdmin}

// Roles returns the roles of a user, ascending.
func (p *People) Roles(ctx context.Context, login string) ([]string, error) {
	_, who, err := p.account(ctx, login)
	if err != nil {
		return nil, err
	}
	return p.store.Roles(ctx, who.Tenant, login)
}

// Holders returns who has roles in the default tenant, by login.
func (p *People) Holders(ctx context.Context) (map[string][]string, error) {
	all := map[string][]string{}
	err := p.store.EachRole(ctx, func(t chat.Tenant, login, role string) error {
		if t == chat.DefaultTenant {
			all[login] = append(all[login], role)
		}
		return nil
	})
	for _, roles := range all {
		slices.Sort(roles)
	}
	return all, err
}

// Grant gives a user a role. It takes effect with their next request. Invalid for a role that there is not.
func (p *People) Grant(ctx context.Context, login, role string) error {
	if !slices.Contains(grantable, role) {
		return errRole(role)
	}
	_, who, err := p.account(ctx, login)
	if err != nil {
		return err
	}
	return p.store.GrantRole(ctx, who.Tenant, login, role)
}

// Revoke takes a role from a user, immediately. The tokens for managing the platform end with the role SiteAdmin: they do not
// work again if the user gets it back. NotFound for a role that the user does not have.
func (p *People) Revoke(ctx context.Context, by chat.Identity, login, role string) error {
	has, err := p.Roles(ctx, login)
	if err != nil {
		return err
	}
	if !slices.Contains(has, role) {
		return chat.ErrNotFound("role", role)
	}
	if role == SiteAdmin {
		if err := p.keeps(by, login, "without this role"); err != nil {
			return err
		}
	}
	if err := p.store.RevokeRole(ctx, chat.DefaultTenant, login, role); err != nil || role != SiteAdmin {
		return err
	}
	return p.endManagement(ctx, login)
}

// endManagement ends a user's tokens for managing the platform.
func (p *People) endManagement(ctx context.Context, login string) error {
	for {
		all, err := p.store.TokensOf(ctx, chat.DefaultTenant, login, perUser)
		if err != nil {
			return err
		}
		ended := 0
		for _, t := range all {
			if t.Kind != ManagementToken {
				continue
			}
			if err := p.tokens.Delete(ctx, t.Hash); err != nil {
				return err
			}
			ended++
		}
		if ended == 0 || len(all) < perUser {
			return nil
		}
	}
}

func errRole(role string) error {
	return chat.Faulty("role", []chat.Fault{{Field: "role", Message: `must be "` + SiteAdmin + `" or "` + IntegrationAdmin + `"`, Rejected: &role}})
}
