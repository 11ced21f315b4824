package embedded

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/logtest"
)

// badFS fails chosen operations, as a disk does that is full or has no descriptors left.
type badFS struct {
	vfs.FS
	create, write atomic.Pointer[syscall.Errno]
}

type badFile struct {
	vfs.File
	fs *badFS
}

func (b *badFS) err(p *atomic.Pointer[syscall.Errno]) error {
	if e := p.Load(); e != nil {
		return &os.PathError{Op: "test", Path: "file", Err: *e}
	}
	return nil
}

func (b *badFS) open(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &badFile{f, b}, nil
}

func (b *badFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := b.err(&b.create); err != nil {
		return nil, err
	}
	return b.open(b.FS.Create(name, c))
}

func (b *badFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := b.err(&b.create); err != nil {
		return nil, err
	}
	return b.open(b.FS.ReuseForWrite(from, to, c))
}

// Write fails as write(2) may: after half of it.
func (f *badFile) Write(p []byte) (int, error) {
	if err := f.fs.err(&f.fs.write); err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, err
	}
	return f.File.Write(p)
}

var (
	noSpace       = syscall.ENOSPC
	noDescriptors = syscall.EMFILE
)

// logged is Options for a store on fs whose log can be read.
func logged(fs vfs.FS) (Options, *logtest.Buffer) {
	log := &logtest.Buffer{}
	o := on(fs)
	o.Logger = slog.New(slog.NewTextHandler(log, nil))
	o.tryEvery = time.Millisecond
	return o, log
}

func requireWrites(t *testing.T, s *Store) {
	t.Helper()
	require.Eventually(t, func() bool { return s.Fault() == nil }, 10*time.Second, time.Millisecond)
	require.NoError(t, s.Append(context.Background(), aLog, message("after")))
}

func TestAFullDiskIsWaitedFor(t *testing.T) {
	mem := vfs.NewCrashableMem()
	fs := &badFS{FS: mem}
	o, log := logged(fs)
	s := open(t, "data", o)
	ctx := context.Background()
	m := message("before")
	require.NoError(t, s.Append(ctx, aLog, m))
	session := auth.Session{Hash: auth.Hash{1}, Tenant: "t", Login: "ann", ExpiresAt: time.Now().Add(time.Minute).UTC().Truncate(time.Millisecond)}
	ending := auth.Session{Hash: auth.Hash{2}, Tenant: "t", Login: "ann", ExpiresAt: session.ExpiresAt}
	require.NoError(t, s.PutSession(ctx, session))
	require.NoError(t, s.PutSession(ctx, ending))

	fs.write.Store(&noSpace)
	for range 100 {
		err := s.Append(ctx, aLog, message("refused"))
		require.True(t, chat.IsKind(err, chat.Unavailable), "%v", err)
		require.ErrorIs(t, err, noSpace)
		require.True(t, chat.Reported(err), "requests need not log it")
	}
	require.False(t, s.Fault().Restart, "it goes on by itself")
	require.Len(t, log.Lines("level=ERROR"), 1, "one line for one fault")

	// Reading, logging in and logging out go on.
	got, err := s.Message(ctx, aLog, m.ID)
	require.NoError(t, err)
	require.Equal(t, m, got)
	later := session.ExpiresAt.Add(time.Hour)
	require.NoError(t, s.ExtendSession(ctx, session.Hash, later))
	fresh := auth.Session{Hash: auth.Hash{3}, Tenant: "t", Login: "ann", ExpiresAt: later}
	require.NoError(t, s.PutSession(ctx, fresh))
	err = s.DeleteSession(ctx, ending.Hash)
	require.True(t, chat.IsKind(err, chat.Unavailable), "%v", err)
	require.ErrorIs(t, err, auth.ErrUnwritten)
	requireSessions := func(s *Store) {
		t.Helper()
		got, err := s.Session(ctx, session.Hash)
		require.NoError(t, err)
		require.Equal(t, later, got.ExpiresAt, "it was extended")
		_, err = s.Session(ctx, ending.Hash)
		require.True(t, chat.IsKind(err, chat.NotFound), "it has ended: %v", err)
		of, err := s.SessionsOf(ctx, "t", "ann", 10)
		require.NoError(t, err)
		require.Len(t, of, 2)
		require.Equal(t, session.Hash, of[0].Hash)
		require.Equal(t, fresh.Hash, of[1].Hash)
	}
	requireSessions(s)

	fs.write.Store(nil)
	requireWrites(t, s)
	require.Eventually(t, func() bool { return s.held.n.Load() == 0 }, 10*time.Second, time.Millisecond, "what was held is written")
	requireSessions(s)
	after := open(t, "data", on(mem.CrashClone(vfs.CrashCloneCfg{})))
	requireSessions(after)
	ms, err := after.Older(ctx, aLog, id.Max, 10)
	require.NoError(t, err)
	require.Equal(t, "after", ms[0].Content)
	require.Equal(t, m, ms[len(ms)-1])
}

