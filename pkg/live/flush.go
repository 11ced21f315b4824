package live

import (
	"context"
	"time"
)

// flushFor bounds how long a change waits for the bus. If the bus is slow, events may reach other nodes out of order,
// but changes do not fail.
const flushFor = 250 * time.Millisecond

// Flush implements chat.Publisher. Concurrent callers share one flush of the bus. That flush begins after they have
// called Flush, because an earlier one may not include what they published.
func (h *Hub) Flush(ctx context.Context) {
	if h.Alone() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, flushFor)
	defer cancel()
	defer context.AfterFunc(h.ctx, cancel)()
	_, _ = h.flushes.Do(ctx, struct{}{}, h.flush)
}

func (h *Hub) flush(ctx context.Context) (none struct{}, err error) {
	if err = h.opts.Bus.Flush(ctx); err != nil && h.ctx.Err() == nil {
		h.log.Warn("other nodes are told late", "error", err)
	}
	return none, err
}
