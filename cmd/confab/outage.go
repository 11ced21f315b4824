package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
)

// outages is a handler that writes at most one warning a second about a store that does not answer. Each request that
// fails then has a warning of its own; the next one that is written says how many were left out.
type outages struct {
	slog.Handler
	seen *outage // of all handlers made of the first one
}

type outage struct {
	mu   sync.Mutex
	last time.Time
	left int
}

func newOutages(h slog.Handler) outages { return outages{h, &outage{}} }

// Handle implements slog.Handler.
func (h outages) Handle(ctx context.Context, r slog.Record) error {
	if r.Level == slog.LevelWarn && aboutOutage(r) {
		left, ok := h.seen.admit(r.Time)
		if !ok {
			return nil
		}
		if left > 0 {
			r = r.Clone()
			r.AddAttrs(slog.Int("leftOut", left))
		}
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h outages) WithAttrs(attrs []slog.Attr) slog.Handler {
	return outages{h.Handler.WithAttrs(attrs), h.seen}
}

// WithGroup implements slog.Handler.
func (h outages) WithGroup(name string) slog.Handler {
	return outages{h.Handler.WithGroup(name), h.seen}
}

// admit reports whether a warning at that time is to be written, and how many were left out before it.
func (o *outage) admit(at time.Time) (left int, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if since := at.Sub(o.last); since >= 0 && since < time.Second {
		o.left++
		return 0, false
	}
	left, o.left, o.last = o.left, 0, at
	return left, true
}

// aboutOutage reports whether a record has an error of a store that does not answer now.
func aboutOutage(r slog.Record) (found bool) {
	r.Attrs(func(a slog.Attr) bool {
		err, ok := a.Value.Any().(error)
		found = ok && chat.IsKind(err, chat.Unavailable)
		return !found
	})
	return found
}