// Ending a session that was begun while the disk was full ends it also when it is written at that moment.
func TestASessionThatWasHeldCanBeEnded(t *testing.T) {
	fs := &badFS{FS: vfs.NewMem()}
	o, _ := logged(fs)
	s := open(t, "data", o)
	ctx := context.Background()
	for range 50 {
		fs.write.Store(&noSpace)
		require.Error(t, s.Append(ctx, aLog, message("refused")))
		session := auth.Session{Hash: auth.Hash{1}, Tenant: "t", Login: "ann", ExpiresAt: time.Now().Add(time.Hour)}
		require.NoError(t, s.PutSession(ctx, session))
		fs.write.Store(nil)
		require.Eventually(t, func() bool { return s.DeleteSession(ctx, session.Hash) == nil }, 10*time.Second, time.Millisecond)
		_, err := s.Session(ctx, session.Hash)
		require.True(t, chat.IsKind(err, chat.NotFound), "%v", err)
		require.Eventually(t, func() bool { return s.held.n.Load() == 0 }, 10*time.Second, time.Millisecond)
		_, err = s.Session(ctx, session.Hash)
		require.True(t, chat.IsKind(err, chat.NotFound), "%v", err)
	}
}

// The database changes its log for a new one again and again, with its locks held.
func TestDescriptorsThatAreUsedUpAreWaitedFor(t *testing.T) {
	fs := &badFS{FS: vfs.NewMem()}
	o, log := logged(fs)
	s := open(t, "data", o)
	ctx := context.Background()
	fs.create.Store(&noDescriptors)
	var wg sync.WaitGroup
	large := strings.Repeat("x", 60_000)
	var acknowledged atomic.Int64
	for range 8 {
		wg.Go(func() {
			for s.Append(ctx, aLog, message(large)) == nil {
				acknowledged.Add(1)
			}
		})
	}
	wg.Wait() // every caller returns
	require.False(t, s.Fault().Restart)
	require.Len(t, log.Lines("level=ERROR"), 1)
	ms, err := s.Older(ctx, aLog, id.Max, 1)
	require.NoError(t, err)
	require.Len(t, ms, 1, "it can be read")
	fs.create.Store(nil)
	requireWrites(t, s)
	ms, err = s.Older(ctx, aLog, id.Max, 10_000)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(ms), int(acknowledged.Load()))
}

func TestAStoreOnAFullDiskCloses(t *testing.T) {
	mem := vfs.NewMem()
	fs := &badFS{FS: mem}
	o, _ := logged(fs)
	s := open(t, "data", o)
	m := message("before")
	require.NoError(t, s.Append(context.Background(), aLog, m))
	fs.write.Store(&noSpace)
	require.Error(t, s.Append(context.Background(), aLog, message("refused")))
	require.ErrorIs(t, s.Close(), noSpace)
	fs.write.Store(nil)
	s = open(t, "data", on(mem))
	_, err := s.Message(context.Background(), aLog, m.ID)
	require.NoError(t, err)
}

