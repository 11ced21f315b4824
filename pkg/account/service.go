package account

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/cache"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/limit"
)

// Hasher hashes passwords and verifies them; see auth.Hasher.
type Hasher interface {
	Hash(ctx context.Context, password string) (string, error)
	Verify(ctx context.Context, encoded, password string) (ok, rehash bool, err error)
}

// Service has the use cases of accounts. All methods may be called concurrently. They return *chat.Error. A method that
// fails has changed nothing, unless the kind is Unavailable.
type Service struct {
	store    directory.Store
	cached   *directory.Cached[Account]
	hasher   Hasher
	throttle *auth.Throttle
	jobs     chat.Jobs
	outbox   chat.Outbox // may be nil
	ids      *id.Generator
	now      func() time.Time
	counts   limit.Counts
}

// Options are the parts of a Service.
type Options struct {
	Store    directory.Store
	Watcher  *cache.Watcher
	Hasher   Hasher
	Throttle *auth.Throttle
	// Jobs does chat.PeopleWork.
	Jobs chat.Jobs
	// Outbox, if set, keeps what the servers of apps are to be told of.
	Outbox chat.Outbox
	IDs    *id.Generator
	Now    func() time.Time
}

// cachedAccounts bounds the accounts whose epochs are cached.
const cachedAccounts = 100_000

// New returns a Service. Close ends it.
func New(o Options) *Service {
	return &Service{store: o.Store, hasher: o.Hasher, throttle: o.Throttle, jobs: o.Jobs, outbox: o.Outbox, ids: o.IDs, now: o.Now,
		cached: directory.NewCached(directory.CachedOptions[Account]{Store: o.Store, Watcher: o.Watcher, Decode: decode, Encode: Account.entry, Size: cachedAccounts, Now: o.Now})}
}

// Close stops the background work.
func (s *Service) Close() { s.cached.Close() }

// NewAccount is what a new account is made of.
type NewAccount struct {
	Name     string
	Password *string // nil: none, the account cannot log in with one
	Nickname *string
	// FullName, Email and Organisation are for administrators.
	FullName, Email string
	Organisation    id.ID
}

// Check returns the form of the new account's name that counts; Invalid if a part breaks a rule of the policy.
func (n NewAccount) Check(p Policy) (name string, err error) {
	if name, err = p.Name(n.Name); err != nil {
		return "", err
	}
	if n.Password != nil {
		if err := p.Password(*n.Password); err != nil {
			return "", err
		}
	}
	if n.Nickname != nil {
		if err := p.Nickname(*n.Nickname); err != nil {
			return "", err
		}
	}
	return name, chat.CheckEmail(n.Email)
}

// Create makes an account: Invalid if n breaks a rule, Conflict if the name is taken.
func (s *Service) Create(ctx context.Context, t chat.Tenant, p Policy, n NewAccount) (Account, error) {
	name, err := n.Check(p)
	if err != nil {
		return Account{}, err
	}
	// Check before the costly hash; CreateEntry decides.
	switch _, err := s.store.EntryNamed(ctx, spaceOf(t), name); {
	case err == nil:
		return Account{}, chat.ErrExists(chat.UserEntity, name)
	case !chat.IsKind(err, chat.NotFound):
		return Account{}, err
	}
	a := Account{Tenant: t, Name: name, Data: Data{Nickname: n.Nickname, FullName: n.FullName, Email: n.Email, Organisation: n.Organisation}}
	if n.Password != nil {
		if a.PasswordHash, err = s.hasher.Hash(ctx, *n.Password); err != nil {
			return Account{}, err
		}
	}
	ctx, cancel := changing(ctx)
	defer cancel()
	a.ID, a.version = s.ids.New(), 1
	e, err := a.entry()
	if err != nil {
		return Account{}, err
	}
	told, err := intend(ctx, s.outbox, a, chat.DeedMade, true)
	if err != nil {
		return Account{}, err
	}
	err = s.store.CreateEntry(ctx, e)
	if told(err); chat.IsKind(err, chat.Conflict) {
		err = chat.ErrExists(chat.UserEntity, name)
	}
	return a, err
}

