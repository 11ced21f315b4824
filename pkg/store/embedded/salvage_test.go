package embedded

import (
	"context"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// contents returns all files of a folder.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		all[e.Name()] = string(b)
	}
	return all
}

// filled makes a store with a room and n messages of 1 KB in it, on disk in tables if flushed, else in the log.
func filled(t *testing.T, n int, flushed bool) (dir string, r chat.Room, ms []chat.Message) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	s := open(t, dir, quiet())
	ctx := t.Context()
	require.NoError(t, s.CreateUser(ctx, "t", chat.User{Person: author}))
	r = room("lounge")
	require.NoError(t, s.CreateRoom(ctx, "t", r))
	for i := range n {
		ms = append(ms, message(fmt.Sprint(i, strings.Repeat("x", 1000))))
	}
	if flushed {
		require.NoError(t, s.AppendBatch(ctx, r.Log("t"), ms))
		require.NoError(t, s.db.Flush())
	} else {
		for _, m := range ms {
			require.NoError(t, s.Append(ctx, r.Log("t"), m))
		}
	}
	require.NoError(t, s.Close())
	return dir, r, ms
}

func TestRepairSavesWhatIsNotDamaged(t *testing.T) {
	dir, r, ms := filled(t, 2000, true)
	damage(t, dir)
	before := contents(t, dir)
	ctx := t.Context()

	report, err := Check(ctx, dir, quiet())
	require.NoError(t, err)
	require.NotEmpty(t, report.Lost)
	require.Contains(t, report.Lost[0], "messages of the room lounge at ")
	into := filepath.Join(t.TempDir(), "saved")
	repaired, err := Repair(ctx, dir, into, quiet())
	require.NoError(t, err)
	require.Equal(t, report, repaired)
	require.Equal(t, before, contents(t, dir), "the source is as it was")
	_, err = Repair(ctx, dir, into, quiet())
	require.ErrorContains(t, err, "name a new folder")

	s := open(t, into, quiet())
	saved := paged(t, s, r, 1000)
	require.Greater(t, len(saved), len(ms)*9/10)
	require.Less(t, len(saved), len(ms))
	require.Equal(t, ms[0], saved[0])
	require.Equal(t, ms[len(ms)-1], saved[len(saved)-1])
	_, err = s.User(ctx, "t", author.Login)
	require.NoError(t, err)
	requireMembers(t, s, r, author.Login)
	require.NoError(t, s.Close())
	report, err = Check(ctx, into, quiet())
	require.NoError(t, err)
	require.Empty(t, report.Lost)

	// Reading in pages passes over the same damage.
	o := quiet()
	o.Salvage = true
	s = open(t, dir, o)
	require.Equal(t, saved, paged(t, s, r, 100))
	require.NotEmpty(t, s.Lost())
}

// paged reads the messages of a room in pages.
func paged(t *testing.T, s *Store, r chat.Room, limit int) (all []chat.Message) {
	t.Helper()
	for at, inclusive := id.Min, true; ; inclusive = false {
		page, err := s.Newer(t.Context(), r.Log("t"), at, inclusive, limit)
		require.NoError(t, err)
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
		at = page[len(page)-1].ID
	}
}

// manyTables makes a store with a user, two rooms and their messages in several tables.
func manyTables(t *testing.T) (dir string, tables []pebble.SSTableInfo) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	s := open(t, dir, quiet())
	ctx := t.Context()
	require.NoError(t, s.CreateUser(ctx, "t", chat.User{Person: author}))
	random := rand.NewChaCha8([32]byte{}) // for contents that cannot be compressed
	for _, name := range []string{"first", "second"} {
		r := room(name)
		require.NoError(t, s.CreateRoom(ctx, "t", r))
		for range 60 {
			content := make([]byte, 64<<10)
			_, _ = random.Read(content)
			require.NoError(t, s.AppendBatch(ctx, r.Log("t"), []chat.Message{message(hex.EncodeToString(content))}))
		}
	}
	require.NoError(t, s.db.Compact(ctx, table(0), table(math.MaxUint8), false))
	levels, err := s.db.SSTables(pebble.WithProperties())
	require.NoError(t, err)
	for _, level := range levels {
		tables = append(tables, level...)
	}
	require.NoError(t, s.Close())
	return dir, tables
}

