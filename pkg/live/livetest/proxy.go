package livetest

import (
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Proxy forwards TCP connections until it is cut.
type Proxy struct {
	to string
	ln net.Listener

	mu    sync.Mutex
	down  bool
	conns map[net.Conn]bool
	work  sync.WaitGroup
}

// NewProxy returns a proxy that forwards to the address to, a host:port. It listens on a port of its own until the test
// ends.
func NewProxy(t *testing.T, to string) *Proxy {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &Proxy{to: to, ln: ln, conns: make(map[net.Conn]bool)}
	p.work.Go(p.run)
	t.Cleanup(func() {
		_ = ln.Close()
		p.Cut()
		p.work.Wait()
	})
	return p
}

// Addr returns the host:port where it listens.
func (p *Proxy) Addr() string { return p.ln.Addr().String() }

func (p *Proxy) run() {
	for {
		c, err := p.ln.Accept()
		if err != nil {
			return
		}
		p.work.Go(func() { p.pass(c) })
	}
}

func (p *Proxy) pass(c net.Conn) {
	defer func() { _ = c.Close() }()
	d, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer func() { _ = d.Close() }()
	p.mu.Lock()
	if p.down {
		p.mu.Unlock()
		return
	}
	p.conns[c], p.conns[d] = true, true
	p.mu.Unlock()
	p.work.Go(func() {
		_, _ = io.Copy(d, c)
		_ = d.Close()
	})
	_, _ = io.Copy(c, d)
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
	delete(p.conns, d)
}

// Cut closes all connections. Until Heal is called, it also closes new ones immediately.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = true
	for c := range p.conns {
		_ = c.Close()
	}
}

// Heal lets connections through again.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = false
}
