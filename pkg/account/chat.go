package account

import (
	"context"
	"crypto/rand"
	"crypto/sha1"
	"maps"
	"regexp"
	"strings"
	"time"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/limit"
)

// ChatStore is what Chat reads of the store.
type ChatStore interface {
	User(ctx context.Context, t chat.Tenant, login string) (chat.User, error)
	UsersByLogin(ctx context.Context, t chat.Tenant, logins []string) (map[string]chat.User, error)
	Users(ctx context.Context, t chat.Tenant, after string, limit int) ([]chat.Person, error)
}

// Chat shows the users of the chat API as accounts of an app. The rules are those of the chat API: a login keeps its case
// and is never free again, the first and the last name are the nickname. Its users have no push settings and no metadata,
// are listed by login, and are found by login only: their UUID is a hash of it.
type Chat struct {
	chatUsers
	users  *chat.Service
	logins *auth.Accounts
	admin  *auth.People
	now    func() time.Time
	counts limit.Counts
}

var _ People = (*Chat)(nil)

// NewChat returns the users of the default tenant as accounts.
func NewChat(store ChatStore, users *chat.Service, logins *auth.Accounts, admin *auth.People, now func() time.Time) *Chat {
	return &Chat{chatUsers: chatUsers{store}, users: users, logins: logins, admin: admin, now: now}
}

const home = chat.DefaultTenant

// chatPolicy leaves what it does not name to pkg/chat.
var chatPolicy = Policy{MaxBytes: 31, Pattern: regexp.MustCompile(`^`), MaxPassword: 1 << 10, MaxNickname: 1 << 10,
	Refused: func(name string) bool { return !chat.ValidName(name) || name == chat.SystemLogin }}

// Policy implements People.
func (c *Chat) Policy() Policy { return chatPolicy }

// uuidSpace is the name space of the UUIDs of logins.
const uuidSpace = "confab: users of the chat API\x00"

// UUIDOf returns the UUID that a user of the chat API has as an account: one of version 5.
func UUIDOf(login string) (u id.ID) {
	sum := sha1.Sum([]byte(uuidSpace + login))
	copy(u[:], sum[:])
	u[6], u[8] = u[6]&0x0f|0x50, u[8]&0x3f|0x80
	return u
}

func accountOf(u chat.User) Account {
	a := Account{Tenant: home, ID: UUIDOf(u.Login), Name: u.Login, made: u.CreatedAt, person: u.Person,
		Data: Data{Epoch: u.Epoch, Inactive: u.Disabled, FullName: strings.TrimSpace(u.FirstName + " " + u.LastName)}}
	if u.Email != nil {
		a.Email = *u.Email
	}
	if u.FirstName != u.Login || u.LastName != u.Login {
		a.Nickname = &a.FullName
	}
	return a
}

// chatUsers finds the users of the chat API.
type chatUsers struct{ store ChatStore }

// ChatFinder finds the users of the chat API as accounts.
func ChatFinder(store ChatStore) Finder { return chatUsers{store} }

// Named implements Finder.
func (c chatUsers) Named(ctx context.Context, name string) (Account, error) {
	if _, err := chatPolicy.Name(name); err != nil {
		return Account{}, chat.ErrNotFound(chat.UserEntity, name)
	}
	u, err := c.store.User(ctx, home, name)
	if err == nil && u.Deleted {
		err = chat.ErrNotFound(chat.UserEntity, name)
	}
	return accountOf(u), err
}

// Find implements Finder.
func (c chatUsers) Find(ctx context.Context, name string) (Account, error) { return c.Named(ctx, name) }

// Cached implements Finder.
func (c chatUsers) Cached(ctx context.Context, who chat.Identity) (Account, error) {
	return c.Named(ctx, who.Login)
}

// List implements Finder: by login.
func (c chatUsers) List(ctx context.Context, after string, limit int) (list []Account, more bool, err error) {
	people, err := c.store.Users(ctx, home, after, limit+1)
	if err != nil {
		return nil, false, err
	}
	if more = len(people) > limit; more {
		people = people[:limit]
	}
	logins := make([]string, len(people))
	for i, p := range people {
		logins[i] = p.Login
	}
	users, err := c.store.UsersByLogin(ctx, home, logins)
	if err != nil {
		return nil, false, err
	}
	for _, p := range people {
		u, ok := users[p.Login]
		if !ok { // deleted meanwhile; the page keeps its last position
			u = chat.User{Person: p}
		}
		list = append(list, accountOf(u))
	}
	return list, more, nil
}

// names returns the first and the last name of a nickname.
func names(nickname string) (first, last string, err error) {
	first, last, ok := strings.Cut(strings.TrimSpace(nickname), " ")
	if !ok {
		return "", "", invalid("nickname", "has to be a first and a last name", nickname)
	}
	return first, strings.TrimSpace(last), nil
}

