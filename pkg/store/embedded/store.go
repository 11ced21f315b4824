package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/store"
)

// Options are what Open can be told; the zero value is good.
type Options struct {
	// Logger hears of disk errors and of start and end; slog.Default when nil.
	Logger *slog.Logger
	// Now is the clock that expiry goes by; time.Now when nil.
	Now func() time.Time
	// CacheBytes is the memory kept for blocks read from disk; 64 MiB when zero.
	CacheBytes int64
	// ExpireEvery is the time between removals of what has expired; one minute when zero.
	ExpireEvery time.Duration

	// fs replaces the disk in tests.
	fs vfs.FS
}

// folderMode is for data folders: they hold password hashes.
const folderMode = 0o700

// memTableBytes bounds what a start has to read back from the log.
const memTableBytes = 32 << 20

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = 64 << 20
	}
	if o.ExpireEvery == 0 {
		o.ExpireEvery = time.Minute
	}
	if o.fs == nil {
		o.fs = vfs.Default
	}
	return o
}

// Store is the embedded store. It is safe for concurrent use.
type Store struct {
	db     *pebble.DB
	folder *pebble.Lock
	logger *slog.Logger
	now    func() time.Time
	health health
	onDisk bool // not on a file system of a test

	// Who takes two of these locks takes them in the order of the fields.
	users   locks // by login: accounts
	members locks // by room id: participants, and the room's deletion
	rooms   locks // by name: which room has it
	leases  locks // by key: rows that expire
	fates   locks // by message: what happened to it
	reads   locks // by reading
	secrets locks // by name

	mu       sync.RWMutex // guards closed, and calls against being added to after Close began
	closed   bool
	calls    sync.WaitGroup
	stop     chan struct{}
	expirers sync.WaitGroup
}

var _ store.Store = (*Store)(nil)

var (
	errClosed = errors.New("embedded: the store is closed")
	errFormat = errors.New("not made by this version of confab")
)

// Open opens the store in dir, which it makes if there is none. It fails if
// another process has the folder open, or if the data is of a version that this program does
// not know. The time it takes does not grow with the data.
func Open(dir string, opts Options) (*Store, error) {
	o := opts.withDefaults()
	if err := o.fs.MkdirAll(dir, folderMode); err != nil {
		return nil, fmt.Errorf("cannot make the data folder %s: %w", dir, err)
	}
	folder, err := pebble.LockDirectory(dir, o.fs)
	if errors.Is(err, os.ErrPermission) {
		return nil, fmt.Errorf("cannot write to the data folder %s: %w", dir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("the data folder %s is in use by another confab: %w", dir, err)
	}
	s := &Store{folder: folder, logger: o.Logger, now: o.Now, stop: make(chan struct{}), onDisk: o.fs == vfs.Default}
	s.users.init()
	s.rooms.init()
	s.members.init()
	s.leases.init()
	s.fates.init()
	s.reads.init()
	s.secrets.init()
	if s.db, err = openDB(dir, o, s); err != nil {
		_ = folder.Close()
		return nil, fmt.Errorf("cannot open the data folder %s: %w", dir, err)
	}
	if err := s.checkFormat(); err != nil {
		_ = s.db.Close()
		_ = folder.Close()
		return nil, fmt.Errorf("cannot open the data folder %s: %w", dir, err)
	}
	s.expirers.Go(func() { s.expireEvery(o.ExpireEvery) })
	return s, nil
}

func openDB(dir string, o Options, s *Store) (db *pebble.DB, err error) {
	// What cannot go on is reported through Fatalf, which panics (see logger).
	defer func() {
		if e, ok := recover().(fatal); ok {
			db, err = nil, e.cause
		}
	}()
	p := &pebble.Options{
		FS:        o.fs,
		Lock:      s.folder,
		Logger:    &logger{store: s},
		CacheSize: o.CacheBytes,
		// Fixed, so that a new library does not change data that an older confab must read.
		FormatMajorVersion:          pebble.FormatValueSeparation,
		MemTableSize:                memTableBytes,
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       2,
		L0StopWritesThreshold:       1000,
		CompactionConcurrencyRange:  func() (int, int) { return 1, 2 },
	}
	for i := range p.Levels {
		p.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	return pebble.Open(dir, p)
}

// The version of keys and values. It rises when a confab of before could not read them.
const formatVersion = "1"

// checkFormat refuses data of other versions and of other programs, and marks a
// new database as ours.
func (s *Store) checkFormat() error {
	k := table(tableMeta).last("format")
	v, err := s.get(k)
	switch {
	case err == nil && string(v) == formatVersion:
		return nil
	case err == nil:
		return fmt.Errorf("its format is %q, this confab knows %q: %w", v, formatVersion, errFormat)
	case !errors.Is(err, pebble.ErrNotFound):
		return err
	}
	it, err := s.db.NewIter(nil)
	if err != nil {
		return err
	}
	inUse := it.First()
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return err
	}
	if inUse {
		return fmt.Errorf("it holds a database without a format: %w", errFormat)
	}
	return s.db.Set(k, []byte(formatVersion), pebble.Sync)
}

// begin starts a call, which the caller ends with s.calls.Done() if there is no error.
func (s *Store) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return chat.ErrUnavailable(err)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return chat.ErrUnavailable(errClosed)
	}
	s.calls.Add(1)
	return nil
}

// Ping answers Unavailable if the store is closed or a write has failed.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.calls.Done()
	return s.health.err()
}

// Checkpoint makes a copy of the data as it is now in a new folder dir, on the
// same file system, while the store goes on. Open opens it. As the data folder, it is
// for its owner alone.
func (s *Store) Checkpoint(dir string) error {
	if err := s.begin(context.Background()); err != nil {
		return err
	}
	defer s.calls.Done()
	if err := s.health.err(); err != nil {
		return err
	}
	if err := s.db.Checkpoint(dir, pebble.WithFlushedWAL()); err != nil {
		return s.unavailable("checkpoint", err)
	}
	if s.onDisk {
		if err := os.Chmod(dir, folderMode); err != nil {
			return s.unavailable("checkpoint", err)
		}
	}
	return nil
}

// Close implements store.Store. Repeating it is no error.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()

	close(s.stop)
	s.expirers.Wait()
	s.calls.Wait()
	err := errors.Join(s.closeDB(), s.folder.Close())
	if err != nil {
		return s.unavailable("close", err)
	}
	return nil
}

func (s *Store) closeDB() (err error) {
	defer func() {
		if e, ok := recover().(fatal); ok {
			err = e.cause
		}
	}()
	return s.db.Close()
}
