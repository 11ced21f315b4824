// Package upkeep does the background work on a store: it erases users, removes the rows of deleted rooms, and removes
// messages that are older than their room's retention.
//
// A Service is the upkeep of one node. It works on a Store, and makes changes that users see through the use cases of
// pkg/chat (Domain), so that they are published and caches are invalidated.
//
// The work to do is kept in the store. If a node dies, other nodes finish its work.
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

// Store is the storage that upkeep works on.
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
	Rooms(ctx context.Context, t chat.Tenant, after string, limit int) ([]chat.Room, error)
	Older(ctx context.Context, l chat.Log, than id.ID, limit int) ([]chat.Message, error)
	Newer(ctx context.Context, l chat.Log, than id.ID, inclusive bool, limit int) ([]chat.Message, error)
	MessagesByID(ctx context.Context, l chat.Log, ids []id.ID) (map[id.ID]chat.Message, error)
	// Ping returns nil if the store answers.
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
	// Horizon returns the position up to which messages of rooms with that retention are too old at a time. Zero: none.
	Horizon(r chat.Retention, at time.Time) id.ID
	// RoomDeleted returns a channel that receives a value after rooms were deleted on this node.
	RoomDeleted() <-chan struct{}
}

// writeTimeout bounds the write that records work to do. The write continues when its client disconnects.
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

// Close ends the background work and waits for it. The domain may be closed only afterwards.
func (s *Service) Close() {
	s.stop()
	s.stopped.Wait()
}
