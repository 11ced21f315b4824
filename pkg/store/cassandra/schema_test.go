package cassandra

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/clocktest"
	"github.com/confab-chat/confab/pkg/logtest"
)

func withTimeout(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// small is a schema that is quick to create. later has one version more, which programs of small may read.
var (
	later = readSmall()
	small = later[:2]
)

func readSmall() []migration {
	all, err := readMigrations(fstest.MapFS{
		"manifest.json": {Data: []byte(`{"versions":[{"version":1,"file":"1"},{"version":2,"file":"2"},{"version":3,"file":"3","reader":2}]}`)},
		"1":             {Data: []byte("CREATE TABLE IF NOT EXISTS a (k int PRIMARY KEY);\nCREATE TABLE IF NOT EXISTS b (k int PRIMARY KEY);\n")},
		"2":             {Data: []byte("ALTER TABLE a ADD IF NOT EXISTS v int;\n")},
		"3":             {Data: []byte("ALTER TABLE a ADD IF NOT EXISTS w int;\n")},
	})
	if err != nil {
		panic(err)
	}
	return all
}

func newSmall(t testing.TB, c Config) *migrator {
	m, err := newMigrator(withTimeout(t), c, nil)
	require.NoError(t, err)
	t.Cleanup(m.close)
	m.known = small
	return m
}

// applyPatiently applies the migrations as a server does: it tries anew while Cassandra does not answer.
func applyPatiently(ctx context.Context, m *migrator) (s SchemaStatus, err error) {
	for ctx.Err() == nil {
		if s, err = m.apply(ctx); !chat.IsKind(err, chat.Unavailable) {
			break
		}
	}
	return s, err
}

func TestApplyTwiceAndAtOnce(t *testing.T) {
	t.Parallel()
	c, ctx := testConfig(t), withTimeout(t)
	status, err := newSmall(t, c).check(ctx)
	require.NoError(t, err)
	require.Equal(t, SchemaStatus{Known: 2}, status)

	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		m := newSmall(t, c)
		wg.Go(func() { _, errs[i] = applyPatiently(ctx, m) })
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	m := newSmall(t, c)
	for range 2 {
		status, err = applyPatiently(ctx, m)
		require.NoError(t, err)
		require.True(t, status.Current())
	}
	require.NoError(t, m.keyed.exec(ctx, "INSERT INTO a (k, v) VALUES (?, ?)", 1, 2))
}

// A node lists a new table a moment before it can be read. A server that starts in this moment goes on.
func TestApplyWhileTheTableIsBeingCreated(t *testing.T) {
	t.Parallel()
	c, ctx := testConfig(t), withTimeout(t)
	_, err := newSmall(t, c).apply(ctx)
	require.NoError(t, err)

	m := newSmall(t, c)
	require.NoError(t, m.use(ctx))
	tooEarly := true
	m.keyed.around.set(func(statement string, run func() error) error {
		if tooEarly && (statement == selectReaders || statement == selectVersions) {
			tooEarly = statement == selectReaders // the next statement is the other one
			return m.keyed.session.Query("SELECT k FROM no_such_table").WithContext(ctx).Exec()
		}
		return run()
	})
	status, err := m.apply(ctx)
	require.NoError(t, err)
	require.False(t, tooEarly)
	require.True(t, status.Current())
}

func TestApplyUpgrades(t *testing.T) {
	t.Parallel()
	c, ctx := testConfig(t), withTimeout(t)
	m := newSmall(t, c)
	m.known = small[:1]
	_, err := m.apply(ctx)
	require.NoError(t, err)
	require.NoError(t, m.keyed.exec(ctx, "INSERT INTO a (k) VALUES (?)", 1))

	m = newSmall(t, c)
	status, err := m.apply(ctx)
	require.NoError(t, err)
	require.Equal(t, SchemaStatus{Known: 2, Applied: 2}, status)
	var k int
	found, err := m.keyed.row(ctx, "SELECT k FROM a WHERE k = ?", []any{1}, &k)
	require.NoError(t, err)
	require.True(t, found)
	// Version 2 is not for programs of version 1; version 3 is for those of version 2.
	m = newSmall(t, c)
	m.known = small[:1]
	_, err = m.apply(ctx)
	require.ErrorContains(t, err, "schema version 2, newer than version 1 of this program")
	m = newSmall(t, c)
	m.known = later
	_, err = m.apply(ctx)
	require.NoError(t, err)
	status, err = newSmall(t, c).apply(ctx)
	require.NoError(t, err)
	require.True(t, status.Current())
	require.Equal(t, SchemaStatus{Known: 2, Applied: 3}, status)
	m = newSmall(t, c)
	m.known = small[:1]
	_, err = m.apply(ctx)
	require.ErrorContains(t, err, "schema version 3, newer than version 1 of this program")
}

// A keyspace made before readers were recorded gets the column with its next version. One server waits for the lock
// while another applies more than the first one knows.
func TestKeyspacesWithoutReadersAreUpgraded(t *testing.T) {
	t.Parallel()
	c, ctx := testConfig(t), withTimeout(t)
	m := newSmall(t, c)
	require.NoError(t, m.bootstrap(ctx))
	require.NoError(t, m.lock(ctx))
	for _, s := range statements(small[0].text) {
		require.NoError(t, m.change(ctx, m.keyed.session, s))
	}
	require.NoError(t, m.keyed.exec(ctx, "INSERT INTO schema_versions (component, version, checksum) VALUES (?, 1, ?)", component, small[0].checksum))
	status, err := m.check(ctx)
	require.NoError(t, err)
	require.Equal(t, SchemaStatus{Known: 2, Applied: 1}, status)

	waiting := newSmall(t, c)
	upgraded := make(chan error, 1)
	seen := false
	require.NoError(t, waiting.use(ctx))
	waiting.keyed.around.set(func(statement string, run func() error) error {
		if statement == insertLock && !seen { // it has found the schema behind
			seen = true
			m.unlock(ctx)
			newer := newSmall(t, c)
			newer.known = later
			_, err := newer.apply(ctx)
			upgraded <- err
		}
		return run()
	})
	status, err = waiting.apply(ctx)
	require.NoError(t, <-upgraded)
	require.NoError(t, err)
	require.Equal(t, SchemaStatus{Known: 2, Applied: 3}, status)
}

// In the middle of a rolling upgrade a server of the older version goes on, and starts anew, on the newer schema, beside
// one of the newer version.
func TestTwoVersionsSideBySide(t *testing.T) {
	t.Parallel()
	before, ctx := shared(t), withTimeout(t)
	m, err := newMigrator(ctx, sharedConfig, nil)
	require.NoError(t, err)
	t.Cleanup(m.close)
	n := len(m.known) + 1
	m.known = append(m.known, migration{Version: n, Reader: n - 1, checksum: "later", text: "ALTER TABLE rooms ADD IF NOT EXISTS later text;\n"})
	_, err = m.apply(ctx)
	require.NoError(t, err)

	for _, keep := range []bool{false, true} {
		restarted := openStore(t, sharedConfig, Options{KeepSchema: keep})
		t.Cleanup(func() { require.NoError(t, restarted.Close()) })
		for i, pair := range [][2]*Store{{before, restarted}, {restarted, before}} {
			name, of := fmt.Sprintf("%t-%d", keep, i), tenant()
			r := newRoom(name)
			require.NoError(t, pair[0].CreateRoom(ctx, of, r))
			said := chat.Message{ID: ids.New(), Author: person("ann"), Content: "said by ann"}
			require.NoError(t, pair[0].Append(ctx, r.Log(of), said))
			// What the newer version adds to rows is no concern of the older one.
			written, err := m.keyed.apply(ctx, "UPDATE rooms SET later = 'x' WHERE tenant = ? AND name = ? IF EXISTS", of, name)
			require.NoError(t, err)
			require.True(t, written)
			got, err := pair[1].Room(ctx, of, name)
			require.NoError(t, err)
			require.Equal(t, r.ID, got.ID)
			page, err := pair[1].Newer(ctx, r.Log(of), r.ID, false, 10)
			require.NoError(t, err)
			require.Len(t, page, 1)
			require.Equal(t, said.ID, page[0].ID)
		}
	}
	status, err := Check(ctx, sharedConfig, nil)
	require.NoError(t, err)
	require.Equal(t, SchemaStatus{Known: n - 1, Applied: n}, status)
	require.NoError(t, m.keyed.exec(ctx, "DELETE FROM schema_versions WHERE component = ? AND version = ?", component, n))
}

// Who adds a version says which older programs may run on a keyspace that has it.
func TestEachNewVersionNamesItsReader(t *testing.T) {
	known, err := migrations()
	require.NoError(t, err)
	for _, m := range known {
		if m.Version > 18 { // earlier programs refuse whatever is newer
			require.NotZero(t, m.Reader, "version %d of the manifest: give \"reader\", the oldest version whose programs may run beside those that have this one: %d if "+
				"it only adds what they need not write", m.Version, m.Version-1)
		}
	}
}

func TestApplyGoesOnAfterACrash(t *testing.T) {
	t.Parallel()
	c, ctx := testConfig(t), withTimeout(t)
	m := newSmall(t, c)
	m.lease = 2
	// A server that dies in the middle of version 1 leaves some tables, and its lock.
	require.NoError(t, m.bootstrap(ctx))
	require.NoError(t, m.lock(ctx))
	require.NoError(t, m.change(ctx, m.keyed.session, statements(small[0].text)[0]))

	status, err := newSmall(t, c).apply(ctx)
	require.NoError(t, err)
	require.True(t, status.Current())
	// Should it come back, it finds that its time is over.
	require.ErrorIs(t, m.run(ctx, small[0]), errLostLock)
}

// Servers that wait for the lock go on when it is given up, even if the answer to that is lost.
func TestTheLockIsGivenUpWhenTheAnswerIsLost(t *testing.T) {
	t.Parallel()
	c, ctx := testConfig(t), withTimeout(t)
	m, next := newSmall(t, c), newSmall(t, c)
	require.NoError(t, m.bootstrap(ctx))
	require.NoError(t, next.use(ctx))
	for name, how := range lostAnswers {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, m.lock(ctx))
			var attempts atomic.Int32
			m.keyed.around.set(losing(deleteLock, &attempts, how))
			defer m.keyed.around.set(nil)
			m.unlock(ctx)
			require.Greater(t, attempts.Load(), int32(0))
			o, err := next.verifyLock(ctx)
			require.NoError(t, err)
			require.Equal(t, undecided, o, "the lock is still held")
		})
	}
}