func TestRepairWithoutATable(t *testing.T) {
	dir, tables := manyTables(t)
	ctx := t.Context()
	whole, err := Check(ctx, dir, quiet())
	require.NoError(t, err)
	require.Empty(t, whole.Lost)
	ofMessages := 0
	for _, missing := range tables {
		name, aside := filepath.Join(dir, fmt.Sprintf("%06d.sst", missing.FileNum)), filepath.Join(t.TempDir(), "aside")
		require.NoError(t, os.Rename(name, aside))
		report, err := Check(ctx, dir, quiet())
		require.NoError(t, err)
		require.NotEmpty(t, report.Lost)
		require.Less(t, report.Rows, whole.Rows)
		into := filepath.Join(t.TempDir(), "saved")
		repaired, err := Repair(ctx, dir, into, quiet())
		require.NoError(t, err)
		require.Equal(t, report, repaired)
		saved, err := Check(ctx, into, quiet())
		require.NoError(t, err)
		require.Empty(t, saved.Lost)

		if missing.Smallest.UserKey[0] == tableMessage && missing.Largest.UserKey[0] == tableMessage {
			ofMessages++
			require.Len(t, report.Lost, 1)
			require.Contains(t, report.Lost[0], "messages of the room ")
			require.Equal(t, whole.Rows-int64(missing.Properties.NumEntries), report.Rows, "all rows of other tables")
			s := open(t, into, quiet())
			_, err = s.User(ctx, "t", author.Login)
			require.NoError(t, err)
			require.NoError(t, s.Close())
		}
		require.NoError(t, os.Rename(aside, name))
	}
	require.NotZero(t, ofMessages)
}

func TestTheSearchForWhatCanBeReadEndsWithItsContext(t *testing.T) {
	dir, tables := manyTables(t)
	for _, f := range tables {
		require.NoError(t, os.Remove(filepath.Join(dir, fmt.Sprintf("%06d.sst", f.FileNum))))
	}
	o := quiet()
	o.Salvage = true
	s := open(t, dir, o)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	prefix := table(tableMessage)
	err := s.scan(ctx, prefix, prefix, func(_, _ []byte) (bool, error) { return true, nil })
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.nextReadable(ctx, prefix, prefix.end())
	require.ErrorIs(t, err, context.Canceled)
	for _, l := range s.Lost() {
		require.NotContains(t, l, "messages", "it was not searched to its end")
	}
}

func TestRepairOfADamagedLog(t *testing.T) {
	dir, r, ms := filled(t, 100, false)
	logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
	require.NoError(t, err)
	slices.Sort(logs)
	f, err := os.OpenFile(logs[len(logs)-1], os.O_RDWR, 0)
	require.NoError(t, err)
	info, err := f.Stat()
	require.NoError(t, err)
	_, err = f.WriteAt([]byte(strings.Repeat("damage", 100)), info.Size()/4)
	require.NoError(t, err)
	require.NoError(t, f.Close())

	_, err = Open(dir, quiet())
	require.ErrorContains(t, err, "confab store check")
	before := contents(t, dir)
	report, err := Check(t.Context(), dir, quiet())
	require.NoError(t, err)
	require.Len(t, report.Lost, 1)
	require.Contains(t, report.Lost[0], "is damaged after")
	into := filepath.Join(t.TempDir(), "saved")
	_, err = Repair(t.Context(), dir, into, quiet())
	require.NoError(t, err)
	require.Equal(t, before, contents(t, dir))
	s := open(t, into, quiet())
	saved, err := s.Newer(t.Context(), r.Log("t"), id.Min, true, 1000)
	require.NoError(t, err)
	require.Equal(t, ms[:len(saved)], saved)
}

