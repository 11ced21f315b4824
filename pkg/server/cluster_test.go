package server_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/live/livetest"
	"github.com/confab-chat/confab/pkg/logtest"
	"github.com/confab-chat/confab/pkg/server"
	"github.com/confab-chat/confab/pkg/store/embedded"
)

// sharedStore is an embedded store that says several servers use it, which in one process is true.
type sharedStore struct {
	*embedded.Store
	*livetest.Registry
}

func (sharedStore) Shared() bool { return true }

func (s sharedStore) Beat(ctx context.Context, node string, n int64) error {
	return s.Registry.Beat(ctx, node, n)
}

func (s sharedStore) Beats(ctx context.Context) (map[string]int64, error) {
	return s.Registry.Beats(ctx)
}

// warnings returns what was said of servers that are not on the bus.
func warnings(t *testing.T, l *logtest.Buffer) (out []string) {
	for _, line := range l.Lines("") {
		var e struct{ Level, Msg, Servers, Do string }
		require.NoError(t, json.Unmarshal([]byte(line), &e), line)
		if strings.Contains(e.Msg, "servers of this store") {
			out = append(out, strings.Join([]string{e.Level, e.Servers, e.Do}, " | "))
		}
	}
	return out
}

func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// Two servers whose buses lead nowhere say so: each in its log, once, with what to do, and in the body of /readyz.
func TestAMisconfiguredBusIsNotSilent(t *testing.T) {
	for name, c := range map[string]struct {
		// configs returns the clusters of two servers, and what makes them meet; nil: nothing.
		configs func(t *testing.T) (a, b server.Cluster, heal func())
		says    string
	}{
		"wrong routes": {says: "--cluster-routes", configs: func(t *testing.T) (a, b server.Cluster, heal func()) {
			a, b = server.Cluster{Listen: freePort(t)}, server.Cluster{Listen: freePort(t)}
			toA := livetest.NewProxy(t, a.Listen)
			toA.Cut()
			a.Routes, b.Routes = []string{"nats://" + freePort(t)}, []string{"nats://" + toA.Addr()}
			return a, b, toA.Heal
		}},
		"a wrong secret": {says: "without a user and password", configs: func(t *testing.T) (a, b server.Cluster, heal func()) {
			a, b = server.Cluster{Listen: freePort(t)}, server.Cluster{Listen: freePort(t)}
			b.Routes = []string{"nats://confab:hunter2@" + a.Listen}
			return a, b, nil
		}},
		"a dead NATS": {says: "reach the NATS", configs: func(t *testing.T) (a, b server.Cluster, heal func()) {
			a = server.Cluster{NATS: "nats://me:hunter2@" + freePort(t)}
			return a, a, nil
		}},
		"no bus": {says: "has none", configs: func(*testing.T) (a, b server.Cluster, heal func()) {
			return server.Cluster{}, server.Cluster{}, nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := sharedStore{open(t), &livetest.Registry{}}
			a, b, heal := c.configs(t)
			var handlers []http.Handler
			var logs []*logtest.Buffer
			for _, cluster := range []server.Cluster{a, b} {
				log := &logtest.Buffer{}
				logs = append(logs, log)
				handlers = append(handlers, start(t, st, server.Config{Cluster: cluster, Log: slog.New(slog.NewJSONHandler(log, nil))}))
			}
			ready := func(h http.Handler) string {
				r := ask(h, "GET", "/readyz", "")
				require.Equal(t, 200, r.StatusCode)
				body, err := io.ReadAll(r.Body)
				require.NoError(t, err)
				require.True(t, strings.HasPrefix(string(body), "ok\n"), string(body))
				require.NotContains(t, string(body), "hunter2")
				return string(body)
			}
			for i, h := range handlers {
				require.Eventually(t, func() bool { return strings.Contains(ready(h), "not on the bus") }, time.Minute, 50*time.Millisecond)
				require.Eventually(t, func() bool { return len(warnings(t, logs[i])) == 1 }, time.Minute, time.Millisecond)
				said := warnings(t, logs[i])[0]
				require.Contains(t, said, "WARN")
				require.Contains(t, said, c.says)
				require.NotContains(t, said, "hunter2")
			}
			if heal == nil {
				return
			}
			heal()
			for i, h := range handlers {
				require.Eventually(t, func() bool { return !strings.Contains(ready(h), "not on the bus") }, time.Minute, 50*time.Millisecond)
				require.Eventually(t, func() bool { return len(warnings(t, logs[i])) == 2 }, time.Minute, time.Millisecond)
				require.Contains(t, warnings(t, logs[i])[1], "INFO")
			}
		})
	}
}

// Two deployments share a NATS. Neither receives packets of the other, and /readyz says when somebody publishes to its subject.
func TestDeploymentsThatShareANATS(t *testing.T) {
	shared, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, NoLog: true, NoSigs: true})
	require.NoError(t, err)
	shared.Start()
	t.Cleanup(func() { shared.Shutdown(); shared.WaitForShutdown() })
	require.True(t, shared.ReadyForConnections(time.Minute))
	stranger, err := nats.Connect(shared.ClientURL())
	require.NoError(t, err)
	t.Cleanup(stranger.Close)
	all, err := stranger.SubscribeSync(">")
	require.NoError(t, err)
	require.NoError(t, stranger.Flush())

	ready := func(h http.Handler) string {
		body, err := io.ReadAll(ask(h, "GET", "/readyz", "").Body)
		require.NoError(t, err)
		return string(body)
	}
	subjects := map[string]http.Handler{}
	for range 2 {
		h := start(t, sharedStore{open(t), &livetest.Registry{}}, server.Config{Cluster: server.Cluster{NATS: shared.ClientURL()}})
		for subject := ""; subject == ""; { // its beats have it
			m, err := all.NextMsg(time.Minute)
			require.NoError(t, err)
			if subjects[m.Subject] == nil {
				subject = m.Subject
				subjects[subject] = h
			}
		}
	}
	require.Len(t, subjects, 2)
	for subject, h := range subjects {
		require.NotContains(t, ready(h), "dropped")
		require.NoError(t, stranger.Publish(subject, []byte(`{"node":"x","seq":1,"kind":"hello"}`)))
		require.NoError(t, stranger.Flush())
		require.Eventually(t, func() bool { return strings.Contains(ready(h), "not of this cluster, and were dropped: 1\n") }, time.Minute, time.Millisecond)
	}
}
