package natsbus

import (
	"bytes"
	"crypto/sha256"
	"io"
	"log/slog"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/confab-chat/confab/pkg/live"
	"github.com/confab-chat/confab/pkg/live/bustest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// cluster starts n embedded servers. Each has a route to the first.
func cluster(t testing.TB, n int, secret string) (out []*Bus) {
	for range n {
		o := Options{ClusterListen: "127.0.0.1:0", Secret: secret, Log: quiet}
		if len(out) > 0 {
			o.ClusterRoutes = []string{"nats://" + out[0].ClusterAddr()}
		}
		b, err := Start(o)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, b.Close()) })
		out = append(out, b)
	}
	return out
}

func TestEmbeddedCluster(t *testing.T) {
	bustest.Run(t, func(t *testing.T, n int) (out []live.Bus) {
		for _, b := range cluster(t, n, "secret") {
			out = append(out, b)
		}
		return out
	})
}

// outside starts a NATS server that no node owns, and returns its URL.
func outside(t *testing.T, maxPayload int32) string {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, MaxPayload: maxPayload})
	require.NoError(t, err)
	s.Start()
	require.True(t, s.ReadyForConnections(startTimeout))
	t.Cleanup(func() { stop(s) })
	return s.ClientURL()
}

func TestOutsideServer(t *testing.T) {
	url := outside(t, 2<<20)
	bustest.Run(t, func(t *testing.T, n int) (out []live.Bus) {
		for range n {
			b, err := Start(Options{URL: url, Secret: "secret", Log: quiet})
			require.NoError(t, err)
			out = append(out, b)
		}
		return out
	})
}

// If a server accepts less data than others, Broadcast returns ErrTooLarge, so that senders make smaller packets.
func TestOutsideServerWithASmallerLimit(t *testing.T) {
	b, err := Start(Options{URL: outside(t, 1000+sha256.Size), Secret: "secret", Log: quiet})
	require.NoError(t, err)
	require.NoError(t, b.Broadcast(make([]byte, 1000)))
	require.ErrorIs(t, b.Broadcast(make([]byte, 1001)), live.ErrTooLarge)
	require.NoError(t, b.Close())
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{{}, {ClusterListen: "nowhere"}, {ClusterListen: "127.0.0.1:x"},
		{ClusterListen: "127.0.0.1:0", ClusterRoutes: []string{"::"}}} {
		_, err := Start(o)
		require.Error(t, err)
	}
}

// The bus waits for a NATS server that is not running. The log says so, without the password.
func TestNATSDoesNotAnswer(t *testing.T) {
	var log bytes.Buffer
	b, err := Start(Options{URL: "nats://me:hunter2@127.0.0.1:1", Log: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	require.NoError(t, b.Close())
	require.Contains(t, log.String(), "does not answer")
	require.Contains(t, log.String(), "127.0.0.1:1")
	require.NotContains(t, log.String(), "hunter2")
}

func TestWrongSecretStaysOut(t *testing.T) {
	inside := cluster(t, 1, "right")[0]
	stranger, err := Start(Options{ClusterListen: "127.0.0.1:0", ClusterRoutes: []string{"nats://" + inside.ClusterAddr()}, Secret: "wrong", Log: quiet})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stranger.Close()) })
	// A third node with the secret joins while the stranger does not.
	third, err := Start(Options{ClusterListen: "127.0.0.1:0", ClusterRoutes: []string{"nats://" + inside.ClusterAddr()}, Secret: "right", Log: quiet})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, third.Close()) })
	require.Eventually(t, func() bool { return inside.Routes() == 1 && third.Routes() == 1 }, startTimeout, 1e7)
	require.Zero(t, stranger.Routes())
}

func TestWhatWaitsForTheHubIsBounded(t *testing.T) {
	b, err := Start(Options{URL: outside(t, live.MaxBroadcast+sha256.Size), Secret: "secret", PendingBytes: 8 << 20, Log: quiet})
	require.NoError(t, err)
	defer func() { require.NoError(t, b.Close()) }()
	require.NoError(t, b.Join(func([]byte) {}))
	packets, bytes, err := b.sub.PendingLimits()
	require.NoError(t, err)
	require.Equal(t, 8<<20, bytes)
	require.Equal(t, 8<<10, packets, "small packets take more than their bytes")
}
