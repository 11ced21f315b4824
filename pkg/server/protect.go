package server

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/budget"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/limit"
)

// bodyWithin bounds how long a client may take to send a request's body.
const bodyWithin = 30 * time.Second

// pools are what requests share: the memory for bodies that are received, and for answers that are sent.
type pools struct{ receiving, sending *budget.Pool }

func newPools(s budget.Shares) pools {
	return pools{receiving: budget.NewPool(s.Receiving), sending: budget.NewPool(s.Sending)}
}

// client is who sent a request, as far as pools are concerned.
type client struct {
	r       *http.Request
	proxied bool
}

// address is what the shares of the pools are for.
func (c client) address() string { return limit.Network(api.ClientAddress(c.r, c.proxied)) }

// stsFor is for how long browsers use nothing but TLS for a host that has answered over it, in seconds: half a year.
const stsFor = "max-age=15552000"

// headers adds what every answer has: that browsers take its type as it is written, and, behind TLS, that they come over
// TLS from now on.
func headers(secure bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if secure || r.TLS != nil {
			w.Header().Set("Strict-Transport-Security", stsFor)
		}
		next.ServeHTTP(w, r)
	})
}

// protect keeps one request's trouble from being everybody's: a panic becomes a logged 500, and
// a client that sends its body in drops, or does not take its answer, is cut off. Bodies and answers keep to the pools.
func protect(log *slog.Logger, p pools, proxied bool, next http.Handler) http.Handler {
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
		by := client{r, proxied}
		if r.ContentLength != 0 && r.Body != http.NoBody {
			// An unsupported deadline (a test's recorder) is no reason to refuse.
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyWithin))
			in := &body{ReadCloser: r.Body, w: w, pool: p.receiving, client: by}
			defer in.end()
			r.Body = in
		}
		out := &writer{ResponseWriter: w, pool: p.sending, client: by}
		out.extend()
		defer out.extend() // net/http writes the rest of the answer
		next.ServeHTTP(out, r)
	})
}
