package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
)

// Names are those of an installation's cookies. Browsers keep cookies by host, not by port: two installations on one host
// would replace each other's cookies if they had the same names.
type Names struct{ Session, Remember string }

// earlierNames are those of versions that had the same names everywhere. Their cookies are accepted, so that nobody is logged
// out by the upgrade, and replaced by ones with the new names. They may be another installation's: what is not known here is
// left alone.
var earlierNames = Names{Session: "confab-session", Remember: "confab-remember"}

// newNames returns the names that follow from the key of the installation, which all its servers share.
func newNames(key []byte) Names {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("names of cookies"))
	suffix := "-" + hex.EncodeToString(mac.Sum(nil)[:5])
	return Names{Session: earlierNames.Session + suffix, Remember: earlierNames.Remember + suffix}
}

// hostPrefix begins names for which browsers see to it that this host itself has set the cookie, over TLS.
const hostPrefix = "__Host-"

func (n Names) forHost() Names {
	return Names{Session: hostPrefix + n.Session, Remember: hostPrefix + n.Remember}
}

func isForHost(name string) bool { return strings.HasPrefix(name, hostPrefix) }

// overTLS reports whether the cookies of a request are for TLS only.
func (m *Manager) overTLS(r *http.Request) bool { return m.secure || r.TLS != nil }

// Names returns the names of the cookies that answers to a request set.
func (m *Manager) Names(r *http.Request) Names {
	if m.overTLS(r) {
		return m.hostNames
	}
	return m.names
}

// earlierOf returns those of the earlier names under which a request has cookies of this installation.
func (m *Manager) earlierOf(r *http.Request) (names []string) {
	if slices.ContainsFunc(cookiesNamed(r, earlierNames.Session), func(c *http.Cookie) bool {
		_, ok := m.cookies.cookieHash(c.Value)
		return ok
	}) {
		names = append(names, earlierNames.Session)
	}
	if slices.ContainsFunc(cookiesNamed(r, earlierNames.Remember), func(c *http.Cookie) bool {
		return m.remember.Has(r.Context(), c.Value)
	}) {
		names = append(names, earlierNames.Remember)
	}
	return names
}
