// Package natsbus joins nodes over NATS: by a server embedded in each node, the servers
// forming a cluster, or by an outside server. Core NATS only; nothing is stored.
//
// # Wiring
//
//	bus, err := natsbus.Start(natsbus.Options{
//		ClusterListen: "0.0.0.0:7222",
//		ClusterRoutes: []string{"nats://10.0.0.2:7222", "nats://10.0.0.3:7222"},
//		Secret:        secret, // the same on all nodes, e.g. of auth.SecretStore
//	})
//	// or natsbus.Options{URL: "nats://…"} for an outside server
//	defer bus.Close() // after hub.Close
package natsbus

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/confab-chat/confab/pkg/live"
)

// Options say which NATS to use: ClusterListen for an embedded server, or URL for an outside one.
type Options struct {
	// URL is where outside servers listen, several separated by commas. With it, no server is embedded.
	URL string
	// ClusterListen is the host:port where the embedded server waits for those of other nodes.
	ClusterListen string
	// ClusterRoutes are the nats:// URLs of other nodes' ClusterListen; one that is reachable is enough,
	// the rest is learnt. The node's own may be among them.
	ClusterRoutes []string
	// Secret is what embedded servers have to show each other. Empty: whoever reaches
	// ClusterListen can join, which is for tests and closed networks.
	Secret string
	// Subject is where outside servers carry it; default "confab". Clusters that share servers need different ones.
	Subject string
	Log     *slog.Logger
}

// Bus is a live.Bus over NATS.
type Bus struct {
	conn   *nats.Conn
	server *server.Server // nil for an outside one
	topic  string
	sub    *nats.Subscription
}

var _ live.Bus = (*Bus)(nil)

const (
	startTimeout = 10 * time.Second
	flushTimeout = 5 * time.Second
	// pending bounds what waits to be taken in; beyond it NATS drops, and the hub notices.
	pendingMessages = 200_000
	pendingBytes    = 256 << 20
)

// Start connects, having started the embedded server if there is one. Other nodes need not be there yet.
func Start(o Options) (*Bus, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Subject == "" {
		o.Subject = "confab"
	}
	b := &Bus{topic: o.Subject + ".events"}
	options := []nats.Option{
		nats.Name("confab"),
		nats.NoEcho(),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			o.Log.Warn("bus", "error", err)
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				o.Log.Warn("bus disconnected", "error", err)
			}
		}),
		nats.ConnectHandler(func(*nats.Conn) { o.Log.Debug("bus connected") }),
		nats.ReconnectHandler(func(*nats.Conn) { o.Log.Info("bus connected again") }),
	}
	url := o.URL
	if url == "" {
		password := rand.Text()
		s, err := startServer(o, password)
		if err != nil {
			return nil, err
		}
		b.server = s
		options = append(options, nats.InProcessServer(s), nats.UserInfo(localUser, password))
	} else {
		options = append(options, nats.RetryOnFailedConnect(true))
	}
	conn, err := nats.Connect(url, options...)
	if err != nil {
		if b.server != nil {
			stop(b.server)
		}
		return nil, fmt.Errorf("bus: %w", err)
	}
	b.conn = conn
	if !conn.IsConnected() {
		o.Log.Warn("the NATS of the bus does not answer; trying again until it does", "nats", withoutSecrets(url))
	}
	return b, nil
}

// withoutSecrets returns the hosts of NATS URLs.
func withoutSecrets(urls string) string {
	hosts := strings.Split(urls, ",")
	for i, u := range hosts {
		hosts[i] = strings.TrimSpace(u[strings.LastIndex(u, "@")+1:])
	}
	return strings.Join(hosts, ", ")
}

// ClusterAddr returns where the embedded server waits for others; empty without one.
func (b *Bus) ClusterAddr() string {
	if b.server == nil || b.server.ClusterAddr() == nil {
		return ""
	}
	return b.server.ClusterAddr().String()
}

// Routes returns the number of other nodes whose embedded servers are connected to this one's.
func (b *Bus) Routes() int {
	if b.server == nil {
		return 0
	}
	routes, err := b.server.Routez(nil)
	if err != nil {
		return 0
	}
	nodes := make(map[string]bool)
	for _, r := range routes.Routes {
		nodes[r.RemoteID] = true
	}
	return len(nodes)
}

// Join implements live.Bus.
func (b *Bus) Join(receive func(data []byte)) error {
	sub, err := b.conn.Subscribe(b.topic, func(m *nats.Msg) { receive(m.Data) })
	if err != nil {
		return err
	}
	b.sub = sub
	return sub.SetPendingLimits(pendingMessages, pendingBytes)
}

// Broadcast implements live.Bus.
func (b *Bus) Broadcast(data []byte) error {
	if len(data) > live.MaxBroadcast {
		return live.ErrTooLarge
	}
	err := b.conn.Publish(b.topic, data)
	if errors.Is(err, nats.ErrMaxPayload) { // the outside server's limit is a smaller one
		return live.ErrTooLarge
	}
	return err
}

// Flush implements live.Bus.
func (b *Bus) Flush(ctx context.Context) error {
	if !b.conn.IsConnected() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	return b.conn.FlushWithContext(ctx)
}

// Close implements live.Bus.
func (b *Bus) Close() error {
	closed := make(chan struct{})
	b.conn.SetClosedHandler(func(*nats.Conn) { close(closed) })
	if b.conn.IsClosed() {
		return nil
	}
	_ = b.conn.FlushTimeout(time.Second)
	b.conn.Close()
	<-closed
	if b.server != nil {
		stop(b.server)
	}
	return nil
}
