package stomp

import (
	"errors"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/live"
	"github.com/confab-chat/confab/pkg/live/livetest"
)

// rawConn writes as write says.
type rawConn struct {
	syscall.RawConn
	write func(f func(fd uintptr) bool) error
}

func (r rawConn) Write(f func(fd uintptr) bool) error { return r.write(f) }

// setWrite replaces the non-waiting write of a login's connection. The replacement receives the original.
func (n *node) setWrite(login string, write func(was syscall.RawConn, f func(fd uintptr) bool) error) {
	n.stomp.mu.Lock()
	defer n.stomp.mu.Unlock()
	for _, c := range n.stomp.conns {
		if c.login.Login == login {
			c.mu.Lock()
			defer c.mu.Unlock()
			t := c.via.(*wsTransport)
			was := t.raw
			t.raw = rawConn{was, func(f func(fd uintptr) bool) error { return write(was, f) }}
		}
	}
}

// A client that accepts nothing without waiting, or nothing at all for a time, receives everything in order.
// Other clients do not wait for it.
func TestWritingToSlowClients(t *testing.T) {
	w := livetest.NewWorld()
	n := newNode(t, w, nil, func(o *Options) { o.QueueBytes = 64 << 20 })
	room := w.Room("games", "ann", "bob", "cid")
	slow, refusing, other := n.enter(t, "ann", "/stomp", "games"), n.enter(t, "bob", sockjsPath, "games"), n.enter(t, "cid", "/stomp", "games")
	n.setWrite("bob", func(syscall.RawConn, func(uintptr) bool) error { return errors.New("refused") })
	n.setWrite("ann", func(was syscall.RawConn, f func(uintptr) bool) error {
		_ = was.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF, 16<<10) })
		return was.Write(f)
	})
	require.NoError(t, slow.net.(*net.TCPConn).SetReadBuffer(16<<10))
	slow.mu.Lock() // its reader stops with the next frame
	release := sync.OnceFunc(slow.mu.Unlock)
	defer release()
	var want []string
	for i := range 100 {
		want = append(want, strings.Repeat(string(rune('a'+i%26)), 10<<10))
		w.Post(n.hub, room, "ann", want[i])
	}
	require.Equal(t, want, other.contents("s", len(want)))
	require.Equal(t, want, refusing.contents("s", len(want)))
	release()
	require.Equal(t, want, slow.contents("s", len(want)))
	// Once it has caught up, it is served like the others.
	w.Post(n.hub, room, "ann", "last")
	for _, c := range []*client{slow, refusing, other} {
		require.Equal(t, "last", c.contents("s", len(want)+1)[len(want)])
	}
}

// A panic during a write to one client ends its connection. Others that wait for the same writer are served.
func TestAPanicOfAWriter(t *testing.T) {
	w := livetest.NewWorld()
	n := newNode(t, w, nil, nil)
	room := w.Room("games", "ann", "bob", "cid")
	before, bad, after := n.enter(t, "ann", "/stomp", "games"), n.enter(t, "bob", "/stomp", "games"), n.enter(t, "cid", "/stomp", "games")
	n.setWrite("bob", func(syscall.RawConn, func(uintptr) bool) error { panic("broken") })
	count := guard.Panics()
	w.Post(n.hub, room, "ann", "one")
	bad.end()
	require.Equal(t, count+1, guard.Panics())
	w.Post(n.hub, room, "ann", "two")
	for _, c := range []*client{before, after} {
		require.Equal(t, []string{"one", "two"}, c.contents("s", 2))
	}
	require.Eventually(t, func() bool { return n.stomp.Stats().Connections == 2 }, patience, 1e6, "the broken one is forgotten")
}

// Few goroutines write one broadcast, and no client is left out.
func TestManyConnectionsWait(t *testing.T) {
	w := livetest.NewWorld()
	n := newNode(t, w, nil, nil)
	room := w.Room("games", "ann")
	var all []*client
	for range 3 * writeTurn {
		all = append(all, n.enter(t, "ann", "/stomp", "games"))
	}
	var want []string
	for i := range 50 {
		want = append(want, strings.Repeat("x", i+1))
		w.Post(n.hub, room, "ann", want[i])
	}
	for _, c := range all {
		require.Equal(t, want, c.contents("s", len(want)))
		c.send("DISCONNECT", "receipt:bye")
		require.Equal(t, ws.StatusNormalClosure, c.end())
	}
	n.stomp.writers.mu.Lock()
	defer n.stomp.writers.mu.Unlock()
	require.Nil(t, n.stomp.writers.first)
	require.Zero(t, n.stomp.writers.waiting)
}

func TestQueue(t *testing.T) {
	e := func(i int) entry { return entry{enc: &live.Encoded{Head: make([]byte, i)}} }
	var q queue
	next, taken := 1, 0
	for _, step := range []struct{ push, take int }{{1, 1}, {2, 1}, {1, 1}, {1, 9}, {1, 0}, {7, 3}, {9, 5}, {1, 99}, {1, 1}} {
		for range step.push {
			q.push(e(next))
			next++
		}
		for _, got := range q.take(nil, step.take, 1<<20) {
			taken++
			require.Equal(t, taken, got.len())
		}
		require.Equal(t, next-1-taken, q.n)
	}
	require.Equal(t, queue{}, q, "empty, it holds nothing")
	require.Zero(t, testing.AllocsPerRun(10, func() {
		q.push(entry{enc: openFrame})
		var one [1]entry
		q.take(one[:0], 1, 1)
	}))
}
