package api

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// Origins knows which web pages may act for a logged-in user. Requests without Origin come from programs and pass.
type Origins struct {
	// Public is the origin of the server's own pages, and Allowed holds those of others, as NormalOrigin writes them. If
	// there is no Public, a page is the server's own if its origin has the host that the request is for.
	Public  string
	Allowed []string
}

// NormalOrigin returns an origin as browsers send it: scheme and host in small letters, an international name in
// Punycode, without a default port. It takes a URL with a path too. An error if text has no http or https origin.
func NormalOrigin(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil {
		return "", err
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return "", errors.New("it has no origin")
	}
	host, err := normalHost(u.Host, u.Scheme)
	return u.Scheme + "://" + host, err
}

// normalHost returns a host with its port as browsers write it in an origin of that scheme.
func normalHost(hostPort, scheme string) (string, error) {
	u := url.URL{Host: hostPort}
	host, port := u.Hostname(), u.Port()
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.String()
		if ip.Is6() {
			host = "[" + host + "]"
		}
	} else {
		if host, err = idna.Lookup.ToASCII(host); err != nil {
			return "", err
		}
	}
	if port != "" && port != map[string]string{"http": "80", "https": "443"}[scheme] {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return "", err
		}
		host += ":" + strconv.FormatUint(n, 10)
	}
	return host, nil
}

// Own reports whether the request comes from an allowed page, or from none.
func (o Origins) Own(r *http.Request) bool {
	got := r.Header.Get("Origin")
	if got == "" {
		return len(r.Header.Values("Origin")) == 0
	}
	return o.own(r, got)
}

// own reports whether an origin is that of an allowed page.
func (o Origins) own(r *http.Request, got string) bool {
	if slices.Contains(o.Allowed, got) || o.Public != "" && strings.EqualFold(got, o.Public) {
		return true
	}
	if o.Public != "" {
		// Whatever Host says: a proxy may write its own there, and a name that an attacker points to this server makes
		// it equal to Origin.
		return false
	}
	u, err := url.Parse(got)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return false
	}
	host, err := normalHost(r.Host, u.Scheme)
	return err == nil && strings.EqualFold(got, u.Scheme+"://"+host)
}

// CrossSite reports whether a browser says that another site's page made it send the request. Over plain HTTP browsers do
// not send Sec-Fetch-Site; Referer says it then, unless the page prevents that.
func (o Origins) CrossSite(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "cross-site"
	}
	from, err := url.Parse(r.Referer())
	return err == nil && from.Host != "" && !o.own(r, from.Scheme+"://"+from.Host)
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
