package embedded

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

func TestASecondStartKeepsTheData(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "data")
	m := message("hello")
	for n := range 3 {
		s := open(t, dir, quiet())
		ms, err := s.Older(t.Context(), aLog, id.Max, 10)
		require.NoError(t, err)
		require.Equal(t, n > 0, len(ms) == 1)
		require.NoError(t, s.Append(t.Context(), aLog, m))
		require.NoError(t, s.Close())
	}
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.EqualValues(t, 0o700, info.Mode().Perm(), "the data is nobody else's")
}

func TestOneProcessAtATime(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, quiet())
	_, err := Open(dir, quiet())
	require.ErrorContains(t, err, dir+" is in use by another confab")

	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), victimEnv+"="+dir)
	out, err := other.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), dir+" is in use by another confab")

	require.NoError(t, s.Close())
	require.NoError(t, open(t, dir, quiet()).Close())
}

func TestSinceWhenThereAreFootprints(t *testing.T) {
	data, other := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "repaired")
	s := open(t, data, quiet())
	since := func() time.Time {
		at, err := s.FootprintsSince(t.Context())
		require.NoError(t, err)
		return at
	}
	for range 2 {
		require.Zero(t, since(), "always")
		require.NoError(t, s.Close())
		s = open(t, data, quiet())
	}
	// As an earlier version leaves it.
	require.NoError(t, s.db.Delete(footprintsSinceKey(), pebble.Sync))
	require.NoError(t, s.Close())
	repaired, err := Repair(t.Context(), data, other, quiet())
	require.NoError(t, err)
	require.Empty(t, repaired.Lost)
	for _, dir := range []string{data, other} {
		s = open(t, dir, quiet())
		first := since()
		require.NoError(t, s.Close())
		s = open(t, dir, quiet())
		require.Equal(t, first, since(), "the time of the first opening")
		require.WithinRange(t, first, time.Now().Add(-time.Hour), time.Now(), dir)
		require.NoError(t, s.Close())
	}
}

func TestDataOfAnotherFormatIsRefused(t *testing.T) {
	mem := vfs.NewMem()
	s := open(t, "data", on(mem))
	require.NoError(t, s.db.Set(table(tableMeta).last("format"), []byte("3"), pebble.Sync))
	require.NoError(t, s.Close())
	for range 2 { // a refusal leaves the folder as it was
		_, err := Open("data", on(mem))
		require.ErrorContains(t, err, `its format is "3", this confab knows up to "2"`)
	}
}

func TestADatabaseOfAnotherProgramIsRefused(t *testing.T) {
	mem := vfs.NewMem()
	db, err := pebble.Open("data", &pebble.Options{FS: mem, Logger: &logger{&diary{log: slog.New(slog.DiscardHandler)}}})
	require.NoError(t, err)
	require.NoError(t, db.Set([]byte("k"), nil, pebble.Sync))
	require.NoError(t, db.Close())
	_, err = Open("data", on(mem))
	require.ErrorContains(t, err, "a database without a format")
}

func TestAFolderThatCannotBeMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := Open(filepath.Join(file, "data"), quiet())
	require.ErrorContains(t, err, "cannot make the data folder")
}

func TestADiskErrorIsUnavailableAndLogged(t *testing.T) {
	fs := newGatedFS()
	var log bytes.Buffer
	o := on(fs)
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	s := open(t, "data", o)
	ctx := context.Background()
	m := message("hello")
	require.NoError(t, s.Append(ctx, aLog, m))
	require.NoError(t, s.Ping(ctx))

	disk := errors.New("no space left on the test's device")
	fs.fail.Store(&disk)
	for range 3 {
		err := s.Append(ctx, aLog, message("lost"))
		require.True(t, chat.IsKind(err, chat.Unavailable), "%v", err)
		require.ErrorContains(t, err, disk.Error())
		var e *chat.Error
		require.ErrorAs(t, err, &e)
		require.NotContains(t, e.Message, disk.Error(), "the user sees no internals")
	}
	require.Contains(t, log.String(), disk.Error())

	// A disk that answers again does not make up for what was lost: a restart does.
	fs.fail.Store(nil)
	require.True(t, chat.IsKind(s.Append(ctx, aLog, message("late")), chat.Unavailable))
	require.True(t, chat.IsKind(s.Ping(ctx), chat.Unavailable))
	// What was there before can still be read.
	got, err := s.Message(ctx, aLog, m.ID)
	require.NoError(t, err)
	require.Equal(t, m, got)
	_ = s.Close()

	s = open(t, "data", on(fs))
	got, err = s.Message(ctx, aLog, m.ID)
	require.NoError(t, err)
	require.Equal(t, m, got)
	require.NoError(t, s.Append(ctx, aLog, message("again")))
}

func TestCheckpoint(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "data"), quiet())
	ctx := t.Context()
	before, after := message("before"), message("after")
	require.NoError(t, s.Append(ctx, aLog, before))
	require.NoError(t, s.Checkpoint(filepath.Join(dir, "copy")))
	require.NoError(t, s.Append(ctx, aLog, after))
	err := s.Checkpoint(filepath.Join(dir, "copy"))
	require.True(t, chat.IsKind(err, chat.Unavailable), "there is something in the folder: %v", err)

	info, err := os.Stat(filepath.Join(dir, "copy"))
	require.NoError(t, err)
	require.EqualValues(t, 0o700, info.Mode().Perm(), "the copy is nobody else's")
	restored := open(t, filepath.Join(dir, "copy"), quiet())
	ms, err := restored.Older(ctx, aLog, id.Max, 10)
	require.NoError(t, err)
	require.Equal(t, []chat.Message{before}, ms)
	require.NoError(t, restored.Append(ctx, aLog, after))

	require.NoError(t, s.Close())
	require.True(t, chat.IsKind(s.Checkpoint(filepath.Join(dir, "late")), chat.Unavailable))
}

// An older program would lose what it does not know when it writes a row anew. It does not open a database with payloads.
// System messages do not count: their text says the same.
func TestTheFormatRisesWithTheFirstPayload(t *testing.T) {
	mem := vfs.NewMem()
	s := open(t, "data", on(mem))
	format := func() string {
		v, err := s.get(formatKey())
		require.NoError(t, err)
		return string(v)
	}
	l := chat.Log{Tenant: "t", ID: id.NewGenerator(nil).New()}
	ids := id.NewGenerator(nil)
	require.NoError(t, s.Append(t.Context(), l, chat.Notice{Type: chat.NoticeJoined}.Message(ids.New())))
	text := chat.Message{ID: ids.New(), Content: "x"}
	require.NoError(t, s.Append(t.Context(), l, text))
	require.Equal(t, "1", format())
	edit := chat.Change{Kind: chat.Edit, ID: ids.New(), Content: "y", Payload: chat.Payload{Ext: jsontext.Value(`{"a":1}`)}}
	_, err := s.ChangeMessage(t.Context(), l, text.ID, func(chat.Message) (chat.Change, error) { return edit, nil })
	require.NoError(t, err)
	require.Equal(t, "2", format())
	require.NoError(t, s.Close())
	s = open(t, "data", on(mem))
	now, err := s.Message(t.Context(), l, text.ID)
	require.NoError(t, err)
	require.Equal(t, edit.Payload, now.Payload)
	require.NoError(t, s.Close())
}
