package cassandra

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/confab-chat/confab/pkg/store"
	"github.com/confab-chat/confab/pkg/store/storetest"
)

// addressEnv names the Cassandra to test against; "off" leaves out what needs one.
const addressEnv = "CONFAB_TEST_CASSANDRA"

func address() string {
	if a := os.Getenv(addressEnv); a != "" {
		return a
	}
	return "127.0.0.1:9042"
}

// A model check makes some hundred round trips, so there are fewer of them than for a store in
// the same process.
func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given {
		_ = flag.Set("rapid.checks", "10")
	}
	code := m.Run()
	dropKeyspaces()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// keyspaces of this run, to be dropped at its end, and the shared store.
var keyspaces struct {
	sync.Mutex
	names  []string
	shared *Store
}

// testConfig is the configuration of a keyspace of its own.
func testConfig(t testing.TB) Config {
	a := address()
	if a == "off" {
		t.Skip(addressEnv + "=off: tests that need a Cassandra are left out")
	}
	keyspaces.Lock()
	defer keyspaces.Unlock()
	name := fmt.Sprintf("confab_test_%d_%d", time.Now().UnixMilli(), len(keyspaces.names))
	c, err := ParseURL("cassandra://" + a + "/" + name + "?timeout=10s")
	require.NoError(t, err, addressEnv)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := localDC(ctx, c, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatalf("no Cassandra answers at %s: start one with `make cassandra`, or set %s to HOST:PORT, or to off.\n%v", a, addressEnv, err)
	}
	keyspaces.names = append(keyspaces.names, name)
	return c
}

func dropKeyspaces() {
	if keyspaces.shared != nil {
		_ = keyspaces.shared.Close()
	}
	if len(keyspaces.names) == 0 {
		return
	}
	s, err := schemaSession(address(), "")
	if err != nil {
		fmt.Fprintln(os.Stderr, "test keyspaces are left behind:", err)
		return
	}
	defer s.Close()
	var wg sync.WaitGroup
	for _, name := range keyspaces.names {
		wg.Go(func() {
			if err := s.Query("DROP KEYSPACE IF EXISTS " + name).Exec(); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		})
	}
	wg.Wait()
}

// schemaSession returns a session that waits for statements about the schema as long as a migration does: a busy
// Cassandra needs more than the four seconds that the statements of a store have.
func schemaSession(address, keyspace string) (*gocql.Session, error) {
	cluster := gocql.NewCluster(address)
	cluster.ProtoVersion = 4
	cluster.Timeout, cluster.Keyspace = schemaTimeout, keyspace
	// What handles the event of a keyspace outlives the session: it asks a closed connection for a minute.
	cluster.Events.DisableSchemaEvents = true
	cluster.Logger = driverLog{slog.New(slog.DiscardHandler)}
	return cluster.CreateSession()
}

// sharedConfig is that of the shared store.
var sharedConfig Config

var openShared sync.Mutex

// shared returns the store of all tests that do not break it.
func shared(t testing.TB) *Store {
	openShared.Lock()
	defer openShared.Unlock()
	if keyspaces.shared == nil {
		sharedConfig = testConfig(t)
		keyspaces.shared = openStore(t, sharedConfig, Options{})
	}
	return keyspaces.shared
}

func openStore(t testing.TB, c Config, o Options) *Store {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s, err := Open(ctx, c, o)
	require.NoError(t, err)
	return s
}

func TestStore(t *testing.T) {
	shared(t)
	storetest.Run(t, func(t *testing.T) store.Store { return shared(t) })
}

func TestLifecycle(t *testing.T) {
	shared(t)
	storetest.RunLifecycle(t, func(t *testing.T) store.Store {
		s := openStore(t, sharedConfig, Options{})
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	})
}

func TestPieces(t *testing.T) {
	shared(t)
	storetest.RunPieces(t, func(t *testing.T) store.Store { return shared(t) })
}
