package main

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/logtest"
)

func TestConnectionsLeaveDescriptorsForTheStore(t *testing.T) {
	for _, n := range []int{256, 1024, 20_000, 1 << 20} {
		require.LessOrEqual(t, maxConnections(n)+openFiles(n)+spareDescriptors, n)
		require.GreaterOrEqual(t, maxConnections(n), n/2)
	}
	require.Positive(t, maxConnections(10))
}

func TestMoreConnectionsAreClosed(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := capConnections(inner, 1, 0, slog.New(slog.DiscardHandler))
	defer l.Close()
	accepted := make(chan net.Conn, 3)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				close(accepted)
				return
			}
			accepted <- c
		}
	}()
	dial := func() net.Conn {
		c, err := net.Dial("tcp", inner.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { c.Close() })
		return c
	}
	dial()
	first := <-accepted
	require.Implements(t, (*syscall.Conn)(nil), first)
	require.Implements(t, (*interface{ CloseWrite() error })(nil), first)
	_, err = dial().Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF, "the second is closed")
	require.NoError(t, first.Close())
	_ = first.Close() // counts once
	dial()
	<-accepted
	_, err = dial().Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
}

// from is a connection from an address.
type from struct {
	net.Conn
	address string
	closed  chan struct{}
}

func (f *from) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(f.address))
}

func (f *from) Close() error {
	close(f.closed)
	return nil
}

// incoming is a listener whose connections come through a channel.
type incoming struct {
	net.Listener
	conns chan *from
}

func (i incoming) Accept() (net.Conn, error) { return <-i.conns, nil }

// One address has some connections at the same time, a network of IPv6 as well; others are not kept out by it.
func TestConnectionsOfOneAddress(t *testing.T) {
	var log logtest.Buffer
	in := incoming{conns: make(chan *from, 100)}
	l := capConnections(in, 100, 2, slog.New(slog.NewTextHandler(&log, nil)))
	come := func(address string) *from {
		f := &from{address: address, closed: make(chan struct{})}
		in.conns <- f
		return f
	}
	accepted := func(f *from) net.Conn {
		t.Helper()
		c, err := l.Accept()
		require.NoError(t, err)
		require.Equal(t, f.address, c.RemoteAddr().String())
		return c
	}
	first := accepted(come("192.0.2.1:1000"))
	accepted(come("192.0.2.1:1001"))
	refused := come("192.0.2.1:1002")
	accepted(come("192.0.2.2:1000"))
	<-refused.closed
	require.Contains(t, log.String(), "address=192.0.2.1 most=2")

	require.NoError(t, first.Close())
	accepted(come("192.0.2.1:1003"))

	accepted(come("[2001:db8::1]:1"))
	accepted(come("[2001:db8::2]:1"))
	refused = come("[2001:db8::3]:1")
	for i := range 5 { // what runs on the machine itself may have any number
		accepted(come(fmt.Sprintf("127.0.0.1:%d", 1000+i)))
	}
	<-refused.closed
}

func TestHowManyConnectionsAnAddressMayHave(t *testing.T) {
	for name, c := range map[string]struct {
		s    settings
		all  int
		want int
	}{
		"by default":              {settings{}, 100_000, 2000},
		"with few descriptors":    {settings{}, 700, 350},
		"given":                   {settings{Limit: []string{"connections=10"}}, 100_000, 10},
		"any number":              {settings{Limit: []string{"connections=0"}}, 100_000, 0},
		"limits off":              {settings{Limits: "off"}, 100_000, 0},
		"given, limits off":       {settings{Limits: "off", Limit: []string{"connections=10"}}, 100_000, 10},
		"behind a proxy, it says": {settings{BehindProxy: true, Limit: []string{"connections=10"}}, 100_000, 0},
	} {
		require.Equal(t, c.want, c.s.connections(c.all), name)
	}
}
