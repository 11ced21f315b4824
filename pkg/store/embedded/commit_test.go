package embedded

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// gatedFS lets a test hold back the syncs of write-ahead logs, count them, and make them fail.
type gatedFS struct {
	vfs.FS
	gate  sync.RWMutex // locked: syncs wait
	syncs atomic.Int64
	fail  atomic.Pointer[error]
}

type gatedFile struct {
	vfs.File
	fs *gatedFS
}

func newGatedFS() *gatedFS { return &gatedFS{FS: vfs.NewCrashableMem()} }

func (g *gatedFS) wrap(name string, f vfs.File, err error) (vfs.File, error) {
	if err != nil || !strings.HasSuffix(name, ".log") {
		return f, err
	}
	return &gatedFile{File: f, fs: g}, nil
}

func (g *gatedFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := g.FS.Create(name, c)
	return g.wrap(name, f, err)
}

func (g *gatedFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := g.FS.ReuseForWrite(from, to, c)
	return g.wrap(to, f, err)
}

func (f *gatedFile) synced(sync func() error) error {
	f.fs.gate.RLock()
	defer f.fs.gate.RUnlock()
	if err := f.fs.fail.Load(); err != nil {
		return *err
	}
	f.fs.syncs.Add(1)
	return sync()
}

func (f *gatedFile) Sync() error     { return f.synced(f.File.Sync) }
func (f *gatedFile) SyncData() error { return f.synced(f.File.SyncData) }
func (f *gatedFile) SyncTo(n int64) (bool, error) {
	return true, f.synced(f.File.Sync)
}

func TestConcurrentAppendsShareSyncs(t *testing.T) {
	const writers = 64
	fs := newGatedFS()
	s := open(t, "data", on(fs))
	ctx := context.Background()
	before := fs.syncs.Load()

	fs.gate.Lock()
	var acknowledged atomic.Int64
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			if err := s.Append(ctx, aLog, message("x")); err != nil {
				t.Error(err)
			}
			acknowledged.Add(1)
		})
	}
	// All are in the log, and visible, before any sync.
	require.Eventually(t, func() bool {
		ms, err := s.Older(ctx, aLog, id.Max, 2*writers)
		return err == nil && len(ms) == writers
	}, 10*time.Second, time.Millisecond)
	require.Zero(t, acknowledged.Load(), "acknowledged without a sync")
	fs.gate.Unlock()
	wg.Wait()
	require.EqualValues(t, writers, acknowledged.Load())
	// One for who came first, one for all who came while it waited; a third if the
	// database closed a block in between.
	require.LessOrEqual(t, fs.syncs.Load()-before, int64(3))
}

func TestLocksAreFreeDuringSyncs(t *testing.T) {
	fs := newGatedFS()
	s := open(t, "data", on(fs))
	ctx := context.Background()
	r := room("games")
	require.NoError(t, s.CreateRoom(ctx, "t", r))

	fs.gate.Lock()
	var wg sync.WaitGroup
	for _, login := range []string{"a", "b", "c", "d"} {
		wg.Go(func() {
			changed, err := s.Join(ctx, "t", r, chat.Person{Login: login}, id.ID{})
			if err != nil || !changed {
				t.Errorf("%v, %v", changed, err)
			}
		})
	}
	// All four joins of one room get as far as the sync.
	require.Eventually(t, func() bool {
		people, err := s.Participants(ctx, "t", r.ID, "", 10)
		return err == nil && len(people) == 5
	}, 10*time.Second, time.Millisecond)
	fs.gate.Unlock()
	wg.Wait()
}

func TestWhatIsSoAlreadyIsDurableToo(t *testing.T) {
	fs := newGatedFS()
	s := open(t, "data", on(fs))
	ctx := context.Background()
	r := room("games")
	require.NoError(t, s.CreateRoom(ctx, "t", r))
	first := message("hello")
	retry := first
	retry.ID = ids.New()

	for name, change := range map[string]func() error{
		"join": func() error {
			_, err := s.Join(ctx, "t", r, chat.Person{Login: "a"}, id.ID{})
			return err
		},
		"append once": func() error {
			_, _, err := s.AppendOnce(ctx, aLog, "k", retry, id.ID{})
			return err
		},
		"secret": func() error {
			_, err := s.Secret(ctx, "name", []byte("x"))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			fs.gate.Lock()
			var wg sync.WaitGroup
			var done atomic.Int64
			started := make(chan struct{}, 2)
			for range 2 {
				wg.Go(func() {
					started <- struct{}{}
					if err := change(); err != nil {
						t.Error(err)
					}
					done.Add(1)
				})
			}
			<-started
			<-started
			// Neither who made the change nor who found it made may answer before the sync.
			require.Never(t, func() bool { return done.Load() > 0 }, 50*time.Millisecond, 5*time.Millisecond)
			fs.gate.Unlock()
			wg.Wait()
		})
	}
}

