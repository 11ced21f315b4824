package natsbus

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/logtest"
)

// Two servers with routes to each other and different stores: both logs say so, once, with what to do.
func TestServersOfAnotherStoreAreSaidOnce(t *testing.T) {
	var here, there logtest.Buffer
	inside, err := Start(Options{ClusterListen: "127.0.0.1:0", Secret: "secret-a", Store: "cassandra://h/one", Log: slog.New(slog.NewTextHandler(&here, nil))})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, inside.Close()) })
	stranger, err := Start(Options{ClusterListen: "127.0.0.1:0", ClusterRoutes: []string{"nats://" + inside.ClusterAddr()}, Secret: "secret-b",
		Store: "cassandra://h/two", Log: slog.New(slog.NewTextHandler(&there, nil))})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stranger.Close()) })
	require.Eventually(t, func() bool { return len(here.Lines("is refused")) > 0 && len(there.Lines("refuses this one")) > 0 }, patience, 10*time.Millisecond)
	require.Contains(t, here.Lines("is refused")[0], "store=cassandra://h/one")
	require.Contains(t, there.Lines("refuses this one")[0], "store=cassandra://h/two")
	require.Contains(t, there.Lines("refuses this one")[0], "server="+inside.ClusterAddr())
	require.Contains(t, there.Lines("refuses this one")[0], "give both the same --store")
	for _, l := range []*logtest.Buffer{&here, &there} {
		require.Empty(t, l.Lines("secret-"))
	}
}

// A refused server tries again and again, from another port each time.
func TestARefusalIsLoggedOnceForEachServer(t *testing.T) {
	var log logtest.Buffer
	r := &refusals{log: slog.New(slog.NewTextHandler(&log, nil)), said: map[string]bool{}}
	for _, address := range []string{"10.0.0.1:4000", "10.0.0.1:4001", "10.0.0.2:4000"} {
		r.Errorf("%s - rid:%d - authentication error - User %q", address, 7, "confab")
	}
	for range 2 {
		r.Errorf("10.0.0.3:6222 - rid:9 - Route Error 'Authorization Violation'")
		r.Errorf("10.0.0.4:6222 - cid:9 - authentication error") // no server
	}
	require.Len(t, log.Lines("is refused"), 2)
	require.Len(t, log.Lines("refuses this one"), 1)
	require.Len(t, log.Lines("level="), 3)
}
