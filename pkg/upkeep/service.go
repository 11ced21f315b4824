// Package upkeep does the background work on a store: it erases users, removes the rows of deleted rooms, and removes
// messages that are older than their room's retention.
//
// A Service is the upkeep of one node. It works on a Store, and makes changes that users see through the use cases of
// pkg/chat (Domain), so that they are published and caches are invalidated.
//
// Erasures and deletions of rooms are jobs (pkg/jobs): if a node dies, other nodes finish its work. Trimming is done by
// each node, once an hour.
package upkeep

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/jobs"
)

// Store is the storage that upkeep works on.
type Store interface {
	Reader
	chat.EraseStore
	chat.Inherited
	chat.ExportStore
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
	DeleteRoom(ctx context.Context, t chat.Tenant, r chat.Room) error
	// Ping returns nil if the store answers.
	Ping(ctx context.Context) error
}

// Domain is the use cases that upkeep needs; see chat.Service.
type Domain interface {
	EndAccount(ctx context.Context, t chat.Tenant, login string) error
	Redact(ctx context.Context, p chat.Place, m id.ID, c chat.Change) error
	EndRoom(ctx context.Context, p chat.Place) (gone bool, err error)
	DisownRoom(ctx context.Context, p chat.Place, login string) error
	ForgetReading(ctx context.Context, t chat.Tenant, room id.ID, login string) error
	// Horizon returns the position up to which messages of rooms with that retention are too old at a time. Zero: none.
	Horizon(r chat.Retention, at time.Time) id.ID
	// CarryNames copies a user's names to their rooms. same is false if the names changed meanwhile.
	CarryNames(ctx context.Context, t chat.Tenant, login string) (same bool, err error)
}

// Files is the removal of the files that messages name; see pkg/files. Its methods may be repeated.
type Files interface {
	// RemoveNamed removes the file that a message names, if it names one.
	RemoveNamed(ctx context.Context, t chat.Tenant, room, m id.ID) error
	// TrimRoom removes the files that messages of a room up to a position name.
	TrimRoom(ctx context.Context, t chat.Tenant, room, horizon id.ID) error
	// Disown takes an erased user out of the file that a message names.
	Disown(ctx context.Context, t chat.Tenant, room, m id.ID) error
}

// noFiles is for stores without files.
type noFiles struct{}

func (noFiles) RemoveNamed(context.Context, chat.Tenant, id.ID, id.ID) error { return nil }
func (noFiles) TrimRoom(context.Context, chat.Tenant, id.ID, id.ID) error    { return nil }
func (noFiles) Disown(context.Context, chat.Tenant, id.ID, id.ID) error      { return nil }

// writeTimeout bounds the write that records work to do. The write continues when its client disconnects.
const writeTimeout = 10 * time.Second

// Service is the upkeep of one node. All methods may be called concurrently; errors are those of pkg/chat.
type Service struct {
	store  Store
	domain Domain
	files  Files
	queue  *jobs.Queue
	apps   func(ctx context.Context, visit func(App) error) error
	now    func() time.Time
	log    *slog.Logger

	ended   ended
	stop    context.CancelFunc
	stopped sync.WaitGroup
}

// Options are the parts of a Service; Files, Now and Log may be left out.
type Options struct {
	Store  Store
	Domain Domain
	Files  Files
	// Queue runs the jobs of upkeep. It has not started yet; the caller starts it afterwards, and closes it first.
	Queue *jobs.Queue
	// Apps calls visit with each app of the platform; nil: there are none.
	Apps func(ctx context.Context, visit func(App) error) error
	Now  func() time.Time
	Log  *slog.Logger
}

// App is how long an app keeps what is said in it.
type App struct {
	Log  chat.Log // of the app
	Keep time.Duration
	// Rooms says that it holds for the rooms of the tenant too.
	Rooms bool
}

// New starts the upkeep. Close ends it.
func New(o Options) *Service {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Files == nil {
		o.Files = noFiles{}
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Service{store: o.Store, domain: o.Domain, files: o.Files, queue: o.Queue, apps: o.Apps, now: o.Now, log: o.Log, stop: stop}
	o.Queue.Register(chat.SweepWork, s.sweep)
	o.Queue.Register(chat.RenameWork, s.rename)
	o.Queue.Register(EraseWork, s.erase)
	s.stopped.Go(func() { guard.Keep(ctx, s.log, "taking over the work of earlier versions", s.inherit) })
	s.stopped.Go(func() { guard.Keep(ctx, s.log, "removing old messages", s.trimRooms) })
	return s
}

// Close ends the background work and waits for it. The domain may be closed only afterwards.
func (s *Service) Close() {
	s.stop()
	s.stopped.Wait()
}