func TestOpenKeepsTheSchema(t *testing.T) {
	t.Parallel()
	_, err := Open(withTimeout(t), testConfig(t), Options{KeepSchema: true})
	require.Error(t, err)
	require.Regexp(t, "version 0 and version [1-9][0-9]* is needed: run `confab schema apply`", err.Error())
	shared(t)
	s := openStore(t, sharedConfig, Options{KeepSchema: true})
	require.NoError(t, s.Close())
}

func TestRefusesUnknownSchemas(t *testing.T) {
	t.Parallel()
	c, ctx := testConfig(t), withTimeout(t)
	m := newSmall(t, c)
	_, err := m.apply(ctx)
	require.NoError(t, err)

	for _, test := range []struct{ change, undo, says string }{
		{"INSERT INTO schema_versions (component, version, checksum) VALUES (?, 99, 'x')",
			"DELETE FROM schema_versions WHERE component = ? AND version = 99", "newer than version"},
		{"UPDATE schema_versions SET checksum = 'other' WHERE component = ? AND version = 1",
			"UPDATE schema_versions SET checksum = '" + small[0].checksum + "' WHERE component = ? AND version = 1", "is not the one of this program"},
		{"DELETE FROM schema_versions WHERE component = ? AND version = 1", "", "version 2 without version 1"},
	} {
		require.NoError(t, m.keyed.exec(ctx, test.change, component))
		_, err = m.apply(ctx)
		require.ErrorContains(t, err, test.says)
		_, err = m.check(ctx)
		require.ErrorContains(t, err, test.says)
		for _, keep := range []bool{false, true} {
			_, err = Open(ctx, c, Options{KeepSchema: keep})
			require.Error(t, err, "its versions are not those of this program")
		}
		if test.undo != "" {
			require.NoError(t, m.keyed.exec(ctx, test.undo, component))
			_, err = m.check(ctx)
			require.NoError(t, err)
		}
	}
}

