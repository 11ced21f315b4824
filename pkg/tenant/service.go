package tenant

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/cache"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/jobs"
	"github.com/confab-chat/confab/pkg/seal"
)

// Service has the use cases of organisations and apps. All methods may be called concurrently. They return *chat.Error.
type Service struct {
	store       directory.Store
	orgs        *directory.Cached[Organisation]
	apps        *directory.Cached[App]
	accounts    *account.Service
	rooms       *Rooms
	policy      account.Policy // of administrators
	box         *seal.Box
	queue       *jobs.Queue
	forget      func(context.Context, chat.Identity) error
	removeFiles func(context.Context, chat.Tenant, func(int) error) error
	forgetApp   func(context.Context, chat.Tenant) error
	ids         *id.Generator
	origin      func(string) (string, error)
	log         *slog.Logger
	// defaultOrg is the key of the default app's organisation.
	defaultOrg string
	noDefault  bool // see NoDefault
	spaces     spaces
	stop       context.CancelFunc
	stopped    sync.WaitGroup
}

// Options are the parts of a Service.
type Options struct {
	Store    RoomStore
	Watcher  *cache.Watcher
	Accounts *account.Service
	// Chat has the rooms of all apps.
	Chat *chat.Service
	// PasswordMin is the least length of an administrator's new password, in characters.
	PasswordMin int
	Box         *seal.Box
	// Queue runs the deletion of what belonged to an app. New registers the handler.
	Queue *jobs.Queue
	// Forget removes what belongs to an account of a deleted app. It may be called again for the same one.
	Forget func(context.Context, chat.Identity) error
	// RemoveFiles removes the files of a deleted app. It reports how many, and may be called again.
	RemoveFiles func(ctx context.Context, t chat.Tenant, removed func(n int) error) error
	// ForgetApp, if set, removes what else belongs to a deleted app. It may be called again for the same one.
	ForgetApp func(context.Context, chat.Tenant) error
	IDs       *id.Generator
	// NormalOrigin returns an origin as browsers send it.
	NormalOrigin func(string) (string, error)
	Now          func() time.Time
	Log          *slog.Logger
}

// cachedTenants bounds the organisations and apps that are cached.
const cachedTenants = 10_000

// New returns a Service. Close ends it.
func New(o Options) *Service {
	s := &Service{store: o.Store, accounts: o.Accounts, policy: account.Administrators(o.PasswordMin), box: o.Box, queue: o.Queue, forget: o.Forget, removeFiles: o.RemoveFiles, forgetApp: o.ForgetApp, ids: o.IDs, origin: o.NormalOrigin, log: o.Log,
		orgs: directory.NewCached(directory.CachedOptions[Organisation]{Store: o.Store, Watcher: o.Watcher, Decode: decodeOrg, Encode: Organisation.entry, Size: cachedTenants, Now: o.Now}),
		apps: directory.NewCached(directory.CachedOptions[App]{Store: o.Store, Watcher: o.Watcher, Decode: decodeApp, Encode: App.entry, Size: cachedTenants, Now: o.Now}),
	}
	s.rooms = &Rooms{store: o.Store, index: NewRoomIndex(o.Store, o.Now), chat: o.Chat, ids: o.IDs}
	o.Queue.Register(deletionJob, s.delete)
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.stopped.Go(func() {
		guard.Keep(ctx, s.log, "completing the index of rooms", func(ctx context.Context) { s.rooms.index.keepUp(ctx, s.log) })
	})
	return s
}

// Close stops the background work.
func (s *Service) Close() {
	s.stop()
	s.stopped.Wait()
	s.orgs.Close()
	s.apps.Close()
}

// Admins returns the administrators of all organisations.
func (s *Service) Admins() account.People { return s.accounts.Of(Administration, s.policy) }

// Organisation returns the organisation of a name, in any case; NotFound if there is none.
func (s *Service) Organisation(ctx context.Context, name string) (Organisation, error) {
	o, err := s.orgs.Named(ctx, orgSpace, key(name))
	if chat.IsKind(err, chat.NotFound) || err == nil && o.Default && s.noDefault {
		o, err = Organisation{}, chat.ErrNotFound(OrganisationEntity, name)
	}
	return o, err
}

// OrganisationOf returns the organisation that an administrator belongs to; NotFound if it is gone.
func (s *Service) OrganisationOf(ctx context.Context, admin account.Account) (Organisation, error) {
	return s.orgs.Get(ctx, orgSpace, admin.Organisation)
}

// App returns an app by its name, in any case, or by its id; NotFound if there is none.
func (s *Service) App(ctx context.Context, org Organisation, nameOrID string) (App, error) {
	if u, err := id.Parse(nameOrID); err == nil {
		return s.app(s.apps.Get(ctx, appSpace(org.ID), u))(nameOrID)
	}
	return s.app(s.apps.Named(ctx, appSpace(org.ID), key(nameOrID)))(nameOrID)
}

