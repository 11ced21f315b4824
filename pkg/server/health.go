package server

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/store"
)

// Alive answers /healthz: the process runs and serves.
func Alive(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, "ok\n")
}

// readiness answers /readyz: 200 when the store answers, 503 otherwise. It says how many panics there were, if any.
type readiness struct{ store store.Store }

func (h readiness) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := h.store.Ping(ctx); err != nil {
		NotReady(w, "the store does not answer")
		return
	}
	Alive(w, r)
	if n := guard.Panics(); n > 0 {
		_, _ = fmt.Fprintf(w, "panics since the start, see the log: %d\n", n)
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
