package cassandra

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// datacentresEnv names the folder of a cluster with node 1 in dc1 and node 2 in dc2, and datacentresPort its CQL port.
// scripts/datacentres.sh starts one and runs these tests.
const datacentresEnv, datacentresPort = "CONFAB_TEST_DATACENTRES", "CONFAB_TEST_DATACENTRES_PORT"

type datacentres struct {
	t         *testing.T
	dir, port string
	keyspace  string
}

func newDatacentres(t *testing.T) *datacentres {
	d := &datacentres{t: t, dir: os.Getenv(datacentresEnv), port: os.Getenv(datacentresPort),
		keyspace: fmt.Sprintf("confab_dcs_%d", time.Now().UnixMilli())}
	if d.dir == "" {
		t.Skip("LEFT OUT: two data centres need a cluster of their own; scripts/datacentres.sh starts one and runs this test")
	}
	s, err := schemaSession(net.JoinHostPort("127.0.0.1", d.port), "")
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.Query("CREATE KEYSPACE "+d.keyspace+
		" WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 1, 'dc2': 1}").Exec())
	return d
}

// open opens a store of a server in data centre 1 or 2.
func (d *datacentres) open(dc int, parameters string) *Store {
	c, err := ParseURL(fmt.Sprintf("cassandra://127.0.0.%d:%s/%s?dc=dc%d&timeout=20s%s", dc, d.port, d.keyspace, dc, parameters))
	require.NoError(d.t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	s, err := Open(ctx, c, Options{})
	require.NoError(d.t, err)
	d.t.Cleanup(func() { require.NoError(d.t, s.Close()) })
	return s
}

// node does something with a node: scripts/cassandra.sh help says what.
func (d *datacentres) node(command string, n int) {
	d.t.Helper()
	out, err := exec.Command("../../../scripts/cassandra.sh", command, fmt.Sprint(n), "--port", d.port, "--dir", d.dir).CombinedOutput()
	require.NoError(d.t, err, string(out))
}

// oneOf makes a call at servers of both data centres at the same moment, and requires that exactly one succeeds.
// Each call says whether it won; Conflict is a way to say that it did not.
func oneOf(t *testing.T, what string, servers []*Store, call func(s *Store) (bool, error)) {
	t.Helper()
	won := make([]bool, len(servers))
	errs := make([]error, len(servers))
	var wg sync.WaitGroup
	for i, s := range servers {
		wg.Go(func() {
			if won[i], errs[i] = call(s); chat.IsKind(errs[i], chat.Conflict) {
				errs[i] = nil
			}
		})
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...), what)
	n := 0
	for _, w := range won {
		if w {
			n++
		}
	}
	require.Equal(t, 1, n, "%s: how many of the servers in two data centres succeeded", what)
}

func TestTwoDatacentres(t *testing.T) {
	d := newDatacentres(t)
	ctx, cancel := context.WithTimeout(context.Background(), 9*time.Minute)
	defer cancel()
	servers := []*Store{d.open(1, ""), d.open(2, "")}
	of := tenant()

	// A claim is decided for the whole cluster.
	for i := range 20 {
		login := fmt.Sprintf("user%d", i)
		oneOf(t, "sign-up", servers, func(s *Store) (bool, error) {
			err := s.CreateUser(ctx, of, chat.User{Person: person(login), PasswordHash: "x"})
			return err == nil, err
		})
		oneOf(t, "room", servers, func(s *Store) (bool, error) {
			err := s.CreateRoom(ctx, of, newRoom(login))
			return err == nil, err
		})
		l := chat.Log{Tenant: of, ID: ids.New()}
		oneOf(t, "message under a key", servers, func(s *Store) (bool, error) {
			_, repeated, err := s.AppendOnce(ctx, l, "key", chat.Message{ID: ids.New(), Author: person(login), Content: "x"}, id.ID{})
			return !repeated, err
		})
		r := auth.Remembered{Series: randomHash(), Tenant: of, Login: login, Token: randomHash(), ExpiresAt: time.Now().Add(time.Hour)}
		require.NoError(t, servers[0].CreateRemembered(ctx, r))
		oneOf(t, "rotation", servers, func(s *Store) (bool, error) {
			next := r
			next.Token, next.Previous = randomHash(), r.Token
			return s.Rotate(ctx, r.Token, next)
		})
	}
	var secrets [2][]byte
	for i, s := range servers {
		var err error
		secrets[i], err = s.Secret(ctx, "secret", []byte{byte(i)})
		require.NoError(t, err)
	}
	require.Equal(t, secrets[0], secrets[1])

	// A server in dc2 goes by a width that one in dc1 has chosen.
	l := chat.Log{Tenant: of, ID: ids.New()}
	changed, err := servers[0].setSpan(ctx, l, time.Hour)
	require.NoError(t, err)
	require.True(t, changed)
	w, err := servers[1].readWidths(ctx, l)
	require.NoError(t, err)
	require.Equal(t, time.Hour, w.list.Newest())

	// Without dc2: what has to be decided together is refused with Unavailable, never answered otherwise; all else goes on.
	alone := d.open(1, "&serial_consistency=local_serial")
	d.node("flush-schema", 2) // the script's nodes do not do so at each change
	d.node("kill-node", 2)
	err = servers[0].CreateUser(ctx, of, chat.User{Person: person("late"), PasswordHash: "x"})
	require.True(t, chat.IsKind(err, chat.Unavailable), "sign-up without dc2: %v", err)
	err = servers[0].CreateUser(ctx, of, chat.User{Person: person("user0"), PasswordHash: "x"})
	require.True(t, chat.IsKind(err, chat.Unavailable), "sign-up as somebody who is there, without dc2: %v", err)
	err = servers[0].SetPasswordHash(ctx, of, "user0", "y", "")
	require.True(t, chat.IsKind(err, chat.Unavailable), "password without dc2: %v", err)
	m := chat.Message{ID: ids.New(), Author: person("user0"), Content: "x"}
	require.NoError(t, servers[0].Append(ctx, l, m))
	ms, err := servers[0].Older(ctx, l, id.Max, 1)
	require.NoError(t, err)
	require.Equal(t, []chat.Message{m}, ms)
	// The servers of dc2 do not answer from dc1, which may not have all that dc2 has acknowledged.
	_, err = servers[1].User(ctx, of, "user0")
	require.True(t, chat.IsKind(err, chat.Unavailable), "a server whose data centre is away: %v", err)
	// Where dc1 alone decides, by the operator's word, nothing is missing.
	require.NoError(t, alone.CreateUser(ctx, of, chat.User{Person: person("alone"), PasswordHash: "x"}))

	// And when it is back, to repeat is safe.
	d.node("start-node", 2)
	require.Eventually(t, func() bool {
		err = servers[0].CreateUser(ctx, of, chat.User{Person: person("late"), PasswordHash: "x"})
		return err == nil || !chat.IsKind(err, chat.Unavailable)
	}, time.Minute, 500*time.Millisecond, "%v", err)
	require.Eventually(t, func() bool {
		_, err = servers[1].User(ctx, of, "late")
		return err == nil
	}, time.Minute, 500*time.Millisecond, "%v", err)
}
