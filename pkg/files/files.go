// Package files keeps what people send beside texts: pictures, recordings, documents.
//
// A file has a record (File), which is an entry of the directory, and bytes, which are in a Bucket under the file's key. Upload
// makes both; Find, Open and Thumbnail read; Claim ties a file to the message that names it. A file whose room is not zero
// belongs to that room and goes with its message; one without a room belongs to an app and goes with it.
//
// What breaks off leaves nothing. Before the first byte is written, an entry of the space "uploads" says that there may be
// something; it goes when the file is complete (of an app) or named by a message (of a room). A sweep, hourly on each node,
// removes what has such an entry that is older than a day.
//
// How much a tenant uses is counted when a file is complete and when it is removed. A crash in between may leave the count
// wrong; whoever continues what broke off counts anew (Recount).
//
// The package knows no HTTP, and no rule of rooms: who may post and what is shown is asked of pkg/chat.
package files

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/cache"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/jobs"
	"github.com/confab-chat/confab/pkg/picture"
)

// Bucket keeps bytes under keys. A key is a tenant, a slash and a name, of letters that are good for a file's name. All methods
// may be called concurrently. Errors are *chat.Error; Unavailable if the outcome is not known.
type Bucket interface {
	// Put stores what r has until io.EOF, and returns how much that is. Nobody reads any of it before it is complete and
	// durable. An error of r is in the chain of Put's error; what was stored until then is removed, or left for Delete. A key
	// is not used twice, except to store the same bytes.
	Put(ctx context.Context, key string, r io.Reader) (int64, error)
	// Open returns length bytes from offset on, all of which were stored. NotFound if there is nothing under the key.
	Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error)
	// Size returns how many bytes are under a key, without reading them; -1 if only reading them would say. NotFound if there is
	// nothing.
	Size(ctx context.Context, key string) (int64, error)
	// Delete removes what is under a key, also what a Put has left that broke off. Repeating it is no error.
	Delete(ctx context.Context, key string) error
	// Each visits all keys, in any order.
	Each(ctx context.Context, visit func(Object) error) error
	// Close releases what the bucket holds.
	Close() error
}

// Object is what is under a key of a bucket.
type Object struct {
	Key  string
	Size int64 // -1 if only reading it would say
}

// Store is the part of the store that has records and messages.
type Store interface {
	directory.Store
	MessagesByID(ctx context.Context, l chat.Log, ids []id.ID) (map[id.ID]chat.Message, error)
}

// Domain is the use cases of rooms that files need; see chat.Service.
type Domain interface {
	Access(ctx context.Context, who chat.Identity, room string) (chat.Room, chat.Person, error)
	Message(ctx context.Context, who chat.Identity, room string, m id.ID) (chat.Message, error)
	MayAttach(ctx context.Context, who chat.Identity, room string, key *string) (chat.Room, error)
}

// Service has the use cases of files. All methods may be called concurrently. They return *chat.Error.
type Service struct {
	Parts
	records *directory.Cached[File]
	ctx     context.Context //nolint:containedctx // of the background work
	stop    context.CancelFunc
	stopped sync.WaitGroup
}

// Parts are what a Service is made of.
type Parts struct {
	Store  Store
	Bucket Bucket // the caller closes it
	Domain Domain
	// Pictures reads pictures.
	Pictures *picture.Decoder
	Watcher  *cache.Watcher
	// Queue runs the removal of files of deleted messages. New registers the handler.
	Queue *jobs.Queue
	IDs   *id.Generator
	Now   func() time.Time
	Log   *slog.Logger
	// MaxBytes is the greatest size of a file that is sent to a room.
	MaxBytes int64
	// Cached bounds the records that are cached; each takes about 2 KiB.
	Cached int
}

const (
	// finishFor bounds the writes of records that follow an upload, and those that remove what is left of one.
	finishFor = 20 * time.Second
	// unnamedFor is how long an upload may go without being named by a message.
	unnamedFor = 24 * time.Hour
	// longestUpload bounds an upload. It is well below unnamedFor, so that the sweep meets no upload under way.
	longestUpload = 6 * time.Hour
	sweepFirst    = time.Minute
	sweepEvery    = time.Hour
	pageSize      = 200
)

// ErrQuota is in the chain of the error for a file that is more than its tenant has left.
var ErrQuota = errors.New("files: the tenant's files take all that they may")

// New returns a running service. Close ends it.
func New(p Parts) *Service {
	ctx, stop := context.WithCancel(context.Background())
	s := &Service{Parts: p, ctx: ctx, stop: stop,
		records: directory.NewCached(directory.CachedOptions[File]{Store: p.Store, Watcher: p.Watcher, Decode: Decode, Encode: File.entry, Size: p.Cached, Now: p.Now})}
	p.Queue.Register(chat.FileWork, s.removeDeleted)
	s.stopped.Go(func() { guard.Keep(ctx, p.Log, "removing uploads that nobody named", s.sweepHourly) })
	return s
}

// Close ends the background work and waits for it.
func (s *Service) Close() {
	s.stop()
	s.stopped.Wait()
	s.records.Close()
}

// finishing returns the context of writes that go on when their client hangs up.
func finishing(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), finishFor)
}

// errNotFound returns the error for a file that is not there, or not for who asks.
func errNotFound(uuid string) error { return chat.ErrNotFound(chat.FileEntity, uuid) }