func (s *Service) app(a App, err error) func(name string) (App, error) {
	return func(name string) (App, error) {
		if chat.IsKind(err, chat.NotFound) {
			err = chat.ErrNotFound(AppEntity, name)
		}
		if err == nil {
			s.spaces.note(a)
		}
		return a, err
	}
}

// Organisations returns organisations, the newest first, before the one with the given id (zero: from the newest), and
// whether there are more.
func (s *Service) Organisations(ctx context.Context, before id.ID, limit int) (list []Organisation, more bool, err error) {
	return s.orgs.Newest(ctx, orgSpace, before, limit)
}

// EachApp visits all apps of all organisations.
func (s *Service) EachApp(ctx context.Context, visit func(App) error) error {
	const page = 100
	for before, more := (id.ID{}), true; more; {
		var orgs []Organisation
		var err error
		if orgs, more, err = s.Organisations(ctx, before, page); err != nil {
			return err
		}
		for _, org := range orgs {
			before = org.ID
			for after, more := (id.ID{}), true; more; {
				var apps []App
				if apps, more, err = s.apps.List(ctx, appSpace(org.ID), after, page); err != nil {
					return err
				}
				for _, a := range apps {
					after = a.ID
					if err := visit(a); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// maxApps bounds the apps of one organisation that are listed.
const maxApps = 1000

// Apps returns the apps of an organisation in order of creation, at most maxApps.
func (s *Service) Apps(ctx context.Context, org Organisation) ([]App, error) {
	apps, _, err := s.apps.List(ctx, appSpace(org.ID), id.ID{}, maxApps)
	return apps, err
}

// CreateOrganisation makes an organisation and its owner. Invalid if a name may not be, Conflict if one is taken.
func (s *Service) CreateOrganisation(ctx context.Context, name string, owner account.NewAccount) (Organisation, account.Account, error) {
	if !ValidOrganisation(name) || key(name) == DefaultOrganisation || key(name) == s.defaultOrg {
		return Organisation{}, account.Account{}, chat.ErrInvalid("organization name [%s] is not legal: it has 1 to 64 letters, digits, _ and -, begins with a letter or a digit and is not a reserved word", clip(name))
	}
	if _, err := owner.Check(s.policy); err != nil {
		return Organisation{}, account.Account{}, err
	}
	if _, err := s.Organisation(ctx, name); !chat.IsKind(err, chat.NotFound) {
		return Organisation{}, account.Account{}, exists(err, OrganisationEntity, name)
	}
	// The organisation first: without its owner it can be seen and deleted.
	o := Organisation{ID: s.ids.New(), Name: name, version: 1}
	e, err := o.entry()
	if err == nil {
		err = s.store.CreateEntry(ctx, e)
	}
	if err != nil {
		return Organisation{}, account.Account{}, conflict(err, OrganisationEntity, name)
	}
	o, admin, err := s.addAdmin(ctx, o, owner)
	if err != nil && !chat.IsKind(err, chat.Unavailable) {
		if gone := s.store.DeleteEntry(context.WithoutCancel(ctx), orgSpace, o.ID); gone != nil {
			s.log.Warn("an organisation without owner is left", "organisation", name, "error", gone)
		}
		s.orgs.Forget(orgSpace, o.ID)
	}
	return o, admin, err
}

// exists is the error for a name that was looked up to see whether it is free.
func exists(err error, what chat.Entity, name string) error {
	if err != nil {
		return err
	}
	return chat.ErrExists(what, name)
}

func conflict(err error, what chat.Entity, name string) error {
	if chat.IsKind(err, chat.Conflict) {
		return chat.ErrExists(what, name)
	}
	return err
}

// clip shortens what a message repeats of the input.
func clip(s string) string {
	if len(s) > 100 {
		return s[:100] + "…"
	}
	return s
}

// AddAdmin makes another administrator of an organisation: Invalid, or Conflict if the name is taken anywhere.
func (s *Service) AddAdmin(ctx context.Context, o Organisation, n account.NewAccount) (account.Account, error) {
	_, a, err := s.addAdmin(ctx, o, n)
	return a, err
}

func (s *Service) addAdmin(ctx context.Context, o Organisation, n account.NewAccount) (Organisation, account.Account, error) {
	if err := o.ordinary(); err != nil {
		return o, account.Account{}, err
	}
	if n.Password == nil {
		none := ""
		n.Password = &none
	}
	n.Organisation = o.ID
	a, err := s.accounts.Create(ctx, Administration, s.policy, n)
	if err != nil {
		return o, account.Account{}, err
	}
	next, err := s.changeOrg(ctx, o, func(o *Organisation) error {
		o.Admins = append(o.Admins, Admin{a.ID, a.Name})
		return nil
	})
	if err != nil {
		return o, account.Account{}, err
	}
	return next, a, nil
}

// RemoveAdmin ends an administrator; NotFound if the organisation has none of that name, Forbidden for the last one.
func (s *Service) RemoveAdmin(ctx context.Context, o Organisation, name string) (account.Account, error) {
	a, err := s.accounts.Named(ctx, Administration, s.policy, name)
	if err == nil && a.Organisation != o.ID {
		err = chat.ErrNotFound(AdminEntity, name)
	}
	if err != nil {
		return account.Account{}, err
	}
	_, err = s.changeOrg(ctx, o, func(o *Organisation) error {
		left := slices.DeleteFunc(slices.Clone(o.Admins), func(x Admin) bool { return x.ID == a.ID })
		if len(left) == 0 {
			return chat.ErrForbidden("'%s' is the last administrator of the organization and stays", a.Name)
		}
		o.Admins = left
		return nil
	})
	if err != nil {
		return account.Account{}, err
	}
	return a, s.accounts.Delete(ctx, a)
}

func (s *Service) changeOrg(ctx context.Context, o Organisation, change func(*Organisation) error) (Organisation, error) {
	next, err := s.orgs.Change(ctx, o, change)
	return next, missing(err, OrganisationEntity, o.Name)
}

func missing(err error, what chat.Entity, name string) error {
	if chat.IsKind(err, chat.NotFound) {
		return chat.ErrNotFound(what, name)
	}
	return err
}

// CreateApp makes an app with new credentials, and returns them. Invalid, or Conflict if the name is taken.
func (s *Service) CreateApp(ctx context.Context, o Organisation, name string, settings Settings) (a App, secret string, err error) {
	if err := o.ordinary(); err != nil {
		return App{}, "", err
	}
	if !ValidApp(name) {
		return App{}, "", chat.ErrInvalid("application name [%s] is not legal: it has 1 to 32 letters, digits and -", clip(name))
	}
	if err := settings.Check(s.origin); err != nil {
		return App{}, "", err
	}
	return s.createApp(ctx, App{ID: s.ids.New(), Organisation: o.ID, Name: name, Settings: settings, version: 1})
}

func (s *Service) createApp(ctx context.Context, a App) (_ App, secret string, err error) {
	secret = s.renew(&a)
	e, err := a.entry()
	if err == nil {
		err = s.store.CreateEntry(ctx, e)
	}
	return a, secret, conflict(err, AppEntity, a.Name)
}

// renew gives an app new credentials: the id stays if it has one.
func (s *Service) renew(a *App) (secret string) {
	if a.ClientID == "" {
		a.ClientID = "YXA6" + random(16)
	}
	secret = "YXA6" + random(32)
	a.sealed = s.box.Seal(sealPurpose(*a), []byte(secret))
	return secret
}

func sealPurpose(a App) string { return "client secret of " + a.ID.String() }

func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// Secret returns the client secret of an app.
func (s *Service) Secret(a App) (string, error) {
	secret, err := s.box.Open(sealPurpose(a), a.sealed)
	if err != nil {
		return "", &chat.Error{Kind: chat.Conflict, Cause: err,
			Message: "the credentials of this app were sealed with another key; make new ones"}
	}
	return string(secret), nil
}

// Authenticate reports whether a client id and a secret are those of an app.
func (s *Service) Authenticate(a App, clientID, secret string) (idOK, secretOK bool) {
	idOK = subtle.ConstantTimeCompare([]byte(clientID), []byte(a.ClientID)) == 1
	kept, err := s.Secret(a)
	return idOK, err == nil && subtle.ConstantTimeCompare([]byte(secret), []byte(kept)) == 1
}

// RenewCredentials gives an app a new secret. The old one gives no tokens from now on. Tokens that are out stay valid, or end
// all with this: the app's, and those of its users however they got them.
func (s *Service) RenewCredentials(ctx context.Context, a App, endTokens bool) (next App, secret string, err error) {
	next, err = s.changeApp(ctx, a, func(a *App) error {
		if secret = s.renew(a); endTokens {
			a.Epoch = rand.Text()
		}
		return nil
	})
	return next, secret, err
}

// Configure changes the settings that change names, and returns the app after it. quotas says whether quotas may be
// changed; otherwise the result for a change of one is Forbidden.
func (s *Service) Configure(ctx context.Context, a App, change Settings, quotas bool) (App, error) {
	if !quotas && !change.Quotas.IsZero() {
		return App{}, chat.ErrForbidden("only the administrator of the server changes quotas")
	}
	if err := change.Check(s.origin); err != nil {
		return App{}, err
	}
	return s.changeApp(ctx, a, func(a *App) error { a.Settings = change.over(a.Settings); return nil })
}

func (s *Service) changeApp(ctx context.Context, a App, change func(*App) error) (App, error) {
	next, err := s.apps.Change(ctx, a, change)
	return next, missing(err, AppEntity, a.Name)
}
