package main

import (
	"io"
	"log/slog"
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
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
	l := &cappedListener{Listener: inner, most: 1, log: slog.New(slog.DiscardHandler)}
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
