package session_test

import (
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
)

func TestALoginGivesANewSession(t *testing.T) {
	n := newWorld(t).node(nodeOptions{})
	ann := n.browser(t)
	ann.logIn("ann", false)
	before := ann.copied()
	ann.logIn("ann", false)
	require.NotEqual(t, before.cookies, ann.cookies)
	ann.isIn("ann")
	before.isOut()

	// Somebody else's id that comes with a login is not adopted, and is dead.
	bob := n.browser(t)
	bob.cookies[sessionCookie] = ann.cookies[sessionCookie]
	bob.logIn("bob", false)
	bob.isIn("bob")
	ann.isOut()
}

func TestCookies(t *testing.T) {
	w := newWorld(t)
	for name, o := range map[string]struct {
		nodeOptions
		secure bool
	}{
		"plain":      {nodeOptions{}, false},
		"behind TLS": {nodeOptions{secure: true}, true},
		"over TLS":   {nodeOptions{overTLS: true}, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := w.node(o.nodeOptions).browser(t)
			check := func(c *http.Cookie, maxAge int) {
				t.Helper()
				require.NotNil(t, c)
				require.Equal(t, "/", c.Path)
				require.Empty(t, c.Domain, "of this host alone")
				require.True(t, c.HttpOnly)
				require.Equal(t, http.SameSiteLaxMode, c.SameSite)
				require.Equal(t, o.secure, c.Secure)
				require.Equal(t, maxAge, c.MaxAge)
			}
			month := 31 * 24 * 3600
			a := b.logIn("ann", true)
			check(a.set[sessionCookie], 0)
			require.True(t, a.set[sessionCookie].Expires.IsZero(), "it ends with the browser")
			check(a.set[rememberCookie], month)
			a = b.without(sessionCookie).isIn("ann")
			check(a.set[sessionCookie], 0)
			check(a.set[rememberCookie], month)
			require.Empty(t, b.isIn("ann").set, "no need to set any")
			a = b.do("POST", "/logout")
			check(a.set[sessionCookie], -1)
			check(a.set[rememberCookie], -1)
			require.NotContains(t, b.logIn("ann", false).set, rememberCookie, "not asked for")
		})
	}
}

// What is on the disk is good for no login.
func TestOnlyHashesAreStored(t *testing.T) {
	w := newWorld(t)
	b := w.node(nodeOptions{}).browser(t)
	b.logIn("login-of-ann", true)
	b.without(sessionCookie).isIn("login-of-ann")
	signed, err := base64.URLEncoding.DecodeString(b.cookies[sessionCookie])
	require.NoError(t, err)
	parts := strings.SplitN(string(signed), "|", 3) // when, id, signature
	require.Len(t, parts, 3)
	id, err := base64.URLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	require.Len(t, id, 43, "256 bits")
	series, token, ok := strings.Cut(b.cookies[rememberCookie], ":")
	require.True(t, ok)

	var disk strings.Builder
	require.NoError(t, filepath.WalkDir(w.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		file, err := os.ReadFile(path)
		disk.Write(file)
		return err
	}))
	require.Contains(t, disk.String(), "login-of-ann", "this would find them")
	for _, secret := range []string{string(id), series, token} {
		require.NotContains(t, disk.String(), secret)
		raw, err := base64.RawURLEncoding.DecodeString(secret)
		require.NoError(t, err)
		require.NotContains(t, disk.String(), string(raw))
		hash := auth.HashOf(secret)
		require.Contains(t, disk.String(), string(hash[:]))
	}
}

func TestLogOut(t *testing.T) {
	n := newWorld(t).node(nodeOptions{})
	phone, desk := n.browser(t), n.browser(t)
	phone.logIn("ann", true)
	desk.logIn("ann", true)
	desk.isIn("ann")
	stolen := desk.copied()
	require.Equal(t, http.StatusOK, desk.do("POST", "/logout").status)
	require.Empty(t, desk.cookies)
	desk.isOut()
	stolen.isOut() // immediately, although the session was in use a moment ago
	stolen.without(sessionCookie).isOut()
	phone.isIn("ann")
	phone.without(sessionCookie).isIn("ann")

	for name, cookies := range map[string]map[string]string{
		"no cookies": {},
		"broken":     {sessionCookie: "x", rememberCookie: "y"},
		"ended":      stolen.cookies,
	} {
		b := n.browser(t)
		b.cookies = cookies
		require.Equal(t, http.StatusOK, b.do("POST", "/logout").status, name)
		require.Empty(t, b.cookies, name)
	}
	phone.isIn("ann")
}

// Without the session's cookie a remembered login ends as well; without its own cookie that of the session does.
func TestLogOutWithOneCookie(t *testing.T) {
	n := newWorld(t).node(nodeOptions{})
	for _, lost := range []string{sessionCookie, rememberCookie} {
		b := n.browser(t)
		b.logIn("ann", true)
		stolen := b.copied()
		require.Equal(t, http.StatusOK, b.without(lost).do("POST", "/logout").status)
		stolen.without(sessionCookie).isOut()
	}
}

func TestASessionEndsWhenItIsNotUsed(t *testing.T) {
	w := newWorld(t)
	// Nodes of their own, as each remembers a session for a second of real time.
	b := w.node(nodeOptions{}).browser(t)
	b.logIn("ann", false)
	for range 3 {
		w.clock.Add(idle - time.Second)
		b.at(w.node(nodeOptions{})).isIn("ann")
	}
	last := w.node(nodeOptions{})
	b.at(last).isIn("ann")
	w.clock.Add(idle)
	b.at(last).isOut()
	b.at(w.node(nodeOptions{})).isOut()
}

