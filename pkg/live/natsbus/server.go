package natsbus

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// clusterUser is the user name with which embedded servers authenticate to each other.
const clusterUser = "confab"

// localUser is the user name with which this process connects to its embedded server.
const localUser = "local"

// startServer starts the embedded server. This process connects to it in memory, with the password. A clustered server
// needs a port for clients. The port is open on 127.0.0.1 only, and no other process knows the password.
func startServer(o Options, password string) (*server.Server, error) {
	host, portText, err := net.SplitHostPort(o.ClusterListen)
	if err != nil {
		return nil, fmt.Errorf("bus: cluster address %q: %w", o.ClusterListen, err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("bus: cluster address %q: %w", o.ClusterListen, err)
	}
	opts := &server.Options{
		Host:       "127.0.0.1",
		Port:       server.RANDOM_PORT,
		Username:   localUser,
		Password:   password,
		NoLog:      true,
		NoSigs:     true,
		MaxPayload: 2 << 20,
		// A node that is gone is detected by its TCP connection, or by the missing heartbeats of its hub.
		PingInterval: 2 * time.Second,
		MaxPingsOut:  2,
		Cluster: server.ClusterOpts{
			Name: "confab",
			Host: host,
			Port: int(port),
			// One connection per pair of nodes keeps the data of a node in order.
			PoolSize:    -1,
			NoAdvertise: true,
		},
	}
	if port == 0 {
		opts.Cluster.Port = server.RANDOM_PORT
	}
	if o.Secret != "" {
		opts.Cluster.Username, opts.Cluster.Password = clusterUser, o.Secret
	}
	for _, route := range o.ClusterRoutes {
		u, err := url.Parse(route)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("bus: route %q is no nats:// URL", withoutSecrets(route))
		}
		if o.Secret != "" && u.User == nil {
			u.User = url.UserPassword(clusterUser, o.Secret)
		}
		opts.Routes = append(opts.Routes, u)
	}
	s, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	s.SetLoggerV2(&refusals{log: o.Log, store: o.Store, said: map[string]bool{}}, false, false, false)
	s.Start()
	if !s.ReadyForConnections(startTimeout) {
		stop(s)
		return nil, errors.New("bus: the embedded server cannot listen at " + o.ClusterListen)
	}
	return s, nil
}

func stop(s *server.Server) {
	s.Shutdown()
	s.WaitForShutdown()
}
