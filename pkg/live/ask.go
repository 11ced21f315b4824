package live

import (
	"context"
	"sync"

	"github.com/confab-chat/confab/pkg/guard"
)

// asks carries questions to the one node that can answer them: a request for something that lives in
// another node's memory, such as a polling session.
type asks struct {
	mu      sync.Mutex
	handler map[string]func(body []byte) bool
	next    uint64
	waiting map[uint64]*asking
}

type asking struct {
	left   int // nodes that have not answered
	answer chan bool
}

// OnAsk sets what answers questions of that kind from other nodes: true if the
// question was for this node, and is done. It must not block for long.
func (h *Hub) OnAsk(kind string, f func(body []byte) bool) {
	h.asks.mu.Lock()
	defer h.asks.mu.Unlock()
	if h.asks.handler == nil {
		h.asks.handler = make(map[string]func([]byte) bool)
	}
	h.asks.handler[kind] = f
}

// Ask puts a question to all other nodes; true if one of them said yes before all said no or ctx was over.
func (h *Hub) Ask(ctx context.Context, kind string, body []byte) bool {
	n := h.peers.live()
	if n == 0 {
		return false
	}
	w := &asking{left: n, answer: make(chan bool, 1)}
	h.asks.mu.Lock()
	if h.asks.waiting == nil {
		h.asks.waiting = make(map[uint64]*asking)
	}
	h.asks.next++
	number := h.asks.next
	h.asks.waiting[number] = w
	h.asks.mu.Unlock()
	defer func() {
		h.asks.mu.Lock()
		delete(h.asks.waiting, number)
		h.asks.mu.Unlock()
	}()
	if h.peers.broadcast(packet{Kind: packetAsk, Signal: kind, Ask: number, Body: body}) != nil {
		return false
	}
	select {
	case yes := <-w.answer:
		return yes
	case <-ctx.Done():
		return false
	}
}

// answer runs the handler apart from the bus, whose goroutine must not wait.
func (a *asks) answer(h *Hub, p packet) {
	a.mu.Lock()
	f := a.handler[p.Signal]
	a.mu.Unlock()
	h.spawn("answering a node", func() {
		yes := false
		guard.Run(h.log, "a question of another node", func() { yes = f != nil && f(p.Body) })
		_ = h.peers.broadcast(packet{Kind: packetAnswer, To: p.Node, Ask: p.Ask, Yes: yes})
	})
}

func (a *asks) answered(p packet) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w := a.waiting[p.Ask]
	if w == nil {
		return
	}
	w.left--
	if p.Yes || w.left == 0 {
		select {
		case w.answer <- p.Yes:
		default:
		}
	}
}
