package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/store"
)

// Options configure Open. The zero value is valid.
type Options struct {
	// Logger receives disk errors, and the start and end of the store; slog.Default when nil.
	Logger *slog.Logger
	// Now is the clock for expiry; time.Now when nil.
	Now func() time.Time
	// CacheBytes is the memory kept for blocks read from disk; 64 MiB when zero.
	CacheBytes int64
	// MemTableBytes is the memory for one table of changes that are not in a file yet, of which there are four at most; also
	// how much of the log a start has to replay; 32 MiB when zero.
	MemTableBytes int64
	// ExpireEvery is the time between removals of what has expired; one minute when zero.
	ExpireEvery time.Duration

	// OpenFiles is how many files of the data may be open at a time, about; 1000 when zero.
	OpenFiles int
	// ReadOnly opens a store for reading that no other process has open. Nothing is written, not even the repairs of a
	// normal opening. All calls that write answer Unavailable.
	ReadOnly bool
	// Salvage is ReadOnly for a damaged store. Calls that read many rows skip what cannot be read, and Lost reports it.
	Salvage bool
	// Progress is called by Check and Repair occasionally, with the number of rows read so far. May be nil.
	Progress func(rows int64)

	// fs replaces the disk in tests.
	fs vfs.FS
	// tryEvery is the pause before an operation that failed for lack of space is retried; half a second when zero.
	tryEvery time.Duration
}

// folderMode is for data folders: they hold password hashes.
const folderMode = 0o700

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
	if o.MemTableBytes == 0 {
		o.MemTableBytes = 32 << 20
	}
	if o.ExpireEvery == 0 {
		o.ExpireEvery = time.Minute
	}
	if o.fs == nil {
		o.fs = vfs.Default
	}
	o.ReadOnly = o.ReadOnly || o.Salvage
	if o.tryEvery == 0 {
		o.tryEvery = 500 * time.Millisecond
	}
	return o
}

// Store is the embedded store. It is safe for concurrent use.
type Store struct {
	db        *pebble.DB
	committer *committer
	folder    io.Closer // its lock
	disk      *disk
	diary     *diary
	now       func() time.Time
	health    *health
	held      held

	payloads atomic.Bool // the format says that there are payloads
	salvage  bool
	lostMu   sync.Mutex
	lost     []lostRange
	lostLogs []string
	onDisk   bool // not on a file system of a test

	// A goroutine that takes two of these locks takes them in the order of the fields.
	users   locks // by login: accounts
	members locks // by room id: participants, and the room's deletion
	rooms   locks // by name: which room has it
	leases  locks // by key: rows that expire
	fates   locks // by message: what happened to it
	reads   locks // by reading
	secrets locks // by name
	entries locks // by name
	inboxes locks // by mailbox, or page of one
	jobs    locks // by job
	jobBook jobBook

	times times

	mu       sync.RWMutex // guards closed, and calls against being added to after Close began
	closed   bool
	calls    sync.WaitGroup
	stop     chan struct{}
	expirers sync.WaitGroup
}

var (
	_ store.Store  = (*Store)(nil)
	_ store.Faulty = (*Store)(nil)
)

var (
	errClosed = errors.New("embedded: the store is closed")
	errFormat = errors.New("not made by this version of confab")
	// errDamaged is wrapped by the error of an opening that finds damaged data.
	errDamaged = errors.New("the data is damaged")
)

// Open is OpenPatiently without a deadline.
func Open(dir string, opts Options) (*Store, error) {
	return OpenPatiently(context.Background(), dir, opts)
}

