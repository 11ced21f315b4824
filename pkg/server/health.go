package server

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/live"
	"github.com/confab-chat/confab/pkg/store"
)

// probes returns /healthz and /readyz. strangers returns how many packets on the bus were not of this cluster.
func probes(st store.Store, hub *live.Hub, strangers func() uint64) []api.Route {
	health := reading("/healthz", liveness{st})
	health.Operations["GET"] = described(health.Operations["GET"], "healthz", http.StatusOK)
	ready := reading("/readyz", readiness{st, hub, strangers})
	ready.Operations["GET"] = described(ready.Operations["GET"], "readyz", http.StatusOK)
	return []api.Route{health, ready}
}

func described(op api.Operation, id string, answers ...int) api.Operation {
	op.ID, op.Answers, op.AnyType = id, answers, true
	return op
}

// Alive says that the process runs and serves.
func Alive(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, "ok\n")
}

// liveness answers /healthz: 200 as long as a restart would not help, also with a disk that takes nothing; the text says so.
type liveness struct{ store store.Store }

func (h liveness) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch f := faultOf(h.store); {
	case f == nil:
		Alive(w, r)
	case f.Restart:
		NotReady(w, f.What+": nothing can be written. "+f.Todo)
	default:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = io.WriteString(w, "alive, but "+f.What+": nothing can be written. "+f.Todo+"\n")
	}
}

func faultOf(st store.Store) *store.Fault {
	if s, ok := st.(store.Faulty); ok {
		return s.Fault()
	}
	return nil
}

// readiness answers /readyz: 200 when the store answers, 503 otherwise. It says how many panics there were, if any.
//
// Servers that are not on the bus are a warning in the body and no reason for 503: each of those that share the store
// has it, so a load balancer would take all of them out, although every one serves everything, if some of it later.
type readiness struct {
	store     store.Store
	hub       *live.Hub
	strangers func() uint64
}

func (h readiness) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if f := faultOf(h.store); f != nil {
		NotReady(w, f.What+": nothing can be written. "+f.Todo)
		return
	}
	if err := h.store.Ping(ctx); err != nil {
		NotReady(w, "the store does not answer")
		return
	}
	Alive(w, r)
	if n := guard.Panics(); n > 0 {
		_, _ = fmt.Fprintf(w, "panics since the start, see the log: %d\n", n)
	}
	if off := h.hub.Unreachable(); len(off) > 0 {
		_, _ = io.WriteString(w, "warning: servers of this store that are not on the bus, so that what happens there comes some seconds late: "+
			strings.Join(off, "; ")+"\n")
	}
	if n := h.strangers(); n > 0 {
		_, _ = fmt.Fprintf(w, "warning: packets on the NATS given with --nats that are not of this cluster, and were dropped: %d\n", n)
	}
}

// NotReady answers 503 with the reason.
func NotReady(w http.ResponseWriter, why string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Retry-After", "2")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(w, why+"\n")
}
