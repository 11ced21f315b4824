package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Origins knows which web pages may act for a logged-in user: those of the server's own
// host and those on a list. Requests without Origin come from programs and pass.
type Origins struct {
	// Allowed holds origins as browsers send them: "https://chat.example.org".
	Allowed []string
}

// Own reports whether the request comes from an allowed page, or from none.
func (o Origins) Own(r *http.Request) bool {
	got := r.Header.Get("Origin")
	if got == "" {
		return len(r.Header.Values("Origin")) == 0
	}
	if slices.Contains(o.Allowed, got) {
		return true
	}
	u, err := url.Parse(got)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

// Check refuses requests that may change something and come from foreign pages.
func (o Origins) Check(r *http.Request) error {
	if !Changes(r) || o.Own(r) {
		return nil
	}
	return ErrOrigin()
}

// CheckSocket refuses every request from a foreign page: a socket, or a stream in its place, can be
// read by the page that opened it.
func (o Origins) CheckSocket(r *http.Request) error {
	if o.Own(r) {
		return nil
	}
	return ErrOrigin()
}

// ErrOrigin is the refusal of a foreign page.
func ErrOrigin() error {
	return &HTTPError{Status: http.StatusForbidden, Message: "requests from this origin are not allowed"}
}

// Changes reports whether a request may change something: all but safe methods, and upgrades.
func Changes(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return r.Header.Get("Upgrade") != ""
	}
	return true
}

// What pages of listed origins may send and read beyond what every page may (Fetch standard, 3.3).
const (
	corsRequestHeaders  = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Requested-With"
	corsResponseHeaders = "Accept-Patch, Allow, Date, ETag, Location, Retry-After, WWW-Authenticate"
)

// CORS answers preflights of, and adds headers for, the listed origins; the server's own pages need none. Each is named
// by itself, never *, because they may send cookies. To other origins nothing is allowed.
func (o Origins) CORS(next http.Handler) http.Handler {
	if len(o.Allowed) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		if r.Method == http.MethodOptions {
			h.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
		}
		origin := r.Header.Get("Origin")
		if !slices.Contains(o.Allowed, origin) {
			next.ServeHTTP(w, r)
			return
		}
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", AllMethods)
			h.Set("Access-Control-Allow-Headers", corsRequestHeaders)
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		h.Set("Access-Control-Expose-Headers", corsResponseHeaders)
		next.ServeHTTP(w, r)
	})
}