func TestOpeningWaitsForAFullDisk(t *testing.T) {
	fs := &badFS{FS: vfs.NewMem()}
	o, log := logged(fs)
	s := open(t, "data", o)
	m := message("before")
	require.NoError(t, s.Append(t.Context(), aLog, m))
	require.NoError(t, s.Close())

	fs.write.Store(&noSpace)
	for _, end := range []bool{true, false} {
		ctx, cancel := context.WithCancel(t.Context())
		opened := make(chan error, 1)
		go func() {
			var err error
			s, err = OpenPatiently(ctx, "data", o)
			opened <- err
		}()
		require.Eventually(t, func() bool { return len(log.Lines("level=ERROR")) > 0 }, 10*time.Second, time.Millisecond)
		if end {
			cancel()
			require.ErrorIs(t, <-opened, context.Canceled)
			continue
		}
		fs.write.Store(nil)
		require.NoError(t, <-opened)
		defer s.Close()
		cancel()
	}
	lines := log.Lines("level=ERROR")
	require.LessOrEqual(t, len(lines), 2, "one line for each opening")
	require.Contains(t, lines[0], "free some space: the server then starts by itself")
	_, err := s.Message(t.Context(), aLog, m.ID)
	require.NoError(t, err)
	require.NoError(t, s.Append(t.Context(), aLog, message("after")))
}

// What only seemed to be written cannot be read. That is no damage.
func TestAStoreThatIsCutOffReportsNoDamage(t *testing.T) {
	fs := &badFS{FS: vfs.NewMem()}
	o, log := logged(fs)
	s := open(t, "data", o)
	fs.write.Store(&noSpace)
	require.Error(t, s.Append(t.Context(), aLog, message("refused")))
	require.Error(t, s.Close())
	before := len(log.Lines("level=ERROR"))
	s.health.listener(true).DataCorruption(pebble.DataCorruptionInfo{Path: "000007.sst"})
	require.True(t, chat.IsKind(s.corrupt(errors.New("no such block")), chat.Unavailable))
	require.Len(t, log.Lines("level=ERROR"), before)
}

func TestAFolderThatIsRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	o, log := logged(vfs.Default)
	s := open(t, dir, o)
	require.NoError(t, s.Append(t.Context(), aLog, message("before")))
	require.NoError(t, os.RemoveAll(dir))
	require.Eventually(t, func() bool {
		err := s.Append(t.Context(), aLog, message("lost"))
		return chat.IsKind(err, chat.Unavailable)
	}, 10*time.Second, 10*time.Millisecond, "what goes into a removed file is not acknowledged")
	require.True(t, s.Fault().Restart)
	require.Contains(t, s.Fault().What, "not there any more")
	require.Len(t, log.Lines("level=ERROR"), 1)
	require.Error(t, s.Close())
}

// damage changes some bytes in the middle of the largest file of data.
func damage(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	require.NoError(t, err)
	var largest string
	var size int64
	for _, f := range files {
		if info, err := os.Stat(f); err == nil && info.Size() > size {
			largest, size = f, info.Size()
		}
	}
	f, err := os.OpenFile(largest, os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	_, err = f.WriteAt(bytes.Repeat([]byte{0xaa}, 512), size/4)
	require.NoError(t, err)
}

func TestADamagedBlockIsAnErrorOfWhatIsInIt(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, quiet())
	ctx := t.Context()
	for range 2000 {
		require.NoError(t, s.AppendBatch(ctx, aLog, []chat.Message{message(strings.Repeat("x", 1000))}))
	}
	require.NoError(t, s.db.Flush())
	require.NoError(t, s.Close())
	damage(t, dir)

	o, log := logged(vfs.Default)
	s = open(t, dir, o)
	at, failed, read := id.Min, 0, 0
	for _, m := range []id.ID{id.Min, id.Max} {
		ms, err := s.Newer(ctx, aLog, at, true, 10_000)
		if err != nil {
			require.True(t, chat.IsKind(err, chat.Internal), "%v", err)
			failed++
		}
		read += len(ms)
		at = m
	}
	require.NotZero(t, failed)
	require.NoError(t, s.Append(ctx, aLog, message("others go on")))
	require.Contains(t, strings.Join(log.Lines("level=ERROR"), "\n"), "confab store check")
	require.NoError(t, s.Close())
}
