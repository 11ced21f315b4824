// Package upkeep is the work over a store that nobody waits for: it erases users, clears deleted rooms and removes what
// is older than its room's retention.
//
// What is to be done stands in the store: a node that dies leaves it to the others. The rules are those of pkg/chat: what
// users see change goes through its use cases (Domain), so that subscribers and caches learn of it.
package upkeep

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
)

// Store is what upkeep goes through.
type Store interface {
	Reader
	Erasures
	chat.FootprintStore
	chat.Trimmer
	chat.Clock
	chat.Sweeper
}

// Reader is a part of chat.UserStore, chat.RoomStore, chat.MessageStore, chat.ChangeStore and store.Store.
type Reader interface {
	User(ctx context.Context, t chat.Tenant, login string) (chat.User, error)
	Room(ctx context.Context, t chat.Tenant, name string) (chat.Room, error)
	Older(ctx context.Context, l chat.Log, than id.ID, limit int) ([]chat.Message, error)
	Newer(ctx context.Context, l chat.Log, than id.ID, inclusive bool, limit int) ([]chat.Message, error)
	MessagesByID(ctx context.Context, l chat.Log, ids []id.ID) (map[id.ID]chat.Message, error)
	// Ping returns nil if the store answers at all.
	Ping(ctx context.Context) error
}

// Erasures is another name of chat.EraseStore.
type Erasures = chat.EraseStore

// Domain is the use cases that upkeep needs; see chat.Service.
type Domain interface {
	EndAccount(ctx context.Context, t chat.Tenant, login string) error
	Redact(ctx context.Context, p chat.Place, m id.ID, c chat.Change) error
	EndRoom(ctx context.Context, p chat.Place) (gone bool, err error)
	DisownRoom(ctx context.Context, p chat.Place, login string) error
	ForgetReading(ctx context.Context, t chat.Tenant, room id.ID, login string) error
	// Horizon returns the position up to which messages of rooms with that retention are too old at a time; zero: none are.
	Horizon(r chat.Retention, at time.Time) id.ID
	// RoomDeleted receives after rooms were deleted on this node.
	RoomDeleted() <-chan struct{}
}

// writeTimeout bounds the writing down of what is to be done. It goes on when its client hangs up.
const writeTimeout = 10 * time.Second

// Service is the upkeep of one node. All methods may be called concurrently; errors are those of pkg/chat.
type Service struct {
	store  Store
	domain Domain
	now    func() time.Time
	log    *slog.Logger

	erasing  *erasing
	sweeping sweeping
	stop     context.CancelFunc
	stopped  sync.WaitGroup
}

// Options are the parts of a Service; Now and Log may be left out.
type Options struct {
	Store  Store
	Domain Domain
	Now    func() time.Time
	Log    *slog.Logger
}

// New starts the upkeep. Close ends it.
func New(o Options) *Service {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Service{store: o.Store, domain: o.Domain, now: o.Now, log: o.Log, erasing: newErasing(), stop: stop}
	s.stopped.Go(func() { guard.Keep(ctx, s.log, "clearing deleted rooms", s.sweepDeleted) })
	s.stopped.Go(func() { guard.Keep(ctx, s.log, "erasing users", s.eraseUsers) })
	s.stopped.Go(func() { guard.Keep(ctx, s.log, "removing old messages", s.trimRooms) })
	return s
}

// Close ends the background work and waits for it. The domain has to work until then.
func (s *Service) Close() {
	s.stop()
	s.stopped.Wait()
}
