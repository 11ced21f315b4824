package live

import (
	"errors"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
)

// peers sends the packets of this node and keeps what is known of the other nodes.
type peers struct {
	hub     *Hub
	started time.Time

	out struct { // last in the order of locks
		sync.Mutex
		seq     uint64
		failing bool // the last packet could not be sent; logged when that changes
	}

	mu     sync.Mutex
	known  map[string]*peer
	closed bool
}

type peer struct {
	seq      uint64    // of the newest packet received
	received time.Time // when that packet was received, by this node's clock
	clock    time.Time // when that packet was sent, by the sender's clock
	lost     bool
	presence []PresenceChanged // the parts received so far, until the last one arrives
}

const (
	// forgetPeer is how long a dead node is kept. If the node was only cut off, its next number shows what was missed.
	forgetPeer = time.Hour
	// presencePart is how many entries one packet holds.
	presencePart = 1000
)

func newPeers(h *Hub) *peers {
	return &peers{hub: h, started: h.now(), known: make(map[string]*peer)}
}

// broadcast numbers a packet and sends it. If the packet is too large for the bus, it is sent as several smaller ones.
// An error means that not all of it was sent.
func (ps *peers) broadcast(p packet) error {
	if ps.hub.opts.Bus == nil {
		return nil
	}
	ps.out.Lock()
	defer ps.out.Unlock()
	return ps.send(p)
}

// send does the work of broadcast. The lock of out is held.
func (ps *peers) send(p packet) error {
	p.Node, p.Seq, p.At = ps.hub.node, ps.out.seq, ps.hub.now().UnixMilli()
	p.Started = ps.started.UnixMilli()
	if p.Kind != packetBeat {
		p.Seq++
	}
	data, err := p.encode()
	if err == nil {
		err = ps.hub.opts.Bus.Broadcast(data)
	}
	if errors.Is(err, ErrTooLarge) {
		// The number is not used up: a gap would make all other nodes read the store for all their rooms.
		return ps.sendSmaller(p, err)
	}
	ps.out.seq = p.Seq
	if failing := err != nil; failing != ps.out.failing {
		// The number is used even if sending failed. The others detect the gap and read what they missed from the
		// store.
		ps.out.failing = failing
		if failing {
			ps.hub.log.Warn("cannot publish to other nodes; they read the store", "kind", p.Kind, "error", err)
		} else {
			ps.hub.log.Info("publishing to other nodes again")
		}
	}
	return err
}

func (ps *peers) sendSmaller(p packet, tooLarge error) error {
	parts := p.smaller()
	if len(parts) == 0 {
		ps.hub.log.Warn("cannot tell other nodes", "kind", p.Kind, "error", tooLarge)
		return tooLarge
	}
	var errs error
	for _, part := range parts {
		errs = errors.Join(errs, ps.send(part))
	}
	return errs
}

func (h *Hub) broadcastEvents(events []chat.Event) {
	if h.opts.Bus == nil {
		return
	}
	p := packet{Kind: packetEvents}
	for _, e := range events {
		w, err := toWire(e)
		if err != nil {
			h.log.Error("cannot tell other nodes", "error", err)
			continue
		}
		p.Events = append(p.Events, w)
	}
	_ = h.peers.broadcast(p) // logged; the others repair
}

func (ps *peers) hello() { _ = ps.broadcast(packet{Kind: packetHello}) }

// helloTo asks one node for its presence.
func (ps *peers) helloTo(node string) { _ = ps.broadcast(packet{Kind: packetHello, To: node}) }

// close stops reception.
func (ps *peers) close() {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.closed = true
}

func (ps *peers) bye() { _ = ps.broadcast(packet{Kind: packetBye}) }

// receive is called by the bus.
func (ps *peers) receive(data []byte) {
	if !guard.Run(ps.hub.log, "a packet of another node", func() { ps.takeIn(data) }) {
		ps.mu.Lock()
		defer ps.mu.Unlock()
		ps.missed(ps.hub.now()) // the packet may have been applied in part
	}
}

