package main

import (
	"log/slog"
	"math"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/confab-chat/confab/pkg/api"
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

// cappedListener closes connections that come when there are enough: the store needs descriptors too, and one address may
// not have all of them. Connections from the machine itself do not count for an address.
type cappedListener struct {
	net.Listener
	most, mostOfOne int // mostOfOne 0 is any number
	log             *slog.Logger

	mu     sync.Mutex
	open   int
	of     map[string]int       // by address
	logged map[string]time.Time // when each complaint was logged last
}

func capConnections(l net.Listener, most, mostOfOne int, log *slog.Logger) *cappedListener {
	return &cappedListener{Listener: l, most: most, mostOfOne: mostOfOne, log: log, of: map[string]int{}, logged: map[string]time.Time{}}
}

// Accept implements net.Listener.
func (l *cappedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		address, local := api.PeerAddress(c.RemoteAddr())
		if local {
			address = ""
		}
		if !l.enter(address) {
			_ = c.Close()
			continue
		}
		release := sync.OnceFunc(func() { l.leave(address) })
		if tcp, ok := c.(*net.TCPConn); ok {
			return &cappedTCP{tcp, release}, nil
		}
		return &cappedConn{c, release}, nil
	}
}

// enter counts a connection, unless there are enough of all or of its address.
func (l *cappedListener) enter(address string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.open >= l.most:
		l.complain("too many connections: new ones are closed", "most", l.most,
			"what to do", "raise the limit of open files (ulimit -n, or LimitNOFILE of systemd) and restart")
		return false
	case address != "" && l.mostOfOne > 0 && l.of[address] >= l.mostOfOne:
		l.complain("too many connections from one address: new ones are closed", "address", address, "most", l.mostOfOne,
			"what to do", "if it is a proxy, start with --behind-proxy; if many users share it, raise --limit connections=N")
		return false
	}
	l.open++
	if address != "" {
		l.of[address]++
	}
	return true
}

func (l *cappedListener) leave(address string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	if address == "" {
		return
	}
	if l.of[address]--; l.of[address] == 0 {
		delete(l.of, address)
	}
}

// complain logs a line, each at most once a minute. l.mu is held.
func (l *cappedListener) complain(line string, args ...any) {
	if time.Since(l.logged[line]) > time.Minute {
		l.logged[line] = time.Now()
		l.log.Error(line, args...)
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