// Named returns the account that has a name now; NotFound if none has, or can have.
func (s *Service) Named(ctx context.Context, t chat.Tenant, p Policy, name string) (Account, error) {
	folded, err := p.Name(name)
	if err != nil {
		return Account{}, chat.ErrNotFound(chat.UserEntity, name)
	}
	e, err := s.store.EntryNamed(ctx, spaceOf(t), folded)
	return found(e, err, name)
}

// Find is Named, or else returns the account that has the text as its id.
func (s *Service) Find(ctx context.Context, t chat.Tenant, p Policy, nameOrID string) (Account, error) {
	a, err := s.Named(ctx, t, p, nameOrID)
	if !chat.IsKind(err, chat.NotFound) {
		return a, err
	}
	u, parseErr := id.Parse(nameOrID)
	if parseErr != nil {
		return Account{}, err
	}
	e, err := s.store.Entry(ctx, spaceOf(t), u)
	return found(e, err, nameOrID)
}

func found(e directory.Entry, err error, name string) (Account, error) {
	if chat.IsKind(err, chat.NotFound) {
		err = chat.ErrNotFound(chat.UserEntity, name)
	}
	if err != nil {
		return Account{}, err
	}
	return decode(e)
}

// Cached returns the account with an id as it was at most cache.Brief ago, usually without a read; NotFound if there is
// none.
func (s *Service) Cached(ctx context.Context, who chat.Identity) (Account, error) {
	u, err := id.Parse(who.Login)
	if err != nil {
		return Account{}, chat.ErrNotFound(chat.UserEntity, who.Login)
	}
	return s.cached.Get(ctx, spaceOf(who.Tenant), u)
}

// Exists reports whether a store has the account of an identity.
func Exists(ctx context.Context, from interface {
	Entry(ctx context.Context, space string, u id.ID) (directory.Entry, error)
}, who chat.Identity) (bool, error) {
	u, err := id.Parse(who.Login)
	if err != nil {
		return false, nil
	}
	_, err = from.Entry(ctx, spaceOf(who.Tenant), u)
	if chat.IsKind(err, chat.NotFound) {
		return false, nil
	}
	return err == nil, err
}

// Epoch implements auth.Epochs: NotFound for an account that was deleted or is not active.
func (s *Service) Epoch(ctx context.Context, who chat.Identity) (string, error) {
	a, err := s.Cached(ctx, who)
	if err == nil && a.Inactive {
		err = chat.ErrNotFound(chat.UserEntity, a.Name)
	}
	return a.Epoch, err
}

// ForgetAccount implements auth.Epochs.
func (s *Service) ForgetAccount(who chat.Identity) {
	if u, err := id.Parse(who.Login); err == nil {
		s.cached.Forget(spaceOf(who.Tenant), u)
	}
}

// ForgetEntry invalidates what is cached of an entry of the directory that another node may have changed.
func (s *Service) ForgetEntry(space string, u id.ID) { s.cached.Forget(space, u) }

// List returns accounts in order of creation, after the one with the given id (zero: from the first), and whether there
// are more.
func (s *Service) List(ctx context.Context, t chat.Tenant, after id.ID, limit int) (list []Account, more bool, err error) {
	return s.cached.List(ctx, spaceOf(t), after, limit)
}

// Update makes a change of an account's Data, and returns the account after it. change may be called several times, each
// time with what is stored; its error ends the call.
func (s *Service) Update(ctx context.Context, a Account, change func(*Data) error) (Account, error) {
	next, err := s.cached.Change(ctx, a, func(a *Account) error { return change(&a.Data) })
	if chat.IsKind(err, chat.NotFound) {
		err = chat.ErrNotFound(chat.UserEntity, a.Name)
	}
	if err != nil {
		return Account{}, err
	}
	return next, nil
}

// Modify is Update of something that the account shows: the time of the change is noted.
func (s *Service) Modify(ctx context.Context, a Account, change func(*Data) error) (Account, error) {
	return s.Update(ctx, a, func(d *Data) error {
		if err := change(d); err != nil {
			return err
		}
		at := s.now().UTC().Truncate(time.Millisecond)
		if last := (Account{ID: a.ID, Data: *d}).Modified(); !at.After(last) {
			at = last.Add(time.Millisecond).Truncate(time.Millisecond)
		}
		d.ModifiedAt = at
		return nil
	})
}

