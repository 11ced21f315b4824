package realtime

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gocql/gocql"
)

const patience = 60 * time.Second

// node is a process of the binary.
type node struct {
	t       *testing.T
	args    []string
	cmd     *exec.Cmd
	base    string // http://127.0.0.1:PORT
	cluster string // 127.0.0.1:PORT, where its bus waits
	log     *os.File
}

// keyspace returns the URL of a store of the test's own.
func keyspace(t *testing.T) string {
	address := os.Getenv(addressEnv)
	switch address {
	case "":
		address = "127.0.0.1:9042"
	case "off":
		t.Skip(addressEnv + "=off: tests that need a Cassandra are left out")
	}
	name := fmt.Sprintf("confab_realtime_%d", time.Now().UnixMilli())
	t.Cleanup(func() {
		c := gocql.NewCluster(address)
		c.ProtoVersion, c.Timeout = 4, time.Minute
		s, err := c.CreateSession()
		require.NoError(t, err)
		defer s.Close()
		require.NoError(t, s.Query("DROP KEYSPACE IF EXISTS "+name).Exec())
	})
	return "cassandra://" + address + "/" + name + "?timeout=10s"
}

// free returns an address at which no process listens now.
func free(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// startNode starts a node; routes are other nodes' cluster addresses.
func startNode(t *testing.T, store string, routes ...string) *node {
	cluster := free(t)
	args := []string{"--cluster-listen", cluster}
	for _, r := range routes {
		args = append(args, "--cluster-routes", "nats://"+r)
	}
	n := startWith(t, store, args...)
	n.cluster = cluster
	return n
}

// startWith starts a node with settings of its bus.
func startWith(t *testing.T, store string, bus ...string) *node {
	n := &node{t: t}
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	n.log = log
	t.Cleanup(func() {
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("node %s:\n%s", n.base, text)
		}
		_ = log.Close()
	})
	n.args = append([]string{"serve", "--listen", free(t), "--store", store, "--auto-schema", "--limits", "off"}, bus...)
	n.start()
	t.Cleanup(n.kill)
	return n
}

var greeting = regexp.MustCompile(`http://[^/ ]+`)

func (n *node) start() {
	n.cmd = exec.Command(binary, n.args...)
	n.cmd.Stderr = n.log
	out, err := n.cmd.StdoutPipe()
	require.NoError(n.t, err)
	require.NoError(n.t, n.cmd.Start())
	lines := bufio.NewScanner(out)
	require.True(n.t, lines.Scan(), "the node ended")
	n.base = greeting.FindString(lines.Text())
	require.NotEmpty(n.t, n.base, lines.Text())
}

// kill ends the node as a crash would.
func (n *node) kill() {
	_ = n.cmd.Process.Kill()
	_ = n.cmd.Wait()
}
