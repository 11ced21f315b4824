package live

import (
	"bytes"
	"context"
	"errors"
	"sync"
)

// Exchange connects the hubs of one process. Each hub uses a Bus of the exchange. It keeps all guarantees of Bus, and
// loses nothing while no members are cut off from each other.
type Exchange struct {
	mu   sync.Mutex
	ends map[*exchangeBus]struct{}
	cut  map[[2]*exchangeBus]bool
}

// NewExchange returns an exchange without members.
func NewExchange() *Exchange {
	return &Exchange{ends: make(map[*exchangeBus]struct{}), cut: make(map[[2]*exchangeBus]bool)}
}

// Bus returns a new member.
func (x *Exchange) Bus() Bus {
	b := &exchangeBus{exchange: x, done: make(chan struct{})}
	b.filled = sync.NewCond(&b.mu)
	return b
}

// Cut drops everything between two members until Heal is called.
func (x *Exchange) Cut(a, b Bus) { x.setCut(a, b, true) }

// Heal connects two members again.
func (x *Exchange) Heal(a, b Bus) { x.setCut(a, b, false) }

func (x *Exchange) setCut(a, b Bus, cut bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	p, q := a.(*exchangeBus), b.(*exchangeBus)
	x.cut[[2]*exchangeBus{p, q}], x.cut[[2]*exchangeBus{q, p}] = cut, cut
}

// exchangeBus is a member: a queue, and a goroutine that empties it.
type exchangeBus struct {
	exchange *Exchange
	done     chan struct{}

	mu     sync.Mutex
	filled *sync.Cond
	queue  [][]byte
	joined bool
	closed bool
}

var errBusClosed = errors.New("live: the bus is closed")

// Join implements Bus.
func (b *exchangeBus) Join(receive func([]byte)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.joined || b.closed {
		return errBusClosed
	}
	b.joined = true
	go b.run(receive)
	b.exchange.mu.Lock()
	defer b.exchange.mu.Unlock()
	b.exchange.ends[b] = struct{}{}
	return nil
}

func (b *exchangeBus) run(receive func([]byte)) {
	defer close(b.done)
	for {
		b.mu.Lock()
		for len(b.queue) == 0 && !b.closed {
			b.filled.Wait()
		}
		if b.closed {
			b.mu.Unlock()
			return
		}
		data := b.queue[0]
		b.queue = b.queue[1:]
		b.mu.Unlock()
		receive(data)
	}
}

// Broadcast implements Bus.
func (b *exchangeBus) Broadcast(data []byte) error {
	if len(data) > MaxBroadcast {
		return ErrTooLarge
	}
	data = bytes.Clone(data)
	b.exchange.mu.Lock()
	defer b.exchange.mu.Unlock()
	if _, ok := b.exchange.ends[b]; !ok {
		return errBusClosed
	}
	for to := range b.exchange.ends {
		if to != b && !b.exchange.cut[[2]*exchangeBus{b, to}] {
			to.put(data)
		}
	}
	return nil
}

func (b *exchangeBus) put(data []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queue = append(b.queue, data)
	b.filled.Signal()
}

// Flush implements Bus.
func (b *exchangeBus) Flush(context.Context) error { return nil }

// Close implements Bus.
func (b *exchangeBus) Close() error {
	b.exchange.mu.Lock()
	delete(b.exchange.ends, b)
	b.exchange.mu.Unlock()
	b.mu.Lock()
	joined, closed := b.joined, b.closed
	b.closed = true
	b.filled.Broadcast()
	b.mu.Unlock()
	if joined && !closed {
		<-b.done
	}
	return nil
}
