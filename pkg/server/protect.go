package server

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/confab-chat/confab/pkg/guard"
)

// bodyWithin bounds how long a client may take to send a request's body.
const bodyWithin = 30 * time.Second

// protect keeps one request's trouble from being everybody's: a panic becomes a logged 500, and
// a client that sends its body in drops, or does not take its answer, is cut off.
func protect(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			what := recover()
			if what == nil {
				return
			}
			if what == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
				panic(what)
			}
			guard.Note(log, r.Method+" "+r.URL.Path, what)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = w.Write([]byte(`{"status":500,"error":"Internal Server Error","message":"something went wrong on the server; it has been logged"}`))
		}()
		if r.ContentLength != 0 && r.Body != http.NoBody {
			// An unsupported deadline (a test's recorder) is no reason to refuse.
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyWithin))
		}
		out := &writer{ResponseWriter: w}
		out.extend()
		defer out.extend() // net/http writes the rest of the answer
		next.ServeHTTP(out, r)
	})
}
