// Package server puts a confab node together: store, domain, logins and every API
// on one HTTP handler. What each part does is the part's own affair.
package server

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/gorilla/mux"

	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/api/adminapi"
	"github.com/confab-chat/confab/pkg/api/chatapi"
	"github.com/confab-chat/confab/pkg/api/session"
	"github.com/confab-chat/confab/pkg/audit"
	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/backup"
	"github.com/confab-chat/confab/pkg/budget"
	"github.com/confab-chat/confab/pkg/cache"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/delivery"
	"github.com/confab-chat/confab/pkg/docs"
	"github.com/confab-chat/confab/pkg/exports"
	"github.com/confab-chat/confab/pkg/files"
	"github.com/confab-chat/confab/pkg/files/buckets"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/inbox"
	"github.com/confab-chat/confab/pkg/invite"
	"github.com/confab-chat/confab/pkg/jobs"
	"github.com/confab-chat/confab/pkg/limit"
	"github.com/confab-chat/confab/pkg/live"
	"github.com/confab-chat/confab/pkg/nodes"
	"github.com/confab-chat/confab/pkg/people"
	"github.com/confab-chat/confab/pkg/picture"
	"github.com/confab-chat/confab/pkg/seal"
	"github.com/confab-chat/confab/pkg/sse"
	"github.com/confab-chat/confab/pkg/stomp"
	"github.com/confab-chat/confab/pkg/store"
	"github.com/confab-chat/confab/pkg/tenant"
	"github.com/confab-chat/confab/pkg/upkeep"
	"github.com/confab-chat/confab/web"
)

