// Package cassandratest gives tests a keyspace of their own on the Cassandra that is there for tests.
package cassandratest

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/store/cassandra"
)

// AddressEnv names the Cassandra to test against, as HOST:PORT; "off" leaves out what needs one.
const AddressEnv = "CONFAB_TEST_CASSANDRA"

// Address returns the Cassandra to test against. It skips the test if there is to be none.
func Address(t testing.TB) string {
	a := cmp.Or(os.Getenv(AddressEnv), "127.0.0.1:9042")
	if a == "off" {
		t.Skip(AddressEnv + "=off: tests that need a Cassandra are left out")
	}
	return a
}

var keyspaces atomic.Int64

// Config returns the configuration of a keyspace that does not exist yet. It is dropped at the end of the test.
func Config(t testing.TB) cassandra.Config {
	a := Address(t)
	name := fmt.Sprintf("confab_test_%d_%d_%d", os.Getpid(), time.Now().UnixMilli(), keyspaces.Add(1))
	c, err := cassandra.ParseURL("cassandra://" + a + "/" + name + "?timeout=20s")
	require.NoError(t, err, AddressEnv)
	Drop(t, name)
	return c
}

// Drop drops a keyspace at the end of the test. A Cassandra that is too busy to do so is no fault of the test.
func Drop(t testing.TB, keyspace string) {
	s := Session(t, "")
	t.Cleanup(func() {
		if err := s.Query("DROP KEYSPACE IF EXISTS " + keyspace).Exec(); err != nil {
			t.Logf("the keyspace %s is left behind: %v", keyspace, err)
		}
	})
}

// Open opens a store, which is closed at the end of the test. It makes the keyspace.
func Open(t testing.TB, c cassandra.Config) *cassandra.Store {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	s, err := cassandra.Open(ctx, c, cassandra.Options{Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err, "no Cassandra answers at %s: start one with `make cassandra`, or set %s to HOST:PORT, or to off", Address(t), AddressEnv)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// Session returns a session of the driver, in a keyspace unless that is empty. It is closed at the end of the test.
func Session(t testing.TB, keyspace string) *gocql.Session {
	cluster := gocql.NewCluster(Address(t))
	cluster.ProtoVersion, cluster.Timeout, cluster.Keyspace = 4, time.Minute, keyspace
	cluster.Events.DisableSchemaEvents = true // what handles them outlives the session by a minute
	s, err := cluster.CreateSession()
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}
