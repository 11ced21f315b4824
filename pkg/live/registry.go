package live

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// Registry records the nodes that share a store and are running; see store.Registry.
type Registry interface {
	Beat(ctx context.Context, node string, n int64) error
	Beats(ctx context.Context) (map[string]int64, error)
}

// roster compares the registry with the bus. A node that is running according to the registry, but is not received on
// the bus, is unreachable. All times are those at which this node observes something, by its own clock:
//
//   - A node is running at the moment when this node finds that its beat in the registry has changed.
//   - It is received when a packet of it arrives. Until the first packet, it counts as received when it was first found
//     in the registry. This gives a new node time to connect.
//   - It is unreachable when it was still running more than offBusAfter after it was last received. A node that has
//     died is not running, so it never becomes unreachable. A node that closes sends a bye last.
type roster struct {
	beats int64 // of this node; only watchRegistry uses it

	mu    sync.Mutex
	nodes map[string]*sighting
}

// sighting is what is known of another node.
type sighting struct {
	beat     int64
	runs     time.Time
	received time.Time
	// late counts the consecutive observations in which the node was unreachable. A single one proves nothing: this
	// process may have been paused while packets were waiting.
	late int
}

const (
	lateObservations = 2
	// registryTimeout bounds one call of the registry.
	registryTimeout = 5 * time.Second
)

func (s *sighting) unreachable() bool { return s.late >= lateObservations }

// observe updates the roster from the registry and the bus. received returns when a node was last received, or zero if
// the node is not known.
func (r *roster) observe(beats map[string]int64, received func(node string) time.Time, offBusAfter time.Duration,
	now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.nodes, func(node string, _ *sighting) bool { _, there := beats[node]; return !there })
	for node, beat := range beats {
		s := r.nodes[node]
		if s == nil {
			s = &sighting{beat: beat, received: now}
			r.nodes[node] = s
		}
		if s.beat != beat {
			s.beat, s.runs = beat, now
		}
		if at := received(node); at.After(s.received) {
			s.received = at
		}
		if s.runs.Sub(s.received) > offBusAfter {
			s.late++
		} else {
			s.late = 0
		}
	}
}

// unreachable returns the unreachable nodes, ascending, and the earliest time at which one of them was last received.
func (r *roster) unreachable() (nodes []string, since time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for node, s := range r.nodes {
		if !s.unreachable() {
			continue
		}
		nodes = append(nodes, node)
		if since.IsZero() || s.received.Before(since) {
			since = s.received
		}
	}
	slices.Sort(nodes)
	return nodes, since
}

// Unreachable returns the nodes that use the same store but are not received on the bus, ascending. Messages and
// changes from them are delivered a few seconds late. Presence and typing notices from them are not delivered.
func (h *Hub) Unreachable() []string {
	nodes, _ := h.roster.unreachable()
	return nodes
}

// Nodes returns how many nodes use the same store and are running, this one included, as the registry has shown it a few
// seconds ago: a node that has died counts for up to 20 seconds more.
func (h *Hub) Nodes() int {
	h.roster.mu.Lock()
	defer h.roster.mu.Unlock()
	return 1 + len(h.roster.nodes)
}

// watchRegistry records in the registry that this node is running, and detects unreachable nodes.
func (h *Hub) watchRegistry(ctx context.Context) {
	tick := time.NewTicker(h.opts.Beat)
	defer tick.Stop()
	offBusAfter := h.opts.PeerLost + 2*h.opts.Beat
	var before []string
	failing := false
	for {
		err := h.askRegistry(ctx, offBusAfter)
		if ctx.Err() != nil {
			return
		}
		if (err != nil) != failing {
			failing = err != nil
			if failing {
				h.log.Warn("cannot find out in the store which other servers run", "error", err)
			} else {
				h.log.Info("the store shows again which other servers run")
			}
		}
		if now := h.Unreachable(); !slices.Equal(now, before) {
			before = now
			h.opts.OnUnreachable(now)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (h *Hub) askRegistry(ctx context.Context, offBusAfter time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, registryTimeout)
	defer cancel()
	h.roster.beats++
	if err := h.opts.Registry.Beat(ctx, h.node, h.roster.beats); err != nil {
		return err
	}
	beats, err := h.opts.Registry.Beats(ctx)
	if err != nil {
		return err
	}
	delete(beats, h.node)
	h.roster.observe(beats, h.peers.received, offBusAfter, h.now())
	return nil
}
