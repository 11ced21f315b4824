package natsbus

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/logtest"
)

// listen starts a bus on an outside server, and returns what it receives.
func listen(t *testing.T, url, secret string, log *logtest.Buffer) (*Bus, <-chan string) {
	b, err := Start(Options{URL: url, Secret: secret, Log: slog.New(slog.NewTextHandler(log, nil))})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	received := make(chan string, 100)
	require.NoError(t, b.Join(func(data []byte) { received <- string(data) }))
	require.NoError(t, b.Flush(context.Background()))
	return b, received
}

func next(t *testing.T, received <-chan string) string {
	select {
	case text := <-received:
		return text
	case <-time.After(patience):
		require.Fail(t, "nothing was received")
		return ""
	}
}

// Two deployments that share NATS servers receive nothing of each other, and each receives its own.
func TestClustersOnOneNATSAreApart(t *testing.T) {
	url := outside(t, 1<<20)
	var log logtest.Buffer
	a, _ := listen(t, url, "secret-a", &log)
	_, ofA := listen(t, url, "secret-a", &log)
	b, _ := listen(t, url, "secret-b", &log)
	_, ofB := listen(t, url, "secret-b", &log)
	require.NoError(t, a.Broadcast([]byte("a")))
	require.NoError(t, b.Broadcast([]byte("b")))
	require.Equal(t, "a", next(t, ofA))
	require.Equal(t, "b", next(t, ofB))
	require.Empty(t, ofA)
	require.Empty(t, ofB)
	require.Empty(t, log.Lines("signature"))
}

// What somebody else publishes to the cluster's subject is dropped, counted and logged once.
func TestPacketsWithoutTheSignatureAreDropped(t *testing.T) {
	url := outside(t, 1<<20)
	var log logtest.Buffer
	sender, _ := listen(t, url, "secret", &logtest.Buffer{})
	b, received := listen(t, url, "secret", &log)
	stranger, err := nats.Connect(url)
	require.NoError(t, err)
	defer stranger.Close()

	spied, err := stranger.SubscribeSync(b.topic)
	require.NoError(t, err)
	require.NoError(t, stranger.Flush())
	require.NoError(t, sender.Broadcast([]byte("genuine")))
	require.Equal(t, "genuine", next(t, received))
	m, err := spied.NextMsg(patience)
	require.NoError(t, err)
	require.Len(t, m.Data, sha256.Size+len("genuine"))

	other := &seal{key: derive("another secret", "packets")}
	altered := append([]byte(nil), m.Data...)
	altered[len(altered)-1]++
	forged := [][]byte{nil, []byte(`{"node":"x"}`), m.Data[:sha256.Size-1], m.Data[:len(m.Data)-1], altered, other.close([]byte("x"))}
	for _, data := range forged {
		require.NoError(t, stranger.Publish(b.topic, data))
	}
	require.NoError(t, stranger.Flush())
	require.NoError(t, sender.Broadcast([]byte("end")))
	require.Equal(t, "end", next(t, received))
	require.EqualValues(t, len(forged), b.Rejected())
	require.Len(t, log.Lines("signature"), 1)
	require.Empty(t, log.Lines("secret"))
}

func TestSubjectAndKeyAreOfTheSecret(t *testing.T) {
	require.NotEqual(t, subjectOf("confab", "a"), subjectOf("confab", "b"))
	require.NotContains(t, subjectOf("confab", "a"), string(derive("a", "packets")))
	require.NotEqual(t, derive("a", "packets"), derive("a", "subject"))
}
