package account

import (
	"context"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// People are the accounts of one tenant, with the rules that hold there. Those of an app are a Service's (Service.Of);
// those of the chat API's tenant are a Chat.
type People interface {
	Finder
	Changer
	// Policy has the rules for names.
	Policy() Policy
	// LogIn checks a password; see Service.LogIn.
	LogIn(ctx context.Context, name, password string, from auth.From) (Account, error)
	// Reserve returns an error (chat.RateLimited, ErrQuota) if a tenant that may have most accounts has no room for n more;
	// 0 is any number. done is called once, with how many of them were made. Calls on one server at the same time never exceed
	// the quota; see limit.Counts for several servers.
	Reserve(ctx context.Context, most, n int) (done func(made int), err error)
}

// Finder finds accounts. NotFound if there is none.
type Finder interface {
	// Named returns the account that has a name now.
	Named(ctx context.Context, name string) (Account, error)
	// Find is Named, or else returns the account that has the text as its id.
	Find(ctx context.Context, nameOrID string) (Account, error)
	// Cached returns the account of a token as it was at most cache.Brief ago.
	Cached(ctx context.Context, who chat.Identity) (Account, error)
	// List returns accounts in the order of their Position, after one (empty: from the first), and whether there are more.
	List(ctx context.Context, after string, limit int) (list []Account, more bool, err error)
}

// Changer makes, changes and ends accounts.
type Changer interface {
	// Create makes an account: Invalid if n breaks a rule, Conflict if the name is taken.
	Create(ctx context.Context, n NewAccount) (Account, error)
	// Ensure returns the account of a name, and makes one without a password if there is none. Concurrent calls for a name
	// all return the same account.
	Ensure(ctx context.Context, name string) (a Account, created bool, err error)
	// Update and Modify make a change of an account's Data; see Service.
	Update(ctx context.Context, a Account, change func(*Data) error) (Account, error)
	Modify(ctx context.Context, a Account, change func(*Data) error) (Account, error)
	// Governed returns Forbidden for an account that no app acts for, gives a password or ends: that of an administrator.
	Governed(ctx context.Context, a Account) error
	// SetPassword replaces the password; see Governed for who may. All tokens of the account end with it, however many there are.
	SetPassword(ctx context.Context, a Account, password string) (Account, error)
	// SetActive lets the account log in, or not. Deactivating ends all its tokens.
	SetActive(ctx context.Context, a Account, active bool) (Account, error)
	// Delete ends an account. From then on nothing finds it, and its tokens have ended.
	Delete(ctx context.Context, a Account) error
}

// of are the accounts of a tenant of a Service.
type of struct {
	*Service
	tenant chat.Tenant
	policy Policy
}

// Of returns the accounts of a tenant.
func (s *Service) Of(t chat.Tenant, p Policy) People { return of{s, t, p} }

func (o of) Policy() Policy { return o.policy }

// Governed implements Changer.
func (of) Governed(context.Context, Account) error { return nil }

func (o of) Named(ctx context.Context, name string) (Account, error) {
	return o.Service.Named(ctx, o.tenant, o.policy, name)
}

func (o of) Find(ctx context.Context, nameOrID string) (Account, error) {
	return o.Service.Find(ctx, o.tenant, o.policy, nameOrID)
}

func (o of) List(ctx context.Context, after string, limit int) ([]Account, bool, error) {
	at := id.ID{}
	if after != "" {
		var err error
		if at, err = id.Parse(after); err != nil {
			return nil, false, chat.ErrInvalid("there is no such position in the list")
		}
	}
	return o.Service.List(ctx, o.tenant, at, limit)
}

func (o of) Create(ctx context.Context, n NewAccount) (Account, error) {
	return o.Service.Create(ctx, o.tenant, o.policy, n)
}

func (o of) Ensure(ctx context.Context, name string) (Account, bool, error) {
	for {
		a, err := o.Named(ctx, name)
		if !chat.IsKind(err, chat.NotFound) {
			return a, false, err
		}
		a, err = o.Create(ctx, NewAccount{Name: name})
		if !chat.IsKind(err, chat.Conflict) {
			return a, err == nil, err
		}
	}
}

func (o of) SetPassword(ctx context.Context, a Account, password string) (Account, error) {
	return o.Service.SetPassword(ctx, o.policy, a, password)
}

func (o of) LogIn(ctx context.Context, name, password string, from auth.From) (Account, error) {
	return o.Service.LogIn(ctx, o.tenant, o.policy, name, password, from)
}

func (o of) Reserve(ctx context.Context, most, n int) (done func(made int), err error) {
	return reserve(ctx, &o.counts, o.tenant, o.now(), most, n, o.count)
}