func TestADeadlineEndsTheWaitForTheDisk(t *testing.T) {
	fs := newGatedFS()
	s := open(t, "data", on(fs))
	fs.gate.Lock()
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error)
	go func() { result <- s.Append(ctx, aLog, message("x")) }()
	require.Eventually(t, func() bool {
		ms, err := s.Older(context.Background(), aLog, id.Max, 1)
		return err == nil && len(ms) == 1
	}, 10*time.Second, time.Millisecond)
	cancel()
	err := <-result
	require.True(t, chat.IsKind(err, chat.Unavailable), "%v", err)
	require.ErrorIs(t, err, context.Canceled)
	fs.gate.Unlock()
	require.NoError(t, s.Append(context.Background(), aLog, message("y")))
}

func TestCloseWaitsForTheDisk(t *testing.T) {
	fs := newGatedFS()
	s := open(t, "data", on(fs))
	m := message("x")
	fs.gate.Lock()
	appended, closed := make(chan error, 1), make(chan error, 1)
	go func() { appended <- s.Append(context.Background(), aLog, m) }()
	require.Eventually(t, func() bool {
		ms, err := s.Older(context.Background(), aLog, id.Max, 1)
		return err == nil && len(ms) == 1
	}, 10*time.Second, time.Millisecond)
	go func() { closed <- s.Close() }()
	// New calls are refused immediately; Close waits for the one under way.
	require.Eventually(t, func() bool {
		return chat.IsKind(s.Ping(context.Background()), chat.Unavailable)
	}, 10*time.Second, time.Millisecond)
	require.Never(t, func() bool { return len(closed) > 0 }, 50*time.Millisecond, 5*time.Millisecond)
	require.NotPanics(t, func() { _ = s.db.Metrics() }, "the database is open as long as a call needs it")
	fs.gate.Unlock()
	require.NoError(t, <-appended)
	require.NoError(t, <-closed)
}

// Every acknowledged change survives a crash that keeps nothing but what was synced, and
// both directions of membership agree in whatever else is kept.
func TestACrashLosesNothingAcknowledged(t *testing.T) {
	mem := vfs.NewCrashableMem()
	s := open(t, "data", on(mem))
	ctx := context.Background()
	r := room("games")
	h := auth.Hash{1}
	far := time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)
	m := message("hello")

	for _, step := range []struct {
		name  string
		do    func() error
		check func(t *testing.T, s *Store)
	}{
		{"create user", func() error { return s.CreateUser(ctx, "t", chat.User{Person: author}) },
			func(t *testing.T, s *Store) {
				_, err := s.User(ctx, "t", author.Login)
				require.NoError(t, err)
			}},
		{"create room", func() error { return s.CreateRoom(ctx, "t", r) },
			func(t *testing.T, s *Store) { requireMembers(t, s, r, author.Login) }},
		{"join", func() error { _, err := s.Join(ctx, "t", r, chat.Person{Login: "jdoe"}, id.ID{}); return err },
			func(t *testing.T, s *Store) { requireMembers(t, s, r, author.Login, "jdoe") }},
		{"append", func() error { return s.Append(ctx, r.Log("t"), m) },
			func(t *testing.T, s *Store) {
				ms, err := s.Older(ctx, r.Log("t"), id.Max, 10)
				require.NoError(t, err)
				require.Equal(t, []chat.Message{m}, ms)
			}},
		{"append once", func() error { _, _, err := s.AppendOnce(ctx, r.Log("t"), "k", message("once"), id.ID{}); return err },
			func(t *testing.T, s *Store) {
				_, repeated, err := s.AppendOnce(ctx, r.Log("t"), "k", message("once"), id.ID{})
				require.NoError(t, err)
				require.True(t, repeated)
			}},
		{"session", func() error {
			return s.PutSession(ctx, auth.Session{Hash: h, Tenant: "t", Login: "jdoe", ExpiresAt: far})
		}, func(t *testing.T, s *Store) {
			of, err := s.SessionsOf(ctx, "t", "jdoe", 10)
			require.NoError(t, err)
			require.Len(t, of, 1)
		}},
		{"leave", func() error { _, err := s.Leave(ctx, "t", r, "jdoe"); return err },
			func(t *testing.T, s *Store) { requireMembers(t, s, r, author.Login) }},
		{"delete room", func() error { return s.DeleteRoom(ctx, "t", r) },
			func(t *testing.T, s *Store) {
				_, err := s.Room(ctx, "t", r.Name)
				require.True(t, chat.IsKind(err, chat.NotFound))
				requireMembers(t, s, r)
			}},
	} {
		t.Run(step.name, func(t *testing.T) {
			require.NoError(t, step.do())
			after := open(t, "data", on(mem.CrashClone(vfs.CrashCloneCfg{})))
			step.check(t, after)
			require.NoError(t, after.Close())
		})
	}
}

// requireMembers requires that both directions of membership say the same.
func requireMembers(t *testing.T, s *Store, r chat.Room, logins ...string) {
	t.Helper()
	people, err := s.Participants(t.Context(), "t", r.ID, "", 10)
	require.NoError(t, err)
	require.Len(t, people, len(logins))
	for i, login := range logins {
		require.Equal(t, login, people[i].Login)
	}
	for _, login := range []string{author.Login, "jdoe"} {
		in, err := s.RoomsOf(t.Context(), "t", login, "", 10)
		require.NoError(t, err)
		var want []chat.RoomRef
		for _, p := range people {
			if p.Login == login {
				want = append(want, r.Ref())
			}
		}
		require.Equal(t, want, in, login)
	}
}
