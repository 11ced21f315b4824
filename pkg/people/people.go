// Package people keeps what people have to do with each other, and what an app has decided about one of them: contacts,
// blocks, mutes everywhere, and settings of notifications.
//
// All of it hangs on identities, so whoever gets the name of a deleted account inherits nothing. What concerns an account
// that is deleted is invisible from then on, whether it is removed already or not.
//
// A person has a record (Record), one entry of the directory that is replaced as a whole, and contacts, an entry each.
package people

import (
	"context"
	"strings"
	"time"

	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/cache"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/jobs"
)

// Service has the use cases of people. All methods may be called concurrently. They return *chat.Error. A method that fails
// has changed nothing, unless the kind is Unavailable. Changes made on this node hold for its next call, those of other
// nodes after cache.Brief.
type Service struct {
	store    directory.Store
	accounts func(chat.Tenant) account.Finder
	contacts *directory.Cached[contact]
	records  *cache.Cache[chat.Identity, brief]
	kept     directory.Sole[Record]
	ids      *id.Generator
	now      func() time.Time

	endMemberships func(ctx context.Context, who chat.Identity) error // may be nil
	also           func(ctx context.Context, who chat.Identity) error // may be nil
	outbox         chat.Outbox                                        // may be nil
}

// Options are the parts of a Service.
type Options struct {
	Store   directory.Store
	Watcher *cache.Watcher
	// Accounts returns the accounts of a tenant.
	Accounts func(chat.Tenant) account.Finder
	// Queue runs the removal of what concerns deleted accounts. New registers the handler.
	Queue *jobs.Queue
	// EndMemberships, if set, takes somebody out of all rooms, and deletes the groups and chat rooms that they own. It is called
	// for deleted accounts of apps, and may be repeated.
	EndMemberships func(ctx context.Context, who chat.Identity) error
	// Also, if set, removes what other packages keep of a deleted account. It may be repeated.
	Also func(ctx context.Context, who chat.Identity) error
	// Outbox, if set, keeps what the servers of apps are to be told of.
	Outbox chat.Outbox
	IDs    *id.Generator
	Now    func() time.Time
}

const (
	// cachedRecords bounds the people whose blocks and mutes are cached; each takes up to 4 KiB.
	cachedRecords = 10_000
	// cachedContacts bounds the entries of contacts that are cached.
	cachedContacts = 20_000
	// parallel bounds the reads that one call makes concurrently.
	parallel = 16
)

// New returns a Service. Close ends it.
func New(o Options) *Service {
	s := &Service{store: o.Store, endMemberships: o.EndMemberships, also: o.Also, outbox: o.Outbox, accounts: o.Accounts, ids: o.IDs, now: o.Now,
		kept:     directory.Sole[Record]{Store: o.Store, Name: "record"},
		contacts: directory.NewCached(directory.CachedOptions[contact]{Store: o.Store, Watcher: o.Watcher, Decode: decodeContact, Encode: contact.entry, Size: cachedContacts, Now: o.Now})}
	s.records = cache.Of(cache.Options[chat.Identity, brief]{Watcher: o.Watcher, Now: o.Now, Size: cachedRecords,
		Name: func(who chat.Identity) string { return directory.Key(recordSpace(who), directory.SoleID) },
		Load: s.loadBrief})
	o.Queue.Register(chat.PeopleWork, s.remove)
	return s
}

// Close stops the background work.
func (s *Service) Close() {
	s.contacts.Close()
	s.records.Close()
}

// The spaces of the directory. Those of a person are named by the tenant and the login, neither of which has a slash.
const (
	ContactSpaces directory.Kind = "contacts/"
	RecordSpaces  directory.Kind = "people/"
	MutedSpaces   directory.Kind = "muted/"
)

func contactSpace(who chat.Identity) string {
	return ContactSpaces.Of(string(who.Tenant) + "/" + who.Login)
}
func recordSpace(who chat.Identity) string {
	return RecordSpaces.Of(string(who.Tenant) + "/" + who.Login)
}
func mutedSpace(t chat.Tenant) string { return MutedSpaces.Of(string(t)) }

// Of returns the people whom an entry of the directory is about: one, or two of one tenant. None if it is no entry of this
// package.
func Of(e directory.Entry) []chat.Identity {
	if rest, ok := strings.CutPrefix(e.Space, string(MutedSpaces)); ok {
		return []chat.Identity{{Tenant: chat.Tenant(rest), Login: e.Name}}
	}
	rest, isContact := strings.CutPrefix(e.Space, string(ContactSpaces))
	if !isContact {
		var isRecord bool
		if rest, isRecord = strings.CutPrefix(e.Space, string(RecordSpaces)); !isRecord {
			return nil
		}
	}
	t, login, _ := strings.Cut(rest, "/")
	all := []chat.Identity{{Tenant: chat.Tenant(t), Login: login}}
	if isContact {
		all = append(all, chat.Identity{Tenant: chat.Tenant(t), Login: e.Name})
	}
	return all
}

// account returns the account of an identity as it was at most cache.Brief ago; NotFound if there is none.
func (s *Service) account(ctx context.Context, who chat.Identity) (account.Account, error) {
	return s.accounts(who.Tenant).Cached(ctx, who)
}

// changeFor bounds a change that has begun. It goes on when its client hangs up.
const changeFor = 20 * time.Second

func changing(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), changeFor)
}
