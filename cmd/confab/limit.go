package main

import (
	"log/slog"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// descriptors returns how many files and connections this process may have open.
func descriptors() int {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil || l.Cur > math.MaxInt32 {
		return math.MaxInt32
	}
	return int(l.Cur)
}

// openFiles returns how many of that many descriptors an embedded store may keep for its files.
func openFiles(descriptors int) int { return min(1000, descriptors/4) }

// spareDescriptors are for logs, databases, the bus and what a store opens besides.
const spareDescriptors = 64

// maxConnections returns how many clients may be connected with that many descriptors.
func maxConnections(descriptors int) int {
	return max(1, descriptors-openFiles(descriptors)-spareDescriptors)
}

// cappedListener closes connections that come when there are enough: the store needs descriptors too.
type cappedListener struct {
	net.Listener
	most   int64
	open   atomic.Int64
	log    *slog.Logger
	logged time.Time // when it last said so; only Accept uses it
}

func capConnections(l net.Listener, log *slog.Logger) net.Listener {
	return &cappedListener{Listener: l, most: int64(maxConnections(descriptors())), log: log}
}

// Accept implements net.Listener.
func (l *cappedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.open.Add(1) <= l.most {
			release := sync.OnceFunc(func() { l.open.Add(-1) })
			if tcp, ok := c.(*net.TCPConn); ok {
				return &cappedTCP{tcp, release}, nil
			}
			return &cappedConn{c, release}, nil
		}
		l.open.Add(-1)
		_ = c.Close()
		if time.Since(l.logged) > time.Minute {
			l.logged = time.Now()
			l.log.Error("too many connections: new ones are closed", "most", l.most,
				"what to do", "raise the limit of open files (ulimit -n, or LimitNOFILE of systemd) and restart")
		}
	}
}

type cappedConn struct {
	net.Conn
	release func()
}

func (c *cappedConn) Close() error {
	c.release()
	return c.Conn.Close()
}

// cappedTCP keeps what only a TCP connection has: WebSockets write to it without waiting, and close one direction of it.
type cappedTCP struct {
	*net.TCPConn
	release func()
}

func (c *cappedTCP) Close() error {
	c.release()
	return c.TCPConn.Close()
}