// OpenPatiently opens the store in dir, and creates it if there is none. It fails if another process has the folder
// open, or if the data has a version that this program does not know. The time it takes does not grow with the data.
// While the disk is full, it waits for space until ctx ends.
func OpenPatiently(ctx context.Context, dir string, opts Options) (*Store, error) {
	o := opts.withDefaults()
	s := &Store{now: o.Now, stop: make(chan struct{}), onDisk: o.fs == vfs.Default, salvage: o.Salvage, diary: &diary{log: o.Logger}}
	for _, l := range []*locks{&s.users, &s.rooms, &s.members, &s.leases, &s.fates, &s.reads, &s.secrets, &s.jobs, &s.entries, &s.inboxes} {
		l.init()
	}
	d := &disk{FS: o.fs, dir: dir}
	s.health = newHealth(s.diary, o.tryEvery, d.hasSpace)
	d.health, s.disk = s.health, d
	var err error
	if s.folder, err = lockFolder(dir, o); err != nil {
		return nil, err
	}
	if wrong := d.unlisted(); wrong != "" {
		_ = s.folder.Close()
		return nil, fmt.Errorf("cannot open the data folder %s: %w: %w (%s); %s", dir, errDamaged, errUnlisted, wrong, damageTodo)
	}
	if lost := d.missing(); lost != "" {
		s.lostLogs = append(s.lostLogs, lost)
		s.diary.error("embedded store: a part of the newest log is missing: changes that were acknowledged are lost",
			"missing", lost, "what to do", "look after the disk; if there is a backup that is newer, go on from it")
	}
	if err := s.openDB(ctx, d, o); err != nil {
		d.closeNotes()
		_ = s.folder.Close()
		return nil, fmt.Errorf("cannot open the data folder %s: %w", dir, err)
	}
	s.health.opened()
	if !o.ReadOnly {
		s.expirers.Go(func() { s.expireEvery(o.ExpireEvery) })
	}
	return s, nil
}

// ErrInUse is the cause of the error for a folder that another process has open.
var ErrInUse = errors.New("is in use by another confab: stop that first")

// lockFolder creates the folder and takes its lock. It does not change a folder that is opened for reading only.
func lockFolder(dir string, o Options) (io.Closer, error) {
	name := o.fs.PathJoin(dir, "LOCK")
	if o.ReadOnly {
		if _, err := o.fs.Stat(name); err != nil {
			return io.NopCloser(nil), nil // no server was here
		}
	} else if err := o.fs.MkdirAll(dir, folderMode); err != nil {
		return nil, fmt.Errorf("cannot make the data folder %s: %w", dir, err)
	}
	folder, err := o.fs.Lock(name)
	switch {
	case err == nil:
		return folder, nil
	case o.ReadOnly && errors.Is(err, syscall.EROFS):
		return io.NopCloser(nil), nil // nothing writes here: systems mount a disk with errors read-only
	case errors.Is(err, os.ErrPermission), errors.Is(err, syscall.EROFS), passing(err):
		return nil, fmt.Errorf("cannot write to the data folder %s: %w", dir, err)
	default:
		return nil, fmt.Errorf("the data folder %s %w", dir, ErrInUse)
	}
}

// openDB opens the database. It also returns when ctx ends or the disk fails.
func (s *Store) openDB(ctx context.Context, d *disk, o Options) error {
	opened := make(chan error, 1)
	go func() { opened <- s.openNow(d, o) }()
	var cause error
	select {
	case err := <-opened:
		return err
	case <-ctx.Done():
		cause = ctx.Err()
	case <-s.health.broken:
		cause = s.health.present()
	}
	s.health.cut()
	if err := <-opened; err == nil {
		_ = s.closeDB()
	}
	return cause
}

