package embedded

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// newest returns the last file of a folder that matches.
func newest(t *testing.T, dir, pattern string) string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, pattern))
	require.NoError(t, err)
	require.NotEmpty(t, all)
	slices.Sort(all)
	return all[len(all)-1]
}

// overwrite damages a file.
func overwrite(t *testing.T, name string, at int64) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("damage"), at)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// The database would take what it can read of its list of files for all, and remove the other files.
func TestADamagedListOfFiles(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, dir string){
		"emptied": func(t *testing.T, dir string) { require.NoError(t, os.Truncate(newest(t, dir, "MANIFEST-*"), 0)) },
		"cut off": func(t *testing.T, dir string) {
			list := newest(t, dir, "MANIFEST-*")
			info, err := os.Stat(list)
			require.NoError(t, err)
			require.NoError(t, os.Truncate(list, info.Size()-1))
		},
		"overwritten": func(t *testing.T, dir string) { overwrite(t, newest(t, dir, "MANIFEST-*"), 20) },
		"missing":     func(t *testing.T, dir string) { require.NoError(t, os.Remove(newest(t, dir, "MANIFEST-*"))) },
		"unnamed":     func(t *testing.T, dir string) { require.NoError(t, os.Remove(newest(t, dir, "marker.manifest.*"))) },
	} {
		t.Run(name, func(t *testing.T) {
			dir, r, ms := filled(t, 300, true)
			ctx := t.Context()
			s := open(t, dir, quiet())
			// Rows that are changed, removed one by one and in a range, in tables and in the log.
			gone := message("removed by a range")
			trimmed := chat.Log{Tenant: "t", ID: r.ID}
			require.NoError(t, s.Append(ctx, aLog, gone))
			require.NoError(t, s.SetMuted(ctx, "t", r.ID, author.Login, true))
			require.NoError(t, s.SetMuted(ctx, "t", id.Max, author.Login, true))
			require.NoError(t, s.db.Flush())
			require.NoError(t, s.Trim(ctx, aLog, id.Max))
			require.NoError(t, s.Trim(ctx, trimmed, ms[100].ID))
			require.NoError(t, s.ForgetReading(ctx, "t", id.Max, author.Login))
			require.NoError(t, s.db.Flush())
			late := message("in the log")
			require.NoError(t, s.Append(ctx, trimmed, late))
			require.NoError(t, s.SetMuted(ctx, "t", r.ID, author.Login, false))
			require.NoError(t, s.Close())
			whole, err := Check(ctx, dir, quiet())
			require.NoError(t, err)
			require.Empty(t, whole.Lost)

			harm(t, dir)
			before := contents(t, dir)
			_, err = Open(dir, quiet())
			require.ErrorIs(t, err, errDamaged)
			require.ErrorContains(t, err, "the list of the store's files is damaged")
			require.ErrorContains(t, err, "confab store repair")
			require.Equal(t, before, contents(t, dir), "the folder is as it was")

			report, err := Check(ctx, dir, quiet())
			require.NoError(t, err)
			require.Equal(t, whole.Rows, report.Rows)
			require.Len(t, report.Lost, 1)
			require.Contains(t, report.Lost[0], "the list of files (")
			into := filepath.Join(t.TempDir(), "saved")
			repaired, err := Repair(ctx, dir, into, quiet())
			require.NoError(t, err)
			require.Equal(t, report, repaired)
			require.Equal(t, before, contents(t, dir))

			s = open(t, into, quiet())
			require.Equal(t, append(slices.Clone(ms[100:]), late), paged(t, s, r, 1000))
			_, err = s.Message(ctx, aLog, gone.ID)
			require.True(t, chat.IsKind(err, chat.NotFound), "%v", err)
			readings, err := s.Readings(ctx, "t", author.Login, []id.ID{r.ID, id.Max})
			require.NoError(t, err)
			require.Empty(t, readings)
			requireMembers(t, s, r, author.Login)
		})
	}
}