// Create implements Changer. Without a nickname the login is the first and the last name; without a password nobody knows
// the password.
func (c *Chat) Create(ctx context.Context, n NewAccount) (Account, error) {
	name, err := n.Check(chatPolicy)
	if err != nil {
		return Account{}, err
	}
	first, last, password := name, name, n.Password
	if n.Nickname != nil {
		if first, last, err = names(*n.Nickname); err != nil {
			return Account{}, err
		}
	}
	if password == nil {
		unknown := rand.Text()
		password = &unknown
	}
	if _, err := c.users.SignUp(ctx, home, chat.NewUser{Login: &name, Password: password,
		Profile: chat.Profile{FirstName: &first, LastName: &last}}); err != nil {
		return Account{}, err
	}
	return c.Named(ctx, name)
}

// Ensure implements Changer. Conflict for the login of a deleted user, and one that differs only in case from another.
func (c *Chat) Ensure(ctx context.Context, name string) (Account, bool, error) {
	a, err := c.Named(ctx, name)
	if !chat.IsKind(err, chat.NotFound) {
		return a, false, err
	}
	a, err = c.Create(ctx, NewAccount{Name: name})
	if chat.IsKind(err, chat.Conflict) {
		if a, found := c.Named(ctx, name); found == nil { // made by another call
			return a, false, nil
		}
	}
	return a, err == nil, err
}

// Update implements Changer: it changes nothing but the nickname.
func (c *Chat) Update(ctx context.Context, a Account, change func(*Data) error) (Account, error) {
	next := a.Data
	if err := change(&next); err != nil {
		return Account{}, err
	}
	if len(next.Push) > 0 || !maps.Equal(next.Metadata, a.Metadata) {
		return Account{}, chat.ErrForbidden("users of the chat API have no push settings and no metadata")
	}
	if next.Nickname == nil || a.Nickname != nil && *next.Nickname == *a.Nickname {
		return a, nil
	}
	first, last, err := names(*next.Nickname)
	if err != nil {
		return Account{}, err
	}
	if _, err := c.users.UpdateProfile(ctx, a.Identity(), a.Name, chat.ProfileChange{FirstName: chat.Set(&first), LastName: chat.Set(&last)}); err != nil {
		return Account{}, err
	}
	return c.Named(ctx, a.Name)
}

// Modify implements Changer.
func (c *Chat) Modify(ctx context.Context, a Account, change func(*Data) error) (Account, error) {
	return c.Update(ctx, a, change)
}

// Governed implements Changer. The token of the app goes to other programs: with the account of somebody who has a role of
// the server they would have the role.
func (c *Chat) Governed(ctx context.Context, a Account) error {
	roles, err := c.admin.Roles(ctx, a.Name)
	if err == nil && len(roles) > 0 {
		err = chat.ErrForbidden("'%s' has a role of the server: only the administration of the server changes or ends this account, and nobody acts for it", a.Name)
	}
	return err
}

// SetPassword implements Changer.
func (c *Chat) SetPassword(ctx context.Context, a Account, password string) (Account, error) {
	if err := chatPolicy.Password(password); err != nil {
		return Account{}, err
	}
	return a, c.admin.SetPassword(ctx, a.Name, password)
}

// SetActive implements Changer.
func (c *Chat) SetActive(ctx context.Context, a Account, active bool) (Account, error) {
	err := c.Governed(ctx, a)
	if err != nil {
		return Account{}, err
	}
	if active {
		err = c.admin.Enable(ctx, a.Name)
	} else {
		err = c.admin.Disable(ctx, chat.Identity{}, a.Name)
	}
	if err != nil {
		return Account{}, err
	}
	return c.Named(ctx, a.Name)
}

// LogIn implements People.
func (c *Chat) LogIn(ctx context.Context, name, password string, from auth.From) (Account, error) {
	l, err := c.logins.LogIn(ctx, home, name, password, from)
	if err != nil {
		return Account{}, busy(err)
	}
	a, err := c.Named(ctx, l.Login)
	a.Epoch = l.Epoch
	return a, err
}

// Delete implements Changer, as if the user did it. The login is never free again.
func (c *Chat) Delete(ctx context.Context, a Account) error {
	if err := c.Governed(ctx, a); err != nil {
		return err
	}
	return c.logins.Delete(ctx, c.users, a.Identity(), a.Name)
}

// Reserve implements People.
func (c *Chat) Reserve(ctx context.Context, most, n int) (done func(made int), err error) {
	return reserve(ctx, &c.counts, home, c.now(), most, n, c.count)
}

func (c *Chat) count(ctx context.Context, _ chat.Tenant, most int) (n int, err error) {
	const page = 1000
	for after := ""; ; {
		ps, err := c.store.Users(ctx, home, after, page)
		if err != nil {
			return 0, err
		}
		if n += len(ps); n >= most || len(ps) < page {
			return n, nil
		}
		after = ps[len(ps)-1].Login
	}
}