func (ps *peers) takeIn(data []byte) {
	p, err := decodePacket(data)
	if err != nil || p.Node == "" || p.Node == ps.hub.node {
		if err != nil {
			ps.hub.log.Warn("another node sent nonsense", "error", err)
		}
		return
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.closed || !ps.number(p) {
		return
	}
	ps.take(p)
}

// number checks the packet's number. It returns false if the packet must not be applied.
func (ps *peers) number(p packet) bool {
	now := ps.hub.now()
	k := ps.known[p.Node]
	if k == nil {
		// Packets that it sent before this one may concern rooms on this node. A first hello has number 1.
		if p.Seq > 1 || p.Seq == 1 && p.Kind != packetHello {
			since := time.UnixMilli(p.Started)
			if since.Before(ps.started) {
				since = ps.started
			}
			ps.missed(since)
		}
		k = &peer{}
		ps.known[p.Node] = k
		defer ps.helloTo(p.Node)
	} else {
		expected := k.seq + 1
		if p.Kind == packetBeat {
			expected = k.seq
		}
		if p.Seq < expected {
			return false
		}
		if p.Seq > expected || k.lost {
			ps.hub.log.Info("missed what another node told", "node", p.Node, "packets", p.Seq-expected)
			ps.missed(k.clock)
			defer ps.helloTo(p.Node)
		}
	}
	k.seq, k.received, k.clock, k.lost = p.Seq, now, time.UnixMilli(p.At), false
	return p.Kind != packetBeat
}

// missed requests a repair of what happened since the given time and has not been polled.
func (ps *peers) missed(since time.Time) { ps.hub.repairAll(ps.hub.polls.covered(since)) }

func (ps *peers) take(p packet) {
	h := ps.hub
	switch p.Kind {
	case packetHello:
		if p.To == "" || p.To == h.node {
			h.presence.broadcast(ps.publishPresence)
		}
	case packetBye:
		h.presence.replace(p.Node, nil)
		h.asks.gone(p.Node)
		delete(ps.known, p.Node)
	case packetEvents:
		for _, w := range p.Events {
			ps.takeEvent(p.Node, w)
		}
	case packetSignal:
		h.signals.call(p.Signal, p.Key)
	case packetPresence:
		if k := ps.known[p.Node]; k != nil {
			k.presence = append(k.presence, p.Presence...)
			if !p.More {
				h.presence.replace(p.Node, k.presence)
				k.presence = nil
			}
		}
	case packetAsk:
		h.asks.answer(h, p)
	case packetAnswer:
		if p.To == h.node {
			h.asks.answered(p)
		}
	}
}

func (ps *peers) takeEvent(node string, w wireEvent) {
	if w.Type == wireMissed && w.At != nil {
		ps.hub.repairOne(place{tenant: w.Tenant, room: w.Room}, w.At.Time())
		return
	}
	e, err := w.event()
	if err != nil {
		return // the event is of a newer version
	}
	switch e := e.(type) {
	case PresenceChanged:
		ps.hub.presence.received(node, e)
	case TypingChanged:
		ps.hub.typing.set(e)
	default:
		ps.hub.opts.Observe(e)
		if !ps.hub.hold(e) {
			ps.hub.apply(e)
		}
	}
}

func (ps *peers) publishPresence(all []PresenceChanged) {
	for {
		n := min(len(all), presencePart)
		_ = ps.broadcast(packet{Kind: packetPresence, Presence: all[:n], More: n < len(all)})
		all = all[n:]
		if len(all) == 0 {
			return
		}
	}
}

// tick broadcasts a heartbeat and detects nodes that have gone silent.
func (ps *peers) tick(now time.Time) {
	_ = ps.broadcast(packet{Kind: packetBeat})
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for node, k := range ps.known {
		silent := now.Sub(k.received)
		switch {
		case k.lost && silent > forgetPeer:
			delete(ps.known, node)
		case !k.lost && silent > ps.hub.opts.PeerLost:
			ps.hub.log.Warn("another node is silent", "node", node)
			k.lost, k.presence = true, nil
			ps.hub.presence.replace(node, nil)
			ps.hub.asks.gone(node)
			// It may have stored messages and died before it published them.
			ps.missed(k.clock)
		}
	}
}

// received returns when a packet of a node arrived last; zero if the node is not known.
func (ps *peers) received(node string) time.Time {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if k := ps.known[node]; k != nil {
		return k.received
	}
	return time.Time{}
}

// names returns the other nodes that are not lost.
func (ps *peers) names() (out []string) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for node, k := range ps.known {
		if !k.lost {
			out = append(out, node)
		}
	}
	return out
}

// alone reports whether there is no other node that is not lost.
func (ps *peers) alone() bool {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for _, k := range ps.known {
		if !k.lost {
			return false
		}
	}
	return true
}