// What Print writes, put in by hand, is what Apply would have done.
func TestPrint(t *testing.T) {
	t.Parallel()
	c, ctx := testConfig(t), withTimeout(t)
	var out bytes.Buffer
	require.NoError(t, Print(&out, c))
	m := newSmall(t, c)
	for _, s := range statements(out.String()) {
		switch {
		case strings.HasPrefix(s, "USE "):
			continue
		case strings.HasPrefix(s, "CREATE KEYSPACE"):
			require.NoError(t, m.change(ctx, m.admin, s))
			require.NoError(t, m.use(ctx))
		default:
			require.NoError(t, m.change(ctx, m.keyed.session, s), s)
		}
	}
	status, err := Check(ctx, c, nil)
	require.NoError(t, err)
	require.True(t, status.Current())
}

func TestWarnsOfFewCopies(t *testing.T) {
	t.Parallel()
	shared(t)
	var log logtest.Buffer
	_, err := Apply(withTimeout(t), sharedConfig, slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	require.Contains(t, log.String(), "fewer than 3 copies")
}

// The log has a line when a schema begins to be applied and one every ten seconds, not one for each version.
func TestProgressOfASchemaIsSaidNowAndThen(t *testing.T) {
	t.Parallel()
	var log logtest.Buffer
	m := newSmall(t, testConfig(t))
	clock := clocktest.New(time.Now())
	m.log, m.now = slog.New(slog.NewTextHandler(&log, nil)), clock.Now
	_, err := m.apply(withTimeout(t))
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(log.String(), "applying the schema"), log.String())
	require.Contains(t, log.String(), "version=1 of=2")
	for range 20 {
		clock.Add(time.Second)
		m.progress("another server is applying the schema; waiting")
	}
	require.Equal(t, 2, strings.Count(log.String(), "waiting"), log.String())
}

