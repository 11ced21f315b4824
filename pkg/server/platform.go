package server

import (
	"context"
	"time"

	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/api/easemob"
	"github.com/confab-chat/confab/pkg/audit"
	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/cache"
	"github.com/confab-chat/confab/pkg/callbacks"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/files"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/inbox"
	"github.com/confab-chat/confab/pkg/jobs"
	"github.com/confab-chat/confab/pkg/limit"
	"github.com/confab-chat/confab/pkg/live"
	"github.com/confab-chat/confab/pkg/outbound"
	"github.com/confab-chat/confab/pkg/people"
	"github.com/confab-chat/confab/pkg/seal"
	"github.com/confab-chat/confab/pkg/sse"
	"github.com/confab-chat/confab/pkg/store"
	"github.com/confab-chat/confab/pkg/tenant"
	"github.com/confab-chat/confab/pkg/upkeep"
)

// Platform are the settings of the API for organisations and their apps.
type Platform struct {
	// DefaultApp is the organisation and the app, ORG/APP, that show the chat API's own users; confab/chat if not given.
	DefaultApp string
	// OpenRegistration lets everybody make organisations.
	OpenRegistration bool
	// RequireTLS refuses calls with secrets over plain HTTP from other machines.
	RequireTLS bool
	// Outbound says which addresses of private networks callbacks may reach.
	Outbound outbound.Guard
	// CallbackDisableAfter is for how long all attempts of a callback rule have to fail until it is switched off; 72 hours if not given.
	CallbackDisableAfter time.Duration
	// Version is that of the program, for the servers that it calls.
	Version string
	// SealKey is a file with the key of sealed secrets; empty: a key of the store.
	SealKey string
}

// platformParts are what a node has that the platform needs.
type platformParts struct {
	store    store.Store
	watcher  *cache.Watcher
	sessions *auth.Sessions
	accounts *account.Service
	contacts *people.Service
	files    *files.Service
	boxes    *inbox.Service
	live     *live.Hub
	admins   *auth.Accounts
	officers *auth.Officers
	queue    *jobs.Queue
	ids      *id.Generator
	users    *chat.Service
	people   *auth.People
	servers  func() int
	trail    *audit.Trail
	limits   *limit.Limits
	box      *seal.Box
	told     *callbacks.Service
}

// newPlatform makes the API of the platform. Its parts end with onEnd.
func newPlatform(ctx context.Context, c Config, p platformParts, onEnd func(func())) (*easemob.API, *sse.Server, error) {
	tenants := tenant.New(tenant.Options{Store: p.store, Watcher: p.watcher, Accounts: p.accounts, Chat: p.users, PasswordMin: c.PasswordMin, Box: p.box, Queue: p.queue, Forget: p.contacts.Remove, RemoveFiles: p.files.RemoveTenant, ForgetApp: p.told.Forget, IDs: p.ids,
		NormalOrigin: api.NormalOrigin, Now: c.Now, Log: c.Log})
	onEnd(tenants.Close)
	if err := tenants.EnsureDefault(ctx, c.Platform.DefaultApp); err != nil {
		return nil, nil, err
	}
	tokens := auth.NewTokens(p.store, epochs{p.sessions, p.accounts}, p.watcher, c.Now, easemob.Kinds...)
	tokens.Apps = tenants
	onEnd(tokens.Close)
	buckets := limit.NewBuckets(c.Now, c.Memory.Entries(limit.MostKeys))
	onEnd(buckets.Close)
	streams := sse.New(sse.Options{Hub: p.live, Boxes: p.boxes, Messages: p.store.MessagesByID, Room: p.store.Room, Encode: easemob.Encoder{},
		Check: streamCheck(tokens, p.accounts), Status: p.told.Status, Now: c.Now, Log: c.Log})
	onEnd(streams.Close)
	return easemob.New(easemob.Parts{Tenants: tenants, Accounts: p.accounts, People: p.contacts, Boxes: p.boxes, Streams: streams, Live: p.live, Callbacks: p.told,
		Chats: p.users, Rooms: tenants.Rooms(), Files: p.files,
		Chat: account.NewChat(p.store, p.users, p.admins, p.people, c.Now), Admins: p.admins, Officers: p.officers, Tokens: tokens, Box: p.box,
		Limits: buckets, Servers: p.servers, NoLimits: c.NoLimits, OpenRegistration: c.Platform.OpenRegistration, RequireTLS: c.Platform.RequireTLS, Proxied: c.Proxied,
		Trail: p.trail, SignUps: p.limits, Now: c.Now, Log: c.Log}), streams, nil
}

