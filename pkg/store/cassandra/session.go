package cassandra

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gocql/gocql"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
)

// connect opens a session with the keyspace, or without one if the name is empty. The data centre must be known. Only
// its nodes receive statements. Another data centre may not have yet what this one has acknowledged, and LOCAL_QUORUM
// and LOCAL_SERIAL would mean the data centre of the node that receives the statement. If all nodes of the data centre
// are away, the store is unavailable.
func connect(ctx context.Context, c Config, keyspace, dc string, log *slog.Logger) (*gocql.Session, error) {
	cluster, err := newCluster(c, log)
	if err != nil {
		return nil, err
	}
	cluster.Keyspace = keyspace
	cluster.HostFilter = gocql.DataCentreHostFilter(dc)
	cluster.PoolConfig.HostSelectionPolicy = newAvoiding(gocql.TokenAwareHostPolicy(
		gocql.DCAwareRoundRobinPolicy(dc), gocql.ShuffleReplicas()))
	return createSession(ctx, cluster)
}

func newCluster(c Config, log *slog.Logger) (*gocql.ClusterConfig, error) {
	encrypted, err := c.tlsConfig()
	if err != nil {
		return nil, err
	}
	cluster := gocql.NewCluster(c.Hosts...)
	// For peers that announce no port of their own: that of the first host.
	if _, port, err := net.SplitHostPort(c.Hosts[0]); err == nil {
		cluster.Port, _ = strconv.Atoi(port)
	}
	if c.User != "" {
		cluster.Authenticator = gocql.PasswordAuthenticator{Username: c.User, Password: c.Password}
	}
	cluster.ProtoVersion = 4
	cluster.Compressor = compressor{}
	cluster.Consistency = c.Consistency
	cluster.SerialConsistency = c.Serial
	cluster.DefaultTimestamp = false // the coordinator's, which is the cluster's time: see versions.go
	cluster.Timeout = c.Timeout
	cluster.ConnectTimeout = min(c.Timeout, 5*time.Second)
	cluster.RetryPolicy = nil // each statement says its own
	// A node that is away is retried every second, which costs one connection attempt.
	cluster.ReconnectInterval = time.Second
	cluster.ReconnectionPolicy = &gocql.ConstantReconnectionPolicy{MaxRetries: 1, Interval: 100 * time.Millisecond}
	cluster.Logger = driverLog{log}
	cluster.ConnectObserver = &refusal{config: c}
	if encrypted != nil {
		cluster.SslOpts = &gocql.SslOptions{Config: encrypted, EnableHostVerification: !encrypted.InsecureSkipVerify}
	}
	return cluster, nil
}

// createSession honours ctx, which the driver does not: it closes a session that is created too late. If ctx has ended,
// its error is returned, regardless of the driver's. An error is temporary unless a node refuses the connection.
func createSession(ctx context.Context, cluster *gocql.ClusterConfig) (*gocql.Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, notConnected(cluster, err)
	}
	type result struct {
		session *gocql.Session
		err     error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		r.err = guard.Try(func() (err error) {
			r.session, err = cluster.CreateSession()
			return err
		})
		done <- r
	}()
	select {
	case r := <-done:
		if refused, ok := cluster.ConnectObserver.(*refusal); r.err != nil && ok && refused.err() != nil {
			return nil, refused.err()
		}
		if r.err != nil {
			return nil, notConnected(cluster, r.err)
		}
		return r.session, nil
	case <-ctx.Done():
		go func() {
			if r := <-done; r.session != nil {
				r.session.Close()
			}
		}()
		return nil, notConnected(cluster, ctx.Err())
	}
}

// notConnected returns a temporary error. The driver reports the reason only as text, not as a value to compare.
func notConnected(cluster *gocql.ClusterConfig, err error) error {
	return chat.ErrUnavailable(fmt.Errorf("cannot connect to Cassandra at %s: %w", strings.Join(cluster.Hosts, ", "), err))
}

const (
	selectLocalDC = `SELECT data_center FROM system.local`
	selectPeerDCs = `SELECT data_center FROM system.peers`
)

// localDC returns the data centre of c, or that of the first host that answers. It fails permanently if the cluster has
// no data centre of that name: the driver would find no host and report a cluster that is away.
func localDC(ctx context.Context, c Config, log *slog.Logger) (string, error) {
	cluster, err := newCluster(c, log)
	if err != nil {
		return "", err
	}
	cluster.NumConns = 1
	cluster.DisableInitialHostLookup = true
	s, err := createSession(ctx, cluster)
	if err != nil {
		return "", err
	}
	defer s.Close()
	var dc string
	if err := s.Query(selectLocalDC).WithContext(ctx).Consistency(gocql.One).RetryPolicy(retryIdempotent{}).Scan(&dc); err != nil {
		return "", fmt.Errorf("cannot read Cassandra's local data centre: %w", err)
	}
	if c.DC == "" || c.DC == dc {
		return dc, nil
	}
	there := []string{dc}
	peers := s.Query(selectPeerDCs).WithContext(ctx).Consistency(gocql.One).RetryPolicy(retryIdempotent{}).Iter()
	for peers.Scan(&dc) {
		there = append(there, dc) // empty for a node whose data centre is not known yet
	}
	if err := peers.Close(); err != nil {
		return "", fmt.Errorf("cannot read Cassandra's data centres: %w", err)
	}
	if slices.Contains(there, c.DC) || slices.Contains(there, "") {
		return c.DC, nil
	}
	slices.Sort(there)
	return "", fmt.Errorf("the Cassandra cluster has no data centre %q, which dc in its URL names: it has %s",
		c.DC, strings.Join(slices.Compact(there), ", "))
}

// driverLog writes the driver's messages to the log at level debug.
type driverLog struct{ log *slog.Logger }

func (l driverLog) Print(v ...any)            { l.write(fmt.Sprint(v...)) }
func (l driverLog) Printf(f string, v ...any) { l.write(fmt.Sprintf(f, v...)) }
func (l driverLog) Println(v ...any)          { l.write(fmt.Sprintln(v...)) }

func (l driverLog) write(s string) {
	l.log.Debug("cassandra driver", "message", strings.TrimSpace(s))
}
