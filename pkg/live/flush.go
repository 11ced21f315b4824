package live

import (
	"context"
	"time"
)

// flushFor bounds how long a change waits until the bus has it. A bus in trouble then costs
// order among nodes, not changes.
const flushFor = 250 * time.Millisecond

// Flush implements chat.Publisher. All who wait at the same time share one flush of the bus, one that began
// after they came: an earlier one may have left out what they published.
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
