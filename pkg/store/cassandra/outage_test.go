package cassandra

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// link is a way to Cassandra that can be cut.
type link struct {
	target   string
	listener net.Listener
	wg       sync.WaitGroup

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]bool
}

func newLink(t *testing.T, target string) *link {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return newLinkAt(t, l, target)
}

func newLinkAt(t *testing.T, l net.Listener, target string) *link {
	k := &link{target: target, listener: l, conns: map[net.Conn]bool{}}
	k.wg.Go(k.accept)
	t.Cleanup(func() {
		_ = l.Close()
		k.set(true)
		k.wg.Wait()
	})
	return k
}

func (k *link) accept() {
	for {
		near, err := k.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", k.target)
		if err != nil || !k.keep(near, far) {
			_ = near.Close()
			continue
		}
		for _, pair := range [][2]net.Conn{{near, far}, {far, near}} {
			k.wg.Go(func() {
				_, _ = io.Copy(pair[0], pair[1])
				_, _ = pair[0].Close(), pair[1].Close()
			})
		}
	}
}

func (k *link) keep(conns ...net.Conn) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.cut {
		for _, c := range conns {
			_ = c.Close()
		}
		return false
	}
	for _, c := range conns {
		k.conns[c] = true
	}
	return true
}

// set cuts the link, with all its connections, or mends it.
func (k *link) set(cut bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.cut = cut
	if cut {
		for c := range k.conns {
			_ = c.Close()
		}
		clear(k.conns)
	}
}

// When Cassandra goes away, calls say so before their deadline; when it comes back,
// they work again, without a new start.
func TestOutage(t *testing.T) {
	t.Parallel()
	shared(t)
	way := newLink(t, sharedConfig.Hosts[0])
	c := sharedConfig
	c.Hosts = []string{way.listener.Addr().String()}
	c.Timeout = 2 * time.Second
	s := openStore(t, c, Options{})
	t.Cleanup(func() { require.NoError(t, s.Close()) })

	l := chat.Log{Tenant: tenant(), ID: ids.New()}
	post := func() error {
		return s.Append(context.Background(), l, chat.Message{ID: ids.New(), Author: person("ann"), Content: "x"})
	}
	for range 3 {
		require.NoError(t, post())
		way.set(true)
		for range 20 {
			err := post()
			require.Truef(t, chat.IsKind(err, chat.Unavailable), "%v", err)
			require.True(t, chat.IsKind(s.Ping(context.Background()), chat.Unavailable))
		}
		way.set(false)
		require.Eventually(t, func() bool { return post() == nil }, 20*time.Second, 50*time.Millisecond)
	}
	ms, err := s.Older(context.Background(), l, id.Max, 100)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(ms), 6)
}

func TestOpenWithoutCassandra(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	c, err := ParseURL("cassandra://me:secret@" + address + "/k?timeout=1s")
	require.NoError(t, err)
	_, err = Open(withTimeout(t), c, Options{})
	require.True(t, chat.IsKind(err, chat.Unavailable), err)
	require.ErrorContains(t, err, "cannot connect to Cassandra at "+address)
	require.NotContains(t, err.Error(), "secret")

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = Open(ctx, c, Options{})
	require.ErrorIs(t, err, context.Canceled)
}
