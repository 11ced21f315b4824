// Package natsbus connects nodes over NATS. Its Bus is a live.Bus with the guarantees described there.
//
// There are two ways to run it. Either each node embeds a NATS server, and the servers form a cluster. Or the nodes use
// external servers. It uses core NATS only: nothing is stored.
//
// # Wiring
//
//	bus, err := natsbus.Start(natsbus.Options{
//		ClusterListen: "0.0.0.0:7222",
//		ClusterRoutes: []string{"nats://10.0.0.2:7222", "nats://10.0.0.3:7222"},
//		Secret:        secret, // the same on all nodes, e.g. of auth.SecretStore
//	})
//	// or natsbus.Options{URL: "nats://…", Secret: secret} for an external server
//	defer bus.Close() // after hub.Close
package natsbus

import (
	"cmp"
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

// Options say which NATS servers to use: ClusterListen for an embedded server, or URL for external ones.
type Options struct {
	// URL has the URLs of external servers, separated by commas. If it is set, no server is embedded.
	URL string
	// ClusterListen is the host:port where the embedded server listens for those of other nodes.
	ClusterListen string
	// ClusterRoutes are the nats:// URLs of other nodes' ClusterListen. One reachable node is enough: the server learns
	// the others from it. The node's own URL may be among them.
	ClusterRoutes []string
	// Secret authenticates embedded servers to each other. On external servers it chooses the subject and signs the
	// packets: clusters with different secrets can share the servers. If it is empty, anyone who can connect can join.
	// An empty one is for tests and closed networks only.
	Secret string
	// Store is what the log calls the store whose servers know Secret. It holds no secrets.
	Store string
	// PendingBytes bounds the received data that waits for the hub; 256 MiB if zero. Beyond it NATS drops data, and the hub
	// detects the loss.
	PendingBytes int64
	Log          *slog.Logger
}

// Bus is a live.Bus over NATS.
type Bus struct {
	conn   *nats.Conn
	server *server.Server // nil for an external one
	topic  string
	seal   seal
	log    *slog.Logger
	sub    *nats.Subscription
	// pending bounds the received data that waits, in bytes.
	pending int64
}

var _ live.Bus = (*Bus)(nil)

const (
	subject      = "confab" // prefix of the NATS subject
	startTimeout = 10 * time.Second
	flushTimeout = 5 * time.Second
	pendingBytes = 256 << 20 // if Options do not say
	// leastPacket is the memory that a waiting packet takes at least, however small it is.
	leastPacket = 1 << 10
)

// Start starts the embedded server, if there is one, and connects. It does not wait for other nodes.
func Start(o Options) (*Bus, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	b := &Bus{topic: subject + ".events", log: o.Log, pending: cmp.Or(o.PendingBytes, pendingBytes)}
	if o.URL != "" && o.Secret != "" {
		b.topic = subjectOf(subject, o.Secret)
		b.seal.key = derive(o.Secret, "packets")
	}
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

// ClusterAddr returns the address where the embedded server listens for others. It is empty without an embedded server.
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

// Rejected returns the number of packets that were dropped because they do not carry the signature of this cluster.
func (b *Bus) Rejected() uint64 { return b.seal.rejected.Load() }

// Join implements live.Bus.
func (b *Bus) Join(receive func(data []byte)) error {
	sub, err := b.conn.Subscribe(b.topic, func(m *nats.Msg) {
		if data, ok := b.seal.open(m.Data, b.log); ok {
			receive(data)
		}
	})
	if err != nil {
		return err
	}
	b.sub = sub
	return sub.SetPendingLimits(int(b.pending/leastPacket), int(b.pending))
}

// Broadcast implements live.Bus.
func (b *Bus) Broadcast(data []byte) error {
	if len(data) > live.MaxBroadcast {
		return live.ErrTooLarge
	}
	err := b.conn.Publish(b.topic, b.seal.close(data))
	if errors.Is(err, nats.ErrMaxPayload) { // the limit of the external server is smaller
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
