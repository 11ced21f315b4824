package backup_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/confab-chat/confab/pkg/backup"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/store/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

func open(t *testing.T, dir string) *embedded.Store {
	t.Helper()
	s, err := embedded.Open(dir, embedded.Options{Logger: quiet, CacheBytes: 1 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// While people write, a backup has all that was acknowledged before it was asked for.
func TestUnderLoad(t *testing.T) {
	st := open(t, t.TempDir())
	root := filepath.Join(t.TempDir(), "backups")
	b := backup.New(st, root, time.Now)
	l := chat.Log{Tenant: "t", ID: id.NewGenerator(nil).New()}
	ids := id.NewGenerator(nil)

	const writers = 8
	var mu sync.Mutex
	acknowledged := map[id.ID]string{}
	enough := make(chan struct{})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var once sync.Once
	for w := range writers {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				m := chat.Message{ID: ids.New(), Author: chat.Person{Login: "a"}, Content: fmt.Sprint(w, n)}
				if err := st.Append(context.Background(), l, m); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				acknowledged[m.ID] = m.Content
				if len(acknowledged) > 500 {
					once.Do(func() { close(enough) })
				}
				mu.Unlock()
			}
		})
	}
	<-enough
	var made []backup.Backup
	var before []map[id.ID]string
	for range 3 {
		mu.Lock()
		so := make(map[id.ID]string, len(acknowledged))
		for k, v := range acknowledged {
			so[k] = v
		}
		mu.Unlock()
		got, err := b.Make(t.Context(), fmt.Sprint("copy", len(made)))
		require.NoError(t, err)
		made, before = append(made, got), append(before, so)
	}
	close(stop)
	wg.Wait()
	for i, got := range made {
		require.Equal(t, filepath.Join(root, fmt.Sprint("copy", i)), got.Dir)
		require.Positive(t, got.Size)
		copied := open(t, got.Dir)
		ms, err := copied.Newer(t.Context(), l, id.Min, true, 1_000_000)
		require.NoError(t, err)
		there := map[id.ID]string{}
		for _, m := range ms {
			there[m.ID] = m.Content
		}
		for k, v := range before[i] {
			require.Equal(t, v, there[k])
		}
		// The copy is a store of its own.
		require.NoError(t, copied.Append(t.Context(), l, chat.Message{ID: ids.New(), Content: "in the copy"}))
		require.NoError(t, copied.Close())
	}
	ms, err := st.Newer(t.Context(), l, id.Min, true, 1_000_000)
	require.NoError(t, err)
	require.Len(t, ms, len(acknowledged))
}

func TestWhereBackupsGo(t *testing.T) {
	st := open(t, t.TempDir())
	root := filepath.Join(t.TempDir(), "backups")
	b := backup.New(st, root, func() time.Time { return time.Date(2015, 3, 15, 12, 3, 35, 0, time.UTC) })
	for _, bad := range []string{"..", ".", "../x", "a/b", "a/../../x", "/etc", "/", filepath.Dir(root), root, filepath.Join(root, "a", "b"),
		root + "x", ".hidden", "a\x00b", "a b", "-x", "ä", string(make([]byte, 200))} {
		_, err := b.Make(t.Context(), bad)
		require.True(t, chat.IsKind(err, chat.Invalid), "%q: %v", bad, err)
	}
	require.NoDirExists(t, root, "nothing was written")
	for name, want := range map[string]string{"": "20150315T120335Z", "a": "a", filepath.Join(root, "b"): "b", root + "/./c/": "c"} {
		got, err := b.Make(t.Context(), name)
		require.NoError(t, err)
		require.Equal(t, filepath.Join(root, want), got.Dir)
		info, err := os.Stat(got.Dir)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
		_, err = b.Make(t.Context(), name)
		require.True(t, chat.IsKind(err, chat.Conflict), "%v", err)
	}
	// A link that leads elsewhere is something of that name.
	outside := t.TempDir()
	require.NoError(t, os.Symlink(filepath.Join(outside, "x"), filepath.Join(root, "link")))
	_, err := b.Make(t.Context(), "link")
	require.True(t, chat.IsKind(err, chat.Conflict), "%v", err)
	left, err := os.ReadDir(outside)
	require.NoError(t, err)
	require.Empty(t, left)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = b.Make(ended, "late")
	require.True(t, chat.IsKind(err, chat.Unavailable), "%v", err)
}

func TestNoBackups(t *testing.T) {
	_, err := backup.New(struct{}{}, t.TempDir(), time.Now).Make(t.Context(), "a")
	require.True(t, chat.IsKind(err, chat.Invalid), "%v", err)
	_, err = backup.New(open(t, t.TempDir()), "", time.Now).Make(t.Context(), "a")
	require.True(t, chat.IsKind(err, chat.Invalid), "%v", err)
}

// breaking writes something and fails.
type breaking struct{ err error }

func (b breaking) Checkpoint(dir string) error {
	return errors.Join(b.err, os.Mkdir(dir, 0o700))
}

// A failed backup leaves nothing behind, and the remains of an interrupted one do not prevent the next.
func TestInterrupted(t *testing.T) {
	root := t.TempDir()
	broken := errors.New("broken")
	err := backup.Copy(breaking{broken}, filepath.Join(root, "a"))
	require.ErrorIs(t, err, broken)
	left, err := os.ReadDir(root)
	require.NoError(t, err)
	require.Empty(t, left)

	require.NoError(t, os.MkdirAll(filepath.Join(root, ".a.partial", "x"), 0o700))
	require.NoError(t, backup.Copy(open(t, t.TempDir()), filepath.Join(root, "a")))
	left, err = os.ReadDir(root)
	require.NoError(t, err)
	require.Len(t, left, 1)
}