func (s *Store) openNow(d *disk, o Options) (err error) {
	// The database may report invalid data by a panic.
	defer func() {
		if what := recover(); what != nil {
			err = fmt.Errorf("%w: %v; %s", errDamaged, what, damageTodo)
		}
	}()
	p := &pebble.Options{
		FS:            d,
		ReadOnly:      o.ReadOnly,
		MaxOpenFiles:  o.OpenFiles, // its own default when zero
		Logger:        &logger{diary: s.diary},
		EventListener: s.health.listener(o.Salvage),
		CacheSize:     o.CacheBytes,
		// Fixed, so that a new library does not change data that an older confab must read.
		FormatMajorVersion:          pebble.FormatValueSeparation,
		MemTableSize:                uint64(o.MemTableBytes),
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       2,
		L0StopWritesThreshold:       1000,
		CompactionConcurrencyRange:  func() (int, int) { return 1, 2 },
	}
	p.DisableConsistencyCheck = o.Salvage // of files that are missing
	for i := range p.Levels {
		p.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	s.db, err = pebble.Open(d.dir, p)
	if o.Salvage && pebble.IsCorruptionError(err) {
		var lost []string
		if lost, p.FS = cutLogs(d); lost != nil {
			s.lostLogs = append(s.lostLogs, lost...)
			s.db, err = pebble.Open(d.dir, p)
		}
	}
	if err != nil {
		if pebble.IsCorruptionError(err) {
			err = fmt.Errorf("%w: %w; %s", errDamaged, err, damageTodo)
		}
		return err
	}
	s.committer = newCommitter(s.db, s.ended)
	err = s.checkFormat(o.ReadOnly)
	if err == nil {
		err = s.loadTimes()
	}
	if err == nil && !o.ReadOnly {
		err = s.noteFootprints()
	}
	if err != nil {
		_ = s.closeDB()
		return err
	}
	return nil
}

// formatVersion is the version of keys and values of a new database. It rises to payloadFormat with the first message that
// has a payload of its own: an older confab would lose it when it writes the message's row, or its outcome, anew.
const (
	formatVersion = "1"
	payloadFormat = "2"
)

func formatKey() key { return table(tableMeta).last("format") }

// keepsPayload makes sure that older programs do not open a database with this payload. Those of notices may be lost: the
// text says the same.
func (s *Store) keepsPayload(p chat.Payload) error {
	if p.Plain() || p.Kind == chat.NoticeKind || s.payloads.Load() {
		return nil
	}
	if err := s.db.Set(formatKey(), []byte(payloadFormat), pebble.Sync); err != nil {
		return s.unavailable("write", err)
	}
	s.payloads.Store(true)
	return nil
}

// checkFormat refuses data of other versions and of other programs, and marks a
// new database as ours.
func (s *Store) checkFormat(readOnly bool) error {
	k := formatKey()
	v, err := s.get(k)
	switch {
	case err == nil && (string(v) == formatVersion || string(v) == payloadFormat):
		s.payloads.Store(string(v) == payloadFormat)
		return nil
	case err == nil:
		return fmt.Errorf("its format is %q, this confab knows up to %q: %w", v, payloadFormat, errFormat)
	case s.salvage && pebble.IsCorruptionError(err):
		s.lose(k, k.after()) // the rest may be well, and can only be read as this version's
		return nil
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
	if readOnly {
		return nil
	}
	b := s.db.NewBatch()
	set(b, k, []byte(formatVersion))
	set(b, footprintsSinceKey(), nil)
	if err := b.Commit(pebble.Sync); err != nil {
		return err
	}
	// The database begins its first log in an old format, in which damage looks like a torn write. A flush begins
	// another log.
	return s.db.Flush()
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

// Checkpoint copies the present data to a new folder dir, while the store stays in use, with the files in FilesFolder. Open
// can open the copy. Like the data folder, only its owner has access to it. The files come after the data: all that the copy
// knows of are in it, but those that somebody removes during the call.
func (s *Store) Checkpoint(dir string) error {
	if err := s.begin(context.Background()); err != nil {
		return err
	}
	defer s.calls.Done()
	err := s.within(context.Background(), func() error {
		return s.db.Checkpoint(dir, pebble.WithFlushedWAL())
	})
	if err != nil {
		return err
	}
	if s.onDisk {
		err := copyFiles(s.disk.dir, dir, func(_ string, err error) error { return err })
		if err = errors.Join(err, os.Chmod(dir, folderMode)); err != nil {
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
	close(s.health.closing)
	closed := make(chan error, 1)
	go func() {
		s.expirers.Wait()
		s.calls.Wait()
		closed <- s.closeDB()
	}()
	if err := errors.Join(s.closedOrCut(closed), s.folder.Close()); err != nil {
		return s.unavailable("close", err)
	}
	return nil
}

// closedOrCut waits until the database is closed. If the disk has a fault, it does not wait for the disk: what is not
// on disk was not acknowledged.
func (s *Store) closedOrCut(closed <-chan error) error {
	for {
		select {
		case err := <-closed:
			return err
		case <-s.health.faulted():
			if fault := s.health.present(); fault != nil {
				s.health.cut()
				<-closed //nolint:errcheck // the fault is the reason
				return fault
			}
		}
	}
}

func (s *Store) closeDB() (err error) {
	defer func() {
		if what := recover(); what != nil {
			err = fmt.Errorf("embedded: the database did not close: %v", what)
		}
	}()
	defer s.disk.closeNotes()
	s.committer.close()
	return s.db.Close()
}
