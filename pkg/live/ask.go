package live

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/guard"
)

// asks sends questions and requests to other nodes. A question finds the node that has something in its memory, such as
// a polling session. A request asks that node to do something.
type asks struct {
	// answering has one token for each request that this node handles for another.
	answering chan struct{}

	mu       sync.Mutex
	handlers map[string]func(from string, body []byte) bool
	next     uint64
	waiting  map[uint64]*asking
}

type asking struct {
	left   map[string]bool // the nodes that have not answered
	answer chan string     // the node that said yes, or "" when all said no
}

const (
	// askTimeout bounds a question to all nodes. They answer from memory.
	askTimeout = 2 * time.Second
	// requestTimeout bounds a request to one node. That node may have to read from the store or write to a client.
	requestTimeout = 35 * time.Second
	// maxAsks bounds the questions and requests of this node that wait for an answer.
	maxAsks = 512
	// maxAnswering bounds the requests of other nodes that this one handles concurrently. It declines further ones.
	maxAnswering = 512
)

// ErrUnanswered is the error of Ask and Request when the answer is unknown, because not all nodes answered in time or
// too many questions wait for answers.
var ErrUnanswered = errors.New("live: other nodes did not answer")

// OnAsk sets the handler of questions (Ask) and requests (Request) of that kind from other nodes. A handler of
// questions must not block. A handler of requests may block for as long as a request may take.
func (h *Hub) OnAsk(kind string, f func(from string, body []byte) bool) {
	h.asks.mu.Lock()
	defer h.asks.mu.Unlock()
	h.asks.handlers[kind] = f
}

// Ask asks all other nodes a question. It returns the name of the first node that says yes, or "" if all say no. It
// takes two seconds at most.
func (h *Hub) Ask(ctx context.Context, kind string, body []byte) (node string, err error) {
	return h.ask(ctx, askTimeout, h.peers.names(), packet{Signal: kind, Body: body})
}

// Request asks one node to do something. It reports whether the node did it. It takes 35 seconds at most.
func (h *Hub) Request(ctx context.Context, node, kind string, body []byte) (done bool, err error) {
	yes, err := h.ask(ctx, requestTimeout, []string{node}, packet{To: node, Signal: kind, Body: body})
	return yes == node, err
}

func (h *Hub) ask(ctx context.Context, within time.Duration, nodes []string, p packet) (yes string, err error) {
	if len(nodes) == 0 {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	defer context.AfterFunc(h.ctx, cancel)()
	number, w := h.asks.begin(nodes)
	if w == nil {
		return "", ErrUnanswered
	}
	defer h.asks.end(number)
	p.Kind, p.Ask = packetAsk, number
	if err := h.peers.broadcast(p); err != nil {
		return "", err
	}
	select {
	case yes = <-w.answer:
		return yes, nil
	case <-ctx.Done():
		return "", ErrUnanswered
	}
}

// begin registers a question to nodes. It returns nil if too many questions wait.
func (a *asks) begin(nodes []string) (uint64, *asking) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.waiting) >= maxAsks {
		return 0, nil
	}
	w := &asking{left: make(map[string]bool, len(nodes)), answer: make(chan string, 1)}
	for _, n := range nodes {
		w.left[n] = true
	}
	a.next++
	a.waiting[a.next] = w
	return a.next, w
}

func (a *asks) end(number uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.waiting, number)
}

// answer answers a question or a request. The bus calls it, and its goroutine must not wait. Requests therefore run in
// goroutines of their own.
func (a *asks) answer(h *Hub, p packet) {
	switch p.To {
	case "":
		h.answer(p)
	case h.node:
		select {
		case a.answering <- struct{}{}:
			h.spawn("a request of another node", func() {
				defer func() { <-a.answering }()
				h.answer(p)
			})
		default:
			h.reply(p, false)
		}
	}
}

func (h *Hub) answer(p packet) {
	h.asks.mu.Lock()
	f := h.asks.handlers[p.Signal]
	h.asks.mu.Unlock()
	yes := false
	guard.Run(h.log, "a question of another node", func() { yes = f != nil && f(p.Node, p.Body) })
	h.reply(p, yes)
}

func (h *Hub) reply(p packet, yes bool) {
	_ = h.peers.broadcast(packet{Kind: packetAnswer, To: p.Node, Ask: p.Ask, Yes: yes})
}

func (a *asks) answered(p packet) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if w := a.waiting[p.Ask]; w != nil {
		w.answered(p.Node, p.Yes)
	}
}

// gone answers no to all questions in the name of a node that is gone.
func (a *asks) gone(node string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range a.waiting {
		w.answered(node, false)
	}
}

func (w *asking) answered(node string, yes bool) {
	if !w.left[node] {
		return
	}
	delete(w.left, node)
	if !yes {
		if len(w.left) > 0 {
			return
		}
		node = ""
	}
	select {
	case w.answer <- node:
	default: // another node said yes before
	}
}