// The database does not notice damage near the end of the newest log.
func TestADamagedEndOfTheNewestLogIsNoticed(t *testing.T) {
	dir, r, ms := filled(t, 20, false)
	logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
	require.NoError(t, err)
	slices.Sort(logs)
	f, err := os.OpenFile(logs[len(logs)-1], os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("damage"), 10_000)
	require.NoError(t, err)
	require.NoError(t, f.Close())

	report, err := Check(t.Context(), dir, quiet())
	require.NoError(t, err)
	require.Len(t, report.Lost, 1)
	require.Contains(t, report.Lost[0], "can be read up to")
	o, log := logged(vfs.Default)
	s := open(t, dir, o)
	require.Len(t, log.Lines("level=ERROR"), 1)
	require.Contains(t, log.Lines("level=ERROR")[0], "a part of the newest log is missing")
	saved, err := s.Newer(t.Context(), r.Log("t"), id.Min, true, 1000)
	require.NoError(t, err)
	require.NotEmpty(t, saved)
	require.Equal(t, ms[:len(saved)], saved)
}

func TestANewestLogThatIsCutOffIsNoticed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := open(t, dir, quiet())
	require.NoError(t, s.Append(t.Context(), aLog, message("lost")))
	require.NoError(t, s.Close())
	requireReport := func(n int) {
		t.Helper()
		report, err := Check(t.Context(), dir, quiet())
		require.NoError(t, err)
		require.Len(t, report.Lost, n)
	}
	requireReport(0)
	logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
	require.NoError(t, err)
	slices.Sort(logs)
	require.NoError(t, os.Truncate(logs[len(logs)-1], 0))
	requireReport(1)
	o, log := logged(vfs.Default)
	s = open(t, dir, o)
	require.Len(t, log.Lines("level=ERROR"), 1)
	require.Contains(t, log.Lines("level=ERROR")[0], "a part of the newest log is missing")
	require.NoError(t, s.Append(context.Background(), aLog, message("goes on")))
	require.NoError(t, s.Close())
	require.NoError(t, open(t, dir, o).Close())
	require.Len(t, log.Lines("level=ERROR"), 1, "said once")
}

// The files that people sent go along: with a repaired store and with a copy of one in use. Neither shares what changes later.
func TestCopiesHaveTheFiles(t *testing.T) {
	dir, r, ms := filled(t, 10, false)
	s := open(t, dir, quiet())
	put := func(name, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(s.FilesFolder(), name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(s.FilesFolder(), name), []byte(text), 0o600))
	}
	put("t/a", "a picture")
	put("app-1/b", "another")
	put("t/c.123.tmp", "not complete")
	copied, repaired := filepath.Join(t.TempDir(), "copy"), filepath.Join(t.TempDir(), "repaired")
	require.NoError(t, s.Checkpoint(copied))
	require.NoError(t, os.Remove(filepath.Join(s.FilesFolder(), "app-1/b")))
	put("t/d", "of later")
	require.NoError(t, s.Close())
	_, err := Repair(t.Context(), dir, repaired, quiet())
	require.NoError(t, err)
	for into, want := range map[string]map[string]string{copied: {"t/a": "a picture", "app-1/b": "another"}, repaired: {"t/a": "a picture", "t/d": "of later"}} {
		c := open(t, into, quiet())
		require.Equal(t, ms, paged(t, c, r, 100))
		got := map[string]string{}
		for _, folder := range []string{"t", "app-1"} {
			for name, text := range contents(t, filepath.Join(c.FilesFolder(), folder)) {
				got[folder+"/"+name] = text
			}
		}
		require.Equal(t, want, got)
		info, err := os.Stat(c.FilesFolder())
		require.NoError(t, err)
		require.Equal(t, os.FileMode(folderMode), info.Mode().Perm())
		require.NoError(t, c.Close())
	}
}

// On another disk the files are copied. One that cannot be read is lost, and no part of it is there.
func TestFilesAreCopiedToAnotherDisk(t *testing.T) {
	from, to := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	require.NoError(t, os.WriteFile(from, []byte("a picture"), 0o600))
	require.NoError(t, copyFile(from, to))
	text, err := os.ReadFile(to)
	require.NoError(t, err)
	require.Equal(t, "a picture", string(text))
	require.ErrorIs(t, copyFile(from, to), os.ErrExist, "never over another one")
	var unreadable *readError
	require.ErrorAs(t, copyFile(t.TempDir(), to+"2"), &unreadable, "a folder cannot be read")
	require.NoFileExists(t, to+"2")
}
