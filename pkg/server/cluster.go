package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"os"
	"strings"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/live"
	"github.com/confab-chat/confab/pkg/live/natsbus"
	"github.com/confab-chat/confab/pkg/store"
)

// Cluster says how this node talks to others. The zero value is a node without a bus, which is right if it is alone.
type Cluster struct {
	// Listen is where the embedded bus waits for other nodes, host:port.
	Listen string
	// Routes are other nodes' Listen, as nats:// URLs; one that is reachable is enough.
	Routes []string
	// NATS is the URL of an outside bus; nothing is embedded then.
	NATS string
	// Store is what the log calls this node's store, without secrets.
	Store string
}

// nodeName is what other servers call this one in their logs: the machine, how it is on the bus, and something that no
// other process has.
func (c Cluster) nodeName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unnamed"
	}
	how := "no bus"
	switch {
	case c.NATS != "":
		how = "--nats"
	case c.Listen != "":
		how = "--cluster-listen " + c.Listen
	}
	return host + " (" + how + ") " + rand.Text()
}

// warn returns what is called with the servers that are not on the bus, whenever they are others than before.
func (c Cluster) warn(log *slog.Logger) func(servers []string) {
	const each = "All servers of one store need the same bus: --nats with the same servers, or --cluster-listen with --cluster-routes to one another"
	do := each + "."
	switch {
	case c.NATS != "":
		do += " See that this server and those reach the NATS given, with the right user and password."
	case c.Listen != "":
		do += " See that this server's --cluster-routes reach the --cluster-listen of one of those, or theirs reach it here," +
			" without a user and password in the URL."
	default:
		do += " This server has none."
	}
	return func(servers []string) {
		if len(servers) == 0 {
			log.Info("all servers of this store that run are on the bus")
			return
		}
		log.Warn("servers of this store are not on the bus; what happens there is read from the store and comes some seconds late, "+
			"without presence and typing notices", "servers", strings.Join(servers, "; "), "do", do)
	}
}

// registryOf returns where the servers of a shared store learn of each other; nil for a store of one process.
func registryOf(st store.Store) live.Registry {
	if !st.Shared() {
		return nil
	}
	return st
}

// clusterSecret is the name under which the secret that nodes show each other is kept: who shares the store
// shares it.
const clusterSecret = "cluster"

// startBus returns the bus to the other nodes; nil for a node that is alone.
func startBus(ctx context.Context, c Config, secrets auth.SecretStore) (*natsbus.Bus, error) {
	if c.Cluster.NATS == "" && c.Cluster.Listen == "" {
		return nil, nil
	}
	candidate := make([]byte, 32)
	_, _ = rand.Read(candidate) // never fails
	secret, err := secrets.Secret(ctx, clusterSecret, candidate)
	if err != nil {
		return nil, err
	}
	return natsbus.Start(natsbus.Options{URL: c.Cluster.NATS, ClusterListen: c.Cluster.Listen,
		ClusterRoutes: c.Cluster.Routes, Secret: hex.EncodeToString(secret), Store: c.Cluster.Store, PendingBytes: c.Memory.Bus, Log: c.Log})
}