func TestRepairWithoutTheListOfFilesAndWithDamagedFiles(t *testing.T) {
	dir, r, ms := filled(t, 2000, true)
	damage(t, dir)
	require.NoError(t, os.Remove(newest(t, dir, "marker.manifest.*")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "999998.sst"), []byte("no table"), 0o600))
	report, err := Check(t.Context(), dir, quiet())
	require.NoError(t, err)
	require.Len(t, report.Lost, 3)
	into := filepath.Join(t.TempDir(), "saved")
	_, err = Repair(t.Context(), dir, into, quiet())
	require.NoError(t, err)
	saved := paged(t, open(t, into, quiet()), r, 1000)
	require.NotEmpty(t, saved)
	require.Equal(t, ms[:len(saved)], saved)
}

// A store of an earlier version has noted nothing about its list.
func TestAnEmptiedListOfFilesWithoutANote(t *testing.T) {
	dir, _, _ := filled(t, 10, true)
	require.NoError(t, os.Remove(filepath.Join(dir, lengthsFile)))
	require.NoError(t, open(t, dir, quiet()).Close())
	require.NoError(t, os.Remove(filepath.Join(dir, lengthsFile)))
	require.NoError(t, os.Truncate(newest(t, dir, "MANIFEST-*"), 0))
	_, err := Open(dir, quiet())
	require.ErrorContains(t, err, "the list of the store's files is damaged")
}

// The process is killed, and of the newest log the last write is missing, which was synced a moment ago.
func TestALostLastWriteIsNoticed(t *testing.T) {
	dir, killed := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "killed")
	s := open(t, dir, quiet())
	for range 3 {
		require.NoError(t, s.Append(t.Context(), aLog, message("acknowledged")))
	}
	require.NoError(t, os.CopyFS(killed, os.DirFS(dir)))
	d := &disk{FS: vfs.Default, dir: killed}
	log, length, ok := d.noted(logNote)
	require.True(t, ok)
	require.Empty(t, d.missing())
	overwrite(t, filepath.Join(killed, log), length-6)
	require.Contains(t, d.missing(), "can be read up to")
	o, lines := logged(vfs.Default)
	open(t, killed, o)
	require.Len(t, lines.Lines("a part of the newest log is missing"), 1)
}

// Reading backwards meets damage too: it is an error, whatever block has it.
func TestDamageIsAnErrorOfReadsBackwards(t *testing.T) {
	dir, r, ms := filled(t, 300, true)
	table := newest(t, dir, "*.sst")
	good, err := os.ReadFile(table)
	require.NoError(t, err)
	failed := 0
	for at := 0; at < len(good); at += len(good)/4 + 1 {
		bad := slices.Clone(good)
		bad[at] ^= 0xff
		require.NoError(t, os.WriteFile(table, bad, 0o600))
		for _, salvage := range []bool{false, true} {
			o := quiet()
			o.Salvage, o.ReadOnly = salvage, true
			s, err := Open(dir, o)
			if err != nil {
				require.ErrorContains(t, err, "damaged")
				continue
			}
			for _, read := range []func() ([]chat.Message, error){
				func() ([]chat.Message, error) { return s.Older(t.Context(), r.Log("t"), id.Max, 1000) },
				func() ([]chat.Message, error) { return s.Between(t.Context(), r.Log("t"), id.Max, ms[10].ID, 1000) },
			} {
				got, err := read()
				if err != nil {
					failed++
					require.True(t, chat.IsKind(err, chat.Internal), "%v", err)
				} else if len(got) > 0 {
					require.Equal(t, ms[len(ms)-1].ID, got[0].ID)
				}
			}
			_ = s.Close()
		}
	}
	require.NotZero(t, failed)
}

// Point reads of a damaged store say what they lost, once.
func TestWhatPointReadsLose(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := open(t, dir, quiet())
	require.NoError(t, s.CreateUser(t.Context(), "t", chat.User{Person: author}))
	require.NoError(t, s.db.Flush())
	levels, err := s.db.SSTables()
	require.NoError(t, err)
	require.NoError(t, s.Close())
	for _, level := range levels {
		for _, f := range level {
			overwrite(t, filepath.Join(dir, f.FileNum.String()+".sst"), 30)
		}
	}
	o := quiet()
	o.Salvage = true
	s = open(t, dir, o)
	for range 2 {
		_, err := s.User(t.Context(), "t", author.Login)
		require.True(t, chat.IsKind(err, chat.NotFound), "%v", err)
	}
	lost := s.Lost()
	require.Contains(t, lost, "the format", "the row is in the damaged block too")
	require.Contains(t, lost, `accounts at "`+author.Login+`"`)
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(lost))), len(lost))
}