// Config are the settings of a node. The zero value of each setting but Log means its default.
type Config struct {
	// Secure says that browsers reach the server over TLS; cookies are then marked so.
	Secure bool
	// Public is the origin of the server's own pages, as browsers send it; empty: that of the Host of each request.
	Public string
	// Origins are the web origins, besides the server's own, whose pages may act for a logged-in user.
	Origins []string
	// Proxied says that a proxy in front writes X-Forwarded-For.
	Proxied bool
	// SessionIdle is how long a session lives without being used.
	SessionIdle time.Duration
	// RememberGrace is how long the previous token of a remembered login is still accepted.
	RememberGrace time.Duration
	// LoginFailures is how many failed logins a minute are allowed for a login from an address; negative: any number.
	LoginFailures int
	// Limits say how much of each kind a user, or an address, may do; what is not named has its default.
	Limits limit.Set
	// NoLimits switches off what has a default: all kinds that Limits does not name, and the limits of failed logins of an
	// address over all logins and of a login over all addresses.
	NoLimits bool
	// PasswordMin is the least length of a new password, in characters; 8 if not given. Passwords that exist stay good.
	PasswordMin int
	// SignUp says who may sign up; everybody if not given.
	SignUp chat.SignUpMode
	// PrivateEmail hides a user's e-mail address from all others but site administrators.
	PrivateEmail bool
	// Hashes is how many passwords are hashed concurrently.
	Hashes int
	// HashCost is what hashing a password takes. The zero value is for servers.
	HashCost auth.Cost
	// Memory says who may use how much of it; as if there were 1 GiB if it is not given.
	Memory budget.Shares
	// Cluster says how this node talks to others.
	Cluster Cluster
	// HeartBeat is what STOMP clients are offered, both ways; negative: none.
	HeartBeat time.Duration
	// Admin is the administrator to make sure of; none without a login.
	Admin auth.Admin
	// Platform has the settings of the API for organisations and their apps.
	Platform Platform
	// BackupDir is the folder below which administrators may have backups made; empty: none.
	BackupDir string
	// Files is the URL of where the bytes of files are; empty: in the store's folder, or in the store itself.
	Files string
	// MaxFileBytes is the greatest size of a file that is sent to a room; 25 MiB if not given.
	MaxFileBytes int64
	// Retention is how long messages are kept in rooms that have none of their own; 0 for ever.
	Retention time.Duration
	// AuditRetention is how long the audit trail is kept; 90 days if not given.
	AuditRetention time.Duration

	Now func() time.Time
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.SessionIdle == 0 {
		c.SessionIdle = 30 * time.Minute
	}
	if c.RememberGrace == 0 {
		c.RememberGrace = 10 * time.Second
	}
	if c.LoginFailures == 0 {
		c.LoginFailures = 60
	}
	if c.Memory == (budget.Shares{}) {
		c.Memory = budget.Divide(1 << 30)
	}
	if c.Platform.DefaultApp == "" {
		c.Platform.DefaultApp = tenant.DefaultOrganisation + "/chat"
	}
	if c.Platform.CallbackDisableAfter == 0 {
		c.Platform.CallbackDisableAfter = 72 * time.Hour
	}
	if c.Platform.Version == "" {
		c.Platform.Version = "dev"
	}
	if c.PasswordMin == 0 {
		c.PasswordMin = 8
	}
	if c.SignUp == "" {
		c.SignUp = chat.OpenSignUp
	}
	if c.MaxFileBytes == 0 {
		c.MaxFileBytes = 25 << 20
	}
	if c.AuditRetention == 0 {
		c.AuditRetention = 90 * 24 * time.Hour
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c
}

// limits returns how much of each kind is allowed.
func (c Config) limits() limit.Set {
	set := limit.Set{}
	if !c.NoLimits {
		set = limit.Defaults()
	}
	maps.Copy(set, c.Limits)
	return set
}

// wideFailures is how many failed logins a minute are allowed for an address over all logins, and for a login over all
// addresses; 0 for any number. It is no less than what is allowed for a login from an address.
func (c Config) wideFailures() int {
	if c.NoLimits || c.LoginFailures < 0 {
		return 0
	}
	return max(auth.WideFailures, c.LoginFailures)
}

// queueBytes is how much may wait for one socket. The queues of sockets in the same room share what waits.
func queueBytes(s budget.Shares) int { return int(min(4<<20, s.Sending/32)) }

// Node is a running server without its listener.
type Node struct {
	// Handler serves everything.
	Handler http.Handler
	// Chat is the domain, for programs that work beside the APIs.
	Chat *chat.Service
	// Accounts checks and changes passwords.
	Accounts *auth.Accounts

	router  *mux.Router
	hub     *live.Hub
	sockets *stomp.Server
	streams *sse.Server
	ends    []func() // what Close calls, last made first
}

// New starts a node on a store, which stays the caller's. Close ends it.
//
// What is made later uses what is there already, never the other way round: the bus, the caches of the store, the hub that
// delivers, the logins, the domain that publishes to the hub, and the APIs.
func New(ctx context.Context, c Config, st store.Store) (_ *Node, err error) {
	c = c.withDefaults()
	var ends []func()
	defer func() {
		if err != nil {
			endAll(ends)
		}
	}()
	onEnd := func(end func()) { ends = append(ends, end) }

	bucket, err := buckets.Of(ctx, c.Files, st)
	if err != nil {
		return nil, err
	}
	onEnd(func() { _ = bucket.Close() })
	var bus live.Bus // nil for a node that is alone
	strangers := func() uint64 { return 0 }
	nats, err := startBus(ctx, c, st)
	if err != nil {
		return nil, err
	}
	if nats != nil {
		bus, strangers = nats, nats.Rejected
		onEnd(func() { _ = nats.Close() })
	}
	watcher := cache.New(st, c.Now, c.Log, c.Memory.Entries)
	watcher.Start()
	onEnd(watcher.Close)
	rooms := chat.NewReader(chat.ReaderOptions{Store: st, Watcher: watcher, Retention: c.Retention, Now: c.Now})
	onEnd(rooms.Close)
	hub, err := live.New(live.Options{Bus: bus, History: rooms.History(), Access: rooms.Admit, Inside: rooms.Inside, Members: rooms.Members, RoomsOf: st.RoomsOf, Readings: st.Readings,
		Observe: rooms.Observed, Now: c.Now, Log: c.Log, Node: c.Cluster.nodeName(), Registry: registryOf(st), OnUnreachable: c.Cluster.warn(c.Log)})
	if err != nil {
		return nil, err
	}
	onEnd(func() { _ = hub.Close() })

	sessions := auth.NewSessions(st, watcher, c.SessionIdle, c.Now, auth.Ended{
		Sessions: func(_ context.Context, hashes []auth.Hash) {
			for _, h := range hashes {
				hub.Signal(live.SessionEnded, live.SessionKey(h))
			}
		},
		Account: func(_ context.Context, who chat.Identity) { hub.Signal(live.AccountEnded, live.AccountKey(who)) },
	})
	onEnd(sessions.Close)
	remember := auth.NewRemember(st, sessions, c.RememberGrace, c.Now, c.Log)
	ids := id.NewGenerator(c.Now)
	trail := audit.New(audit.Options{Store: st, IDs: ids, Keep: c.AuditRetention, Now: c.Now, Log: c.Log})
	onEnd(trail.Close)
	hasher := auth.NewHasher(c.HashCost, c.Hashes, c.Memory.Hashing)
	throttle := auth.NewThrottle(max(c.LoginFailures, 0), c.wideFailures(), c.Now, c.Memory.Entries(limit.MostKeys))
	onEnd(throttle.Close)
	tokens := auth.NewTokens(st, sessions, watcher, c.Now, auth.SettingsToken, auth.PersonalToken)
	onEnd(tokens.Close)
	accounts := auth.NewAccounts(auth.AccountParts{Store: st, Hasher: hasher, Throttle: throttle, Sessions: sessions, Remember: remember,
		Tokens: tokens, Admin: c.Admin, Failures: trail, PasswordMin: c.PasswordMin, Log: c.Log})
	if err := accounts.EnsureAdmin(ctx, st); err != nil {
		return nil, err
	}
	manager, err := session.NewManager(ctx, session.Parts{Sessions: sessions, Remember: remember,
		Tokens: tokens, Secrets: st, Secure: c.Secure, Signatures: c.Memory.Entries(session.MostSignatures)})
	if err != nil {
		return nil, err
	}
	officers := auth.NewOfficers(st)
	var seesEmail func(context.Context, chat.Identity) (bool, error)
	if c.PrivateEmail {
		seesEmail = officers.Is
	}
	limits := limit.New(c.limits(), c.Now, c.Memory.Entries(limit.MostKeys))
	onEnd(limits.Close)
	queue := jobs.New(st, c.Log)
	queue.OnBegin(func(key string) { hub.Signal(jobBegun, key) })
	hub.OnSignal(jobBegun, queue.Begun)
	box, err := seal.New(ctx, c.Platform.SealKey, st)
	if err != nil {
		return nil, err
	}
	var service *chat.Service
	quotas := &lateQuotas{} // of the apps, which come last
	told := newCallbacks(c, platformParts{store: st, watcher: watcher, queue: queue, box: box, ids: ids},
		func(ctx context.Context, t chat.Tenant, a chat.Trace) (bool, error) { return service.Done(ctx, t, a) }, onEnd)
	logins := auth.NewPeople(st, accounts, told)
	onEnd(nodes.New(ctx, nodes.Options{Store: st, IDs: ids, Now: c.Now, Log: c.Log}).Close)
	invitations := invite.New(st, ids, c.Now)
	apps := account.New(account.Options{Store: st, Watcher: watcher, Hasher: hasher, Throttle: throttle, Jobs: queue, Outbox: told, IDs: ids, Now: c.Now})
	onEnd(apps.Close)
	boxes := inbox.New(inbox.Options{Store: st})
	contacts := people.New(people.Options{Store: st, Watcher: watcher, Accounts: finders(st, apps), Queue: queue, Outbox: told, IDs: ids, Now: c.Now, Also: boxes.Remove,
		EndMemberships: func(ctx context.Context, who chat.Identity) error {
			return service.EndMemberships(ctx, who.Tenant, who.Login)
		}})
	onEnd(contacts.Close)
	mail := delivery.New(delivery.Options{Store: st, Boxes: boxes, Queue: queue, Connected: hub.ConnectedOf, Arrived: signalMail(hub), Changed: signalChange(hub)})
	pictures := picture.NewDecoder(c.Memory.Pictures)
	kept := files.New(files.Parts{Store: st, Bucket: bucket, Domain: roomsOf{&service}, Pictures: pictures, Watcher: watcher, Queue: queue, IDs: ids, Now: c.Now, Log: c.Log,
		MaxBytes: c.MaxFileBytes, Cached: c.Memory.Entries(cachedFiles)})
	onEnd(kept.Close)
	service = chat.NewService(chat.Options{Reader: rooms, Files: kept, Jobs: queue, Outbox: told, Hasher: hasher, Limits: limits, Publisher: hub, IDs: ids, PasswordMin: c.PasswordMin, SignUp: c.SignUp, Invitations: invitations, Log: c.Log,
		Pictures: pictures, SeesEmail: seesEmail, Accounts: appPeople{apps}, Blocks: contacts, Friends: contacts, Mutes: globalMutes{contacts}, Mail: mail, Index: tenant.NewRoomIndex(st, c.Now), Quotas: quotas,
		RoomChanged:   func(key string) { hub.Signal(roomChanged, key) },
		MemberChanged: func(key string) { hub.Signal(memberChanged, key) }})
	onEnd(service.Close)
	listenForChanges(hub, watcher, rooms, sessions)
	if bus != nil {
		onEnd(st.OnAnnounce(func(key string) { hub.Signal(announced, key) }))
	}
	platform, streams, err := newPlatform(ctx, c, platformParts{store: st, watcher: watcher, sessions: sessions, accounts: apps, contacts: contacts, files: kept, boxes: boxes, live: hub,
		admins: accounts, officers: officers, queue: queue, ids: ids, users: service, people: logins, servers: hub.Nodes, trail: trail, limits: limits, box: box, told: told}, onEnd)
	if err != nil {
		return nil, err
	}
	quotas.of = platform.Tenants
	keeping := upkeep.New(upkeep.Options{Store: st, Domain: service, Files: kept, Queue: queue, Apps: keepingOf(platform.Tenants), Now: c.Now, Log: c.Log})
	onEnd(keeping.Close)
	exporting := exports.New(exports.Parts{Store: st, Domain: service, Queue: queue, IDs: ids, Now: c.Now, Encode: chatapi.ISO.Message})
	queue.Start() // when all kinds of jobs are registered
	onEnd(queue.Close)

	origins := api.Origins{Public: c.Public, Allowed: c.Origins}
	personal := auth.NewPersonal(st, tokens, accounts, officers, sessions, c.Now)
	chatAPI := chatapi.New(chatapi.Parts{Chat: service, Exports: exporting, Files: kept, Live: hub, Accounts: accounts,
		Personal: personal, Sessions: manager, Officers: officers, Trail: trail, Origins: origins,
		Proxied: c.Proxied, Now: c.Now, Log: c.Log})
	sockets := stomp.NewServer(stomp.Options{Hub: hub, Login: session.Of, KeepAlive: keepAlive(sessions, tokens),
		Refuse: refuse(chatAPI), HeartBeat: c.HeartBeat, Log: c.Log, QueueBytes: queueBytes(c.Memory),
		MaySubscribe: service.MaySubscribe, Sockets: limits.Most(limit.Sockets), Subscriptions: limits.Most(limit.Subscriptions)})
	onEnd(sockets.Close)
	again := &rechecker{hub: hub, sockets: sockets, streams: streams, sessions: sessions, tokens: tokens, accounts: platform.Accounts, tenants: platform.Tenants, log: c.Log}
	onEnd(watcher.Recheck(again.check))

	r := mux.NewRouter().UseEncodedPath().SkipClean(true)
	r.NotFoundHandler = http.HandlerFunc(chatAPI.Unknown)
	chatAPI.Register(r) // first, because routes are looked through in order
	for _, rt := range probes(st, hub, strangers) {
		r.Handle(rt.Path, &api.Resource{Route: rt, Fail: chatAPI.Fail})
	}
	page := &api.Resource{Route: reading("/ui/chat/", web.Handler(web.Settings{PasswordMin: c.PasswordMin, SignUp: string(c.SignUp)})), Fail: chatAPI.Fail}
	r.PathPrefix("/ui/chat/").Handler(page)
	r.Handle("/ui/chat", page)
	documents := &api.Resource{Route: reading("/docs", docs.Handler()), Fail: chatAPI.Fail}
	r.Handle("/docs", documents)
	r.PathPrefix("/docs/").Handler(documents)
	r.Handle("/", &api.Resource{Route: reading("/", http.RedirectHandler("/ui/chat/index.html", http.StatusFound)), Fail: chatAPI.Fail})
	registerRealtime(r, sockets, chatAPI, manager, origins)
	adminapi.Register(r, adminapi.Parts{Sessions: manager, Officers: officers, Origins: origins,
		Backups: backup.New(st, c.BackupDir, c.Now), Eraser: auth.NewEraser(keeping, accounts), People: logins,
		Accounts: accounts, Personal: personal, Invitations: invitations, Upkeep: keeping, Jobs: queue,
		Chat: service, Files: kept, Trail: trail, Proxied: c.Proxied, Fail: chatAPI.FailV1})
	platform.Register(r) // last, because its paths may begin with any word that no other path begins with
	return &Node{Handler: protect(c.Log, newPools(c.Memory), c.Proxied, headers(c.Secure, api.Semicolons(origins.CORS(r)))), Chat: service, Accounts: accounts,
		router: r, hub: hub, sockets: sockets, streams: streams, ends: ends}, nil
}

// Drain asks the clients of this node's sockets to connect again elsewhere, spread over some
// seconds. It returns when all are gone or ctx is over. Requests may still be served meanwhile.
func (n *Node) Drain(ctx context.Context) error {
	n.streams.Drain()
	return n.sockets.Drain(ctx)
}

// Close cuts what is left of the sockets and ends the node's background work.
func (n *Node) Close() { endAll(n.ends) }

// endAll ends what was made, the last first: nothing is used by what is ended before it.
func endAll(ends []func()) {
	for _, end := range slices.Backward(ends) {
		end()
	}
}
