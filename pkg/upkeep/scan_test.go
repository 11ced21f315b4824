package upkeep_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/gocql/gocql"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/clocktest"
	"github.com/confab-chat/confab/pkg/jobs"
	"github.com/confab-chat/confab/pkg/store"
	"github.com/confab-chat/confab/pkg/store/cassandra/cassandratest"
)

// rows are all keys and values of the store, which the scan closes.
func (w *world) rows() (all []string) {
	w.t.Helper()
	w.stop()
	require.NoError(w.t, w.store.Close())
	db, err := pebble.Open(w.dir, &pebble.Options{FS: vfs.Default, ReadOnly: true})
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, db.Close()) }()
	it, err := db.NewIter(nil)
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		all = append(all, fmt.Sprintf("%s = %s", it.Key(), it.Value()))
	}
	require.NoError(w.t, it.Error())
	return all
}

// openCassandra opens an empty keyspace, and a session in it.
func openCassandra(t *testing.T) (_ store.Store, _ *gocql.Session, keyspace string) {
	c := cassandratest.Config(t)
	s := cassandratest.Open(t, c)
	return s, cassandratest.Session(t, c.Keyspace), c.Keyspace
}

// rowsOf are all rows of a keyspace, as JSON, by table.
func rowsOf(t *testing.T, session *gocql.Session, keyspace string) map[string][]string {
	var tables []string
	var name string
	it := session.Query("SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?", keyspace).Iter()
	for it.Scan(&name) {
		tables = append(tables, name)
	}
	require.NoError(t, it.Close())
	require.Greater(t, len(tables), 20)
	all := map[string][]string{}
	for _, table := range tables {
		var row string
		it := session.Query("SELECT JSON * FROM " + table).PageSize(500).Iter()
		for it.Scan(&row) {
			all[table] = append(all[table], row)
		}
		require.NoError(t, it.Close(), table)
	}
	return all
}

const erasedOne = "erased-one"

// trace reports whether a row has a name or text of the user of eraseOne, as it is or in hexadecimal, as JSON has bytes.
func trace(row, needle string) bool {
	return strings.Contains(row, needle) || strings.Contains(row, hex.EncodeToString([]byte(needle)))
}

// eraseOne lets a user do what users can do, erases them and imports some of their messages anew.
func (w *world) eraseOne() {
	w.t.Helper()
	t, ctx := w.t, w.t.Context()
	const login = erasedOne
	ann, bob := w.user(login), w.user("bob")
	set := func(first string) {
		_, err := w.UpdateProfile(ctx, ann, login, chat.Profile{FirstName: &first, LastName: new("needle-last"),
			Email: new("needle@example.org"), Bio: new("a needle-bio")}.Replace())
		require.NoError(t, err)
	}
	set("needle-first")
	w.room("hers", ann, bob)
	w.room("his", bob, ann)
	w.room("was-in", bob, ann)
	w.room("had-been-in", bob, ann)
	require.NoError(t, w.store.SetAvatar(ctx, tenant, login, chat.Avatar{Type: "image/png", Data: []byte("needle-picture")}))
	var said []chat.Message
	for _, room := range []string{"hers", "his", "was-in", "had-been-in"} {
		for _, key := range []string{"needle-key", "needle-other-key"} {
			m, err := w.Post(ctx, ann, room, chat.NewMessage{Content: new("needle-text"), Key: &key})
			require.NoError(t, err)
			said = append(said, m)
		}
		m := w.post(ann, room, "needle-text")
		said = append(said, m)
		_, err := w.EditMessage(ctx, ann, room, m.ID, new("needle-edit"))
		require.NoError(t, err)
		other := w.post(bob, room, "what others say")
		_, err = w.React(ctx, ann, room, other.ID, "👍", true)
		require.NoError(t, err)
		require.NoError(t, w.MarkRead(ctx, ann, room, other.ID))
	}
	set("needle-other")
	w.post(ann, "his", "needle-text")
	require.NoError(t, w.Leave(ctx, ann, "his", nil))
	require.NoError(t, w.Join(ctx, ann, "his", nil))
	his, err := w.store.Room(ctx, tenant, "his")
	require.NoError(t, err)
	require.NoError(t, w.Leave(ctx, ann, "had-been-in", nil))
	for _, room := range []string{"was-in", "had-been-in"} {
		require.NoError(t, w.DeleteRoom(ctx, bob, room))
	}

	_, err = w.upkeep.EraseUser(ctx, tenant, login, false)
	require.NoError(t, err)
	w.finish(login)
	w.until(jobs.Ref{Tenant: tenant, Kind: chat.PeopleWork, Key: login}, "the removal of contacts", ended)
	require.NoError(t, w.store.AppendBatch(ctx, his.Log(tenant), said[3:6]))
	u, err := w.store.User(ctx, tenant, login)
	require.NoError(t, err)
	require.True(t, u.Erased, "for imports")
}

// When an erasure is done nothing of the user is on disk: no name, no text, none that was imported again; the login only
// where it is kept as taken.
func TestErasedUsersAreNowhereOnDisk(t *testing.T) {
	w := newWorld(t)
	w.eraseOne()
	named := 0
	for _, row := range w.rows() {
		require.NotContains(t, row, "needle")
		require.NotContains(t, row, "First-"+erasedOne)
		if strings.Contains(row, erasedOne) {
			named++
			t.Logf("%q", row)
		}
	}
	require.Equal(t, 2, named, "the login as it is kept as taken, and its claim")
}

// mayNameErased are the tables that may have the login of an erased user, and why.
var mayNameErased = map[string]string{
	"users":         "it is kept as taken",
	"logins":        "its claim, which keeps it taken in any case",
	"announcements": "what servers have cached of the account is stale; it expires after ten minutes",
}

func TestErasedUsersAreNowhereInCassandra(t *testing.T) {
	st, session, keyspace := openCassandra(t)
	w := newWorldOn(t, st, clocktest.New(time.Now()), 0)
	w.eraseOne()
	w.stop()
	named := map[string]int{}
	for table, rows := range rowsOf(t, session, keyspace) {
		for _, row := range rows {
			for _, needle := range []string{"needle", "First-" + erasedOne} {
				require.False(t, trace(row, needle), "%s: %s", table, row)
			}
			if trace(row, erasedOne) {
				named[table]++
				require.Contains(t, mayNameErased, table, row)
			}
		}
	}
	require.Equal(t, 1, named["users"])
}