// keepingOf says how long apps keep what is said in them. The rooms of the default app are the chat API's own.
func keepingOf(tenants *tenant.Service) func(ctx context.Context, visit func(upkeep.App) error) error {
	return func(ctx context.Context, visit func(upkeep.App) error) error {
		return tenants.EachApp(ctx, func(a tenant.App) error {
			return visit(upkeep.App{Log: chat.Log{Tenant: a.Tenant(), ID: a.ID}, Keep: a.Settings.Keep(), Rooms: !a.Default()})
		})
	}
}

// newCallbacks makes what tells the apps' own servers of what happens. done is the domain's, which is made later.
func newCallbacks(c Config, p platformParts, done func(context.Context, chat.Tenant, chat.Trace) (bool, error), onEnd func(func())) *callbacks.Service {
	client := outbound.New(outbound.Options{Guard: c.Platform.Outbound, Agent: "confab/" + c.Platform.Version, Now: c.Now})
	onEnd(client.Close)
	told := callbacks.New(callbacks.Options{Store: p.store, Watcher: p.watcher, Queue: p.queue, Client: client, Box: p.box, IDs: p.ids,
		DisableAfter: c.Platform.CallbackDisableAfter, Done: done, Payload: easemob.Payload, Now: c.Now, Log: c.Log})
	onEnd(told.Close)
	return told
}

// appPeople shows the accounts of apps as people of rooms. Their names never change.
type appPeople struct{ accounts *account.Service }

// Person implements chat.Accounts.
func (p appPeople) Person(ctx context.Context, who chat.Identity) (chat.Person, error) {
	a, err := p.accounts.Cached(ctx, who)
	if chat.IsKind(err, chat.NotFound) {
		err = chat.ErrNotFound(chat.UserEntity, who.Login)
	}
	if err != nil {
		return chat.Person{}, err
	}
	return a.Person(), nil
}

// finders returns what finds the accounts of a tenant.
func finders(st store.Store, tenants *account.Service) func(chat.Tenant) account.Finder {
	return func(t chat.Tenant) account.Finder {
		if t == chat.DefaultTenant {
			return account.ChatFinder(st)
		}
		return tenants.Of(t, account.Platform)
	}
}

// lateQuotas are the quotas of apps, as soon as there is something that knows the apps.
type lateQuotas struct{ of *tenant.Service }

// RoomQuotas implements chat.Quotas.
func (q *lateQuotas) RoomQuotas(ctx context.Context, t chat.Tenant) (chat.RoomQuotas, error) {
	if q.of == nil {
		return chat.RoomQuotas{}, nil
	}
	return q.of.RoomQuotas(ctx, t)
}

// globalMutes are those of pkg/people, by the kinds of rooms.
type globalMutes struct{ people *people.Service }

// MutedUntil implements chat.GlobalMutes.
func (m globalMutes) MutedUntil(ctx context.Context, who chat.Identity, k chat.RoomKind) (time.Time, error) {
	kind := people.Group
	switch k {
	case chat.DirectRoom:
		kind = people.Direct
	case chat.ChatRoom:
		kind = people.Room
	}
	return m.people.MutedUntil(ctx, who, kind)
}

// epochs knows the epochs of all accounts: those of the chat API, and those of apps and administrators.
type epochs struct {
	chat    *auth.Sessions
	tenants *account.Service
}

// Epoch implements auth.Epochs. What acts for a whole app has only that of its app; see auth.AppEpochs.
func (e epochs) Epoch(ctx context.Context, who chat.Identity) (string, error) {
	switch {
	case who.Login == "":
		return "", nil
	case who.Tenant == chat.DefaultTenant:
		return e.chat.Epoch(ctx, who)
	default:
		return e.tenants.Epoch(ctx, who)
	}
}

// ForgetAccount implements auth.Epochs.
func (e epochs) ForgetAccount(who chat.Identity) {
	e.chat.ForgetAccount(who)
	e.tenants.ForgetAccount(who)
}
