package live

import (
	"context"
	"sync"
	"time"
)

// flushFor bounds how long a change waits until the bus has it. A bus in trouble then costs
// order among nodes, not changes.
const flushFor = 250 * time.Millisecond

// flushes lets all who wait at the same time share one flush of the bus.
type flushes struct {
	mu      sync.Mutex
	waiting chan struct{} // of those that the next flush serves; nil if there are none
	running bool
}

// Flush implements chat.Publisher.
func (h *Hub) Flush(ctx context.Context) {
	if h.Alone() {
		return
	}
	f := &h.flushes
	f.mu.Lock()
	if f.waiting == nil {
		f.waiting = make(chan struct{})
	}
	flushed := f.waiting
	if !f.running {
		f.running = true
		h.spawn(h.flush)
	}
	f.mu.Unlock()
	late := time.NewTimer(flushFor)
	defer late.Stop()
	select {
	case <-flushed:
	case <-late.C:
	case <-h.ctx.Done():
	case <-ctx.Done():
	}
}

// flush flushes the bus until nobody waits for it. Who comes while it is at it has published too late for
// this time and waits for the next.
func (h *Hub) flush() {
	f := &h.flushes
	for {
		f.mu.Lock()
		flushed := f.waiting
		f.waiting = nil
		f.running = flushed != nil
		f.mu.Unlock()
		if flushed == nil {
			return
		}
		ctx, cancel := context.WithTimeout(h.ctx, flushFor)
		if err := h.opts.Bus.Flush(ctx); err != nil && h.ctx.Err() == nil {
			h.log.Warn("other nodes are told late", "error", err)
		}
		cancel()
		close(flushed)
	}
}
