package natsbus

import (
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
)

// refusals is the logger of the embedded NATS server. It drops everything except that a route was refused, by this
// server or by the other one. A refused server tries again every second, so each is logged once.
type refusals struct {
	log   *slog.Logger
	store string

	mu   sync.Mutex
	said map[string]bool
}

// maxRefusals bounds the servers that are logged.
const maxRefusals = 100

// What the two sides of a refused route log in nats-server, after the address of the other side.
const (
	routeMark    = " - rid:"
	refusedHere  = "authentication error"
	refusedThere = "Route Error 'Authorization Violation'"
)

func (r *refusals) Errorf(format string, v ...any) {
	address, what, ok := strings.Cut(fmt.Sprintf(format, v...), routeMark)
	switch {
	case !ok:
	case strings.Contains(what, refusedHere):
		if host, _, err := net.SplitHostPort(address); err == nil {
			address = host // its port is another one at each try
		}
		r.warn(address, "a server that connects to this one's --cluster-listen is refused: it shows the secret of another store, or none")
	case strings.Contains(what, refusedThere):
		r.warn(address, "a server of --cluster-routes refuses this one: its store is another one than this server's")
	}
}

func (r *refusals) warn(server, what string) {
	r.mu.Lock()
	done := r.said[what+server] || len(r.said) >= maxRefusals
	if !done {
		r.said[what+server] = true
	}
	r.mu.Unlock()
	if !done {
		r.log.Warn(what, "server", server, "store", r.store,
			"do", "Servers share a bus only if they share a store: give both the same --store (hosts of one Cassandra, and the same keyspace), "+
				"without a user and password in --cluster-routes. If they are to be apart, take each out of the other's --cluster-routes.")
	}
}

func (r *refusals) Noticef(string, ...any) {}
func (r *refusals) Warnf(string, ...any)   {}
func (r *refusals) Fatalf(string, ...any)  {}
func (r *refusals) Debugf(string, ...any)  {}
func (r *refusals) Tracef(string, ...any)  {}