// SetPassword replaces the password. All tokens of the account end with it, however many there are.
func (s *Service) SetPassword(ctx context.Context, p Policy, a Account, password string) (Account, error) {
	if err := p.Password(password); err != nil {
		return Account{}, err
	}
	hash, err := s.hasher.Hash(ctx, password)
	if err != nil {
		return Account{}, err
	}
	return s.Update(ctx, a, func(d *Data) error {
		d.PasswordHash, d.Epoch = hash, rand.Text()
		return nil
	})
}

// SetActive lets the account log in, or not. Deactivating ends all its tokens. Repeating it changes nothing.
func (s *Service) SetActive(ctx context.Context, a Account, active bool) (Account, error) {
	if a.Inactive == !active {
		return a, nil
	}
	told, err := intend(ctx, s.outbox, a, chat.DeedActive, active)
	if err != nil {
		return Account{}, err
	}
	a, err = s.Modify(ctx, a, func(d *Data) error {
		d.Inactive, d.Epoch = !active, rand.Text()
		return nil
	})
	told(err)
	return a, err
}

// intend makes sure that the app is told of what is done to an account, before it is done.
func intend(ctx context.Context, o chat.Outbox, a Account, d chat.Deed, on bool) (told func(error), err error) {
	return chat.IntendUser(ctx, o, chat.Act{Tenant: a.Tenant, Deed: d, On: on, To: a.Person(), UUID: a.ID})
}

// LogIn checks a password. It returns NotFound for an unknown account, Forbidden for one that is not active, and
// Unauthenticated for a wrong password; all after the same work. RateLimited (with chat.RetryAfter) if there were too many
// failures, or if too many passwords are being checked.
func (s *Service) LogIn(ctx context.Context, t chat.Tenant, p Policy, name, password string, from auth.From) (Account, error) {
	folded, _ := p.Name(name)
	refund, wait := s.throttle.Reserve(t, folded, from)
	if wait > 0 {
		s.throttle.Hold(ctx)
		return Account{}, &chat.Error{Kind: chat.RateLimited, Cause: chat.RetryAfter{Duration: wait}, Message: "too many failed logins; wait a little"}
	}
	a, err := s.Named(ctx, t, p, name)
	if err != nil && !chat.IsKind(err, chat.NotFound) {
		refund()
		return Account{}, err
	}
	ok, _, verifyErr := s.hasher.Verify(auth.WithAddress(ctx, from.Address), a.PasswordHash, password)
	if verifyErr != nil {
		refund()
		s.throttle.Hold(ctx)
		return Account{}, busy(verifyErr)
	}
	switch {
	case err != nil:
		return Account{}, err
	case !ok:
		return Account{}, &chat.Error{Kind: chat.Unauthenticated, Message: "invalid username or password"}
	}
	refund()
	if a.Inactive {
		return Account{}, chat.ErrForbidden("this account is not active")
	}
	return a, nil
}

// busy returns RateLimited for an error that says that too many passwords are being checked.
func busy(err error) error {
	if chat.IsKind(err, chat.Unavailable) {
		err = &chat.Error{Kind: chat.RateLimited, Cause: err, Message: "too many passwords are being checked now; try again in a moment"}
	}
	return err
}

// Delete removes an account, and frees its name. From then on nothing finds it, and its tokens have ended. What belongs to
// it is removed in the background.
func (s *Service) Delete(ctx context.Context, a Account) error {
	ctx, cancel := changing(ctx)
	defer cancel()
	forget, err := s.jobs.Intend(ctx, chat.PeopleOf(a.Identity()))
	if err != nil {
		return err
	}
	told, err := intend(ctx, s.outbox, a, chat.DeedEnded, true)
	if err != nil {
		return err
	}
	err = s.Remove(ctx, a)
	if told(err); err == nil {
		forget()
	}
	return err
}

// Remove is Delete for a caller that removes what belongs to the account.
func (s *Service) Remove(ctx context.Context, a Account) error {
	err := s.store.DeleteEntry(ctx, spaceOf(a.Tenant), a.ID)
	s.cached.Forget(spaceOf(a.Tenant), a.ID)
	if err == nil {
		s.counts.Forget(string(a.Tenant))
	}
	return err
}

// changing returns the context of a change that has begun. It goes on when its client hangs up.
func changing(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
}