func TestBrokenSessionCookies(t *testing.T) {
	w := newWorld(t)
	n := w.node(nodeOptions{})
	ann := n.browser(t)
	ann.logIn("ann", true)
	good := ann.cookies[sessionCookie]
	stranger := newWorld(t).node(nodeOptions{}).browser(t)
	stranger.logIn("ann", false)
	signed, err := base64.URLEncoding.DecodeString(good)
	require.NoError(t, err)
	unsigned, err := base64.URLEncoding.DecodeString(strings.SplitN(string(signed), "|", 3)[1])
	require.NoError(t, err)
	last := "A"
	if strings.HasSuffix(strings.TrimRight(good, "="), last) {
		last = "B"
	}
	for name, value := range map[string]string{
		"empty":             "",
		"garbage":           "%%%;",
		"an id, not signed": string(unsigned),
		"cut":               good[:len(good)/2],
		"changed":           last + good[1:],
		"longer":            good + "AAAA",
		"oversized":         strings.Repeat("A", 5000),
		"huge":              strings.Repeat("A", 500_000),
		"another server's":  stranger.cookies[sessionCookie],
		"another cookie's":  ann.cookies[rememberCookie],
	} {
		t.Run(name, func(t *testing.T) {
			b := n.browser(t)
			b.cookies[sessionCookie] = value
			b.isOut()
			// It does not prevent a login either.
			b.logIn("bob", false)
			require.NotEqual(t, value, b.cookies[sessionCookie])
			b.isIn("bob")
			b.do("POST", "/logout")
			b.cookies[sessionCookie] = value
			b.cookies[rememberCookie] = "garbage"
			require.Negative(t, b.isOut().set[rememberCookie].MaxAge)
		})
	}
	ann.isIn("ann")
	ann.cookies[sessionCookie] = "garbage"
	require.Contains(t, ann.isIn("ann").set, sessionCookie, "the remembered login takes its place")
}

func TestBearerTokens(t *testing.T) {
	w := newWorld(t)
	n := w.node(nodeOptions{})
	put := func(secret, login string, end time.Time) {
		require.NoError(t, w.store.PutToken(t.Context(), auth.APIToken{Hash: auth.HashOf(secret), Tenant: chat.DefaultTenant, Login: login, ExpiresAt: end}))
	}
	put("good", "program", time.Time{})
	put("short", "program", w.clock.Now().Add(time.Minute))
	ann := n.browser(t)
	ann.logIn("ann", true)
	for name, c := range map[string]struct{ header, is string }{
		"good":           {"Bearer good", "program"},
		"any case":       {"bEARER good", "program"},
		"more space":     {"Bearer   good ", "program"},
		"not over":       {"Bearer short", "program"},
		"unknown":        {"Bearer bad", ""},
		"another case":   {"Bearer Good", ""},
		"no token":       {"Bearer", ""},
		"empty":          {"Bearer ", ""},
		"oversized":      {"Bearer " + strings.Repeat("x", 5000), ""},
		"another scheme": {"Basic good", ""},
		"no scheme":      {"good", ""},
	} {
		t.Run(name, func(t *testing.T) {
			// What the token says counts, whatever the cookies say.
			for _, b := range []*browser{n.browser(t), ann.copied()} {
				a := b.do("GET", "/me", "Authorization", c.header)
				if c.is == "" {
					require.Equal(t, http.StatusUnauthorized, a.status)
				} else {
					require.Equal(t, "default/"+c.is, a.body)
				}
				require.Empty(t, a.set, "a program needs no cookies")
			}
		})
	}
	w.clock.Add(time.Minute)
	require.Equal(t, http.StatusUnauthorized, ann.do("GET", "/me", "Authorization", "Bearer short").status)
	require.Equal(t, http.StatusOK, ann.do("GET", "/me", "Authorization", "Bearer good").status)
}

func TestTheGuardsAnswersAreNotKept(t *testing.T) {
	n := newWorld(t).node(nodeOptions{})
	b := n.browser(t)
	require.Equal(t, "no-store", b.isOut().header.Get("Cache-Control"))
	b.logIn("ann", false)
	require.Equal(t, "no-store", b.isIn("ann").header.Get("Cache-Control"))
}

// That the store is away says nothing about a login: no cookie is touched.
func TestStoreAway(t *testing.T) {
	w := newWorld(t)
	b := w.node(nodeOptions{}).browser(t)
	b.logIn("ann", true)
	n := w.node(nodeOptions{}) // remembers nothing
	w.store.away.Store(true)
	remembered := b.copied().without(sessionCookie)
	for name, c := range map[string]struct {
		b            *browser
		method, path string
		header       []string
	}{
		"session":    {b.at(n), "GET", "/me", nil},
		"remembered": {remembered.at(n), "GET", "/me", nil},
		"token":      {n.browser(t), "GET", "/me", []string{"Authorization", "Bearer x"}},
		"login":      {n.browser(t), "POST", "/login?as=ann&remember", nil},
		"logout":     {b.at(n), "POST", "/logout", nil},
	} {
		a := c.b.do(c.method, c.path, c.header...)
		require.Equal(t, http.StatusServiceUnavailable, a.status, name)
		require.Empty(t, a.set, name)
	}
	w.store.away.Store(false)
	b.at(n).isIn("ann")
	remembered.at(n).isIn("ann")
}
