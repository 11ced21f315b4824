package cassandra

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
)

// rolesEnv is HOST:PORT of a Cassandra that wants a password. scripts/roles.sh starts one and runs this test.
const rolesEnv = "CONFAB_TEST_ROLES"

// dba runs statements as the first user of a new Cassandra.
func dba(t *testing.T, address string, statements ...string) {
	cluster, err := newCluster(Config{Hosts: []string{address}, User: "cassandra", Password: "cassandra", Timeout: time.Minute}, Options{}.withDefaults().Log)
	require.NoError(t, err)
	s, err := createSession(withTimeout(t), cluster)
	require.NoError(t, err)
	defer s.Close()
	for _, statement := range statements {
		require.NoError(t, s.Query(statement).Exec(), statement)
		require.NoError(t, s.AwaitSchemaAgreement(t.Context()))
	}
}

// A DBA makes the keyspace and a role that may do what it likes there and nothing elsewhere. That is enough to create the
// schema, to upgrade it, and to run.
func TestARoleWithRightsOnOneKeyspace(t *testing.T) {
	address := os.Getenv(rolesEnv)
	if address == "" {
		t.Skip("LEFT OUT: roles need a Cassandra that wants passwords; scripts/roles.sh starts one and runs this test")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	config := func(user, keyspace string) Config {
		c, err := ParseURL("cassandra://" + user + address + "/" + keyspace + "?timeout=20s")
		require.NoError(t, err)
		return c
	}

	for user, says := range map[string]string{
		"":                      "wants a user and a password",
		"cassandra:wrong@":      `does not accept the user "cassandra"`,
		"nobody:secret-of-his@": `does not accept the user "nobody"`,
	} {
		_, err := Open(ctx, config(user, "chat"), Options{})
		require.ErrorContains(t, err, says)
		require.False(t, chat.IsKind(err, chat.Unavailable), "a start does not wait until a password becomes right")
		require.NotContains(t, err.Error(), "secret-of-his")
	}

	dba(t, address, "CREATE ROLE confab WITH PASSWORD = 'its-secret' AND LOGIN = true")
	c := config("confab:its-secret@", "chat")
	_, err := Open(ctx, c, Options{})
	require.ErrorContains(t, err, "cannot create the keyspace chat")
	require.ErrorContains(t, err, "GRANT ALL PERMISSIONS ON KEYSPACE chat TO confab")
	require.False(t, chat.IsKind(err, chat.Unavailable))

	dba(t, address, "CREATE KEYSPACE chat WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 1}")
	_, err = Open(ctx, c, Options{})
	require.ErrorContains(t, err, "GRANT ALL PERMISSIONS ON KEYSPACE chat TO confab")

	dba(t, address, "GRANT ALL PERMISSIONS ON KEYSPACE chat TO confab")
	var s *Store
	require.Eventually(t, func() bool { // nodes remember what a role may for two seconds
		s, err = Open(ctx, c, Options{})
		return err == nil
	}, time.Minute, 100*time.Millisecond)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.Error(t, s.db.session.Query("CREATE KEYSPACE other WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 1}").
		RetryPolicy(nil).Exec(), "the role has no other right")

	l := chat.Log{Tenant: tenant(), ID: ids.New()}
	require.NoError(t, s.Append(ctx, l, chat.Message{ID: ids.New(), Author: person("ann"), Content: "x"}))
	page, err := s.Newer(ctx, l, l.ID, false, 10)
	require.NoError(t, err)
	require.Len(t, page, 1)

	m, err := newMigrator(ctx, c, nil)
	require.NoError(t, err)
	t.Cleanup(m.close)
	m.known = append(m.known, migration{Version: len(m.known) + 1, checksum: "x", text: "ALTER TABLE rooms ADD IF NOT EXISTS later text;\n"})
	status, err := m.apply(ctx)
	require.NoError(t, err)
	require.Equal(t, len(m.known), status.Applied)

	// A password that is changed while a server runs is no reason to lose it; the next start says so.
	dba(t, address, "ALTER ROLE confab WITH PASSWORD = 'another'")
	require.Eventually(t, func() bool {
		_, err = localDC(ctx, c, Options{}.withDefaults().Log)
		return err != nil
	}, time.Minute, 100*time.Millisecond)
	require.ErrorContains(t, err, "does not accept the user")
	require.NoError(t, s.Ping(ctx))
}