func TestStatements(t *testing.T) {
	require.Equal(t, []string{"CREATE TABLE a (\n  b int)", "CREATE TABLE c (d int)"},
		statements("-- a; comment;\nCREATE TABLE a (\n  -- why\n  b int);\n\nCREATE TABLE c (d int);\n"))
	known, err := migrations()
	require.NoError(t, err)
	for _, m := range known {
		all := statements(m.text)
		require.NotEmpty(t, all)
		for _, s := range all {
			// Versions only add, or change how a table is stored, and can be repeated.
			require.Regexp(t, `^(CREATE TABLE IF NOT EXISTS |ALTER TABLE \w+ (ADD IF NOT EXISTS |WITH (compaction|gc_grace_seconds) = ))`, s)
		}
	}
}

func TestManifest(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	_, err := readMigrations(fstest.MapFS{"manifest.json": file(`{"versions":[{"version":2,"file":"a"}]}`), "a": file("")})
	require.ErrorContains(t, err, "version 2 stands where 1 should")
	_, err = readMigrations(fstest.MapFS{"manifest.json": file(`{"versions":[{"version":1,"file":"b"}]}`), "a": file("")})
	require.ErrorContains(t, err, "b")
	_, err = readMigrations(fstest.MapFS{"manifest.json": file(`{`)})
	require.ErrorContains(t, err, "manifest.json")
}
