package session_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
)

// remembered returns a browser that has been closed since ann asked it to remember her.
func (n *node) remembered(t *testing.T) *browser {
	b := n.browser(t)
	b.logIn("ann", true)
	return b.without(sessionCookie)
}

func TestARememberedLoginStartsASessionAndIsRotated(t *testing.T) {
	n := newWorld(t).node(nodeOptions{})
	b := n.remembered(t)
	before := b.cookies[rememberCookie]
	a := b.isIn("ann")
	require.Contains(t, a.set, sessionCookie)
	after := b.cookies[rememberCookie]
	require.NotEqual(t, before, after)
	series, _, _ := strings.Cut(before, ":")
	require.True(t, strings.HasPrefix(after, series+":"), "of the same series")
	require.Empty(t, b.isIn("ann").set, "the session serves now")
	b.without(sessionCookie).isIn("ann")
	b.without(rememberCookie).isIn("ann")
}

func TestARememberedLoginEndsWhenItIsNotUsed(t *testing.T) {
	w := newWorld(t)
	n := w.node(nodeOptions{})
	b := n.remembered(t)
	for range 2 { // each use renews it
		w.clock.Add(auth.RememberFor - time.Second)
		b.isIn("ann")
		b.without(sessionCookie)
	}
	w.clock.Add(auth.RememberFor)
	require.Negative(t, b.isOut().set[rememberCookie].MaxAge)
}

// A browser sends several requests with one token: all are served, and what it is left with works.
func TestGrace(t *testing.T) {
	w := newWorld(t)
	n := w.node(nodeOptions{})
	b := n.remembered(t)
	var mu sync.Mutex
	var rotated []string
	var all sync.WaitGroup
	for range 8 {
		c := b.copied()
		all.Go(func() {
			a := c.do("GET", "/me")
			mu.Lock()
			defer mu.Unlock()
			if a.status != http.StatusOK || a.set[sessionCookie] == nil {
				t.Errorf("refused: %d %s", a.status, a.body)
			}
			if set := a.set[rememberCookie]; set != nil {
				rotated = append(rotated, set.Value)
			}
		})
	}
	all.Wait()
	require.Len(t, rotated, 1, "one rotation")
	w.clock.Add(grace - time.Millisecond)
	late := b.copied()
	require.NotContains(t, late.isIn("ann").set, rememberCookie, "nothing that would replace the good one")
	b.cookies = map[string]string{rememberCookie: rotated[0]}
	b.isIn("ann")
}

func TestTheft(t *testing.T) {
	for name, c := range map[string]struct {
		rotations int
		wait      time.Duration
	}{
		"the token before, after the grace": {1, grace},
		"an older one":                      {2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			n := w.node(nodeOptions{})
			phone, b := n.remembered(t), n.remembered(t)
			thief := b.copied()
			for range c.rotations {
				b.without(sessionCookie).isIn("ann")
			}
			w.clock.Add(c.wait)
			require.Negative(t, thief.isOut().set[rememberCookie].MaxAge)
			b.isOut() // the session that came from the series ends immediately
			b.isOut()
			require.Empty(t, b.cookies[rememberCookie], "and so is the series")
			phone.isIn("ann")
		})
	}
}

// A browser with a session or a remembered login is known as that user's, before its next login too.
func TestKnownBrowsers(t *testing.T) {
	n := newWorld(t).node(nodeOptions{})
	requireKnown := func(b *browser, want string) {
		t.Helper()
		require.Equal(t, want, b.do("POST", "/knows?as=ann").body)
		require.Equal(t, "false", b.do("POST", "/knows?as=bob").body)
	}
	b := n.browser(t)
	b.logIn("ann", true)
	requireKnown(b.copied().without(rememberCookie), "true")
	requireKnown(b.copied().without(sessionCookie), "true")
	requireKnown(n.browser(t), "false")
	many := n.browser(t)
	many.cookies[rememberCookie] = strings.Repeat("x; "+rememberCookie+"=", 8) + b.cookies[rememberCookie]
	requireKnown(many, "false") // only some of many cookies are tried
}

func TestBrokenRememberedLogins(t *testing.T) {
	n := newWorld(t).node(nodeOptions{})
	ann := n.remembered(t)
	series, token, _ := strings.Cut(ann.cookies[rememberCookie], ":")
	for name, value := range map[string]string{
		"empty":          "",
		"garbage":        "garbage",
		"separator only": ":",
		"no token":       series + ":",
		"no series":      ":" + token,
		"unknown series": token + ":" + token,
		"oversized":      strings.Repeat("x", 5000) + ":" + token,
		"huge":           strings.Repeat("x", 500_000),
	} {
		t.Run(name, func(t *testing.T) {
			b := n.browser(t)
			b.cookies[rememberCookie] = value
			require.Negative(t, b.isOut().set[rememberCookie].MaxAge)
			b.logIn("bob", false)
			b.cookies[rememberCookie] = value
			require.Empty(t, b.isIn("bob").set, "a session is enough")
		})
	}
	ann.isIn("ann")
}

// The token is rotated before the session starts: if that fails, the browser has to receive the new token, or its
// next try would look like theft.
func TestARotatedTokenIsNotLost(t *testing.T) {
	w := newWorld(t)
	b := w.node(nodeOptions{}).remembered(t)
	w.store.noNew.Store(true)
	a := b.do("GET", "/me")
	require.Equal(t, http.StatusServiceUnavailable, a.status)
	require.NotContains(t, a.set, sessionCookie)
	w.store.noNew.Store(false)
	w.clock.Add(time.Hour)
	b.isIn("ann")
}

// A login replaces the remembered login of the device, so the user from before is not logged in there any more.
func TestALoginEndsTheRememberedLoginOfItsDevice(t *testing.T) {
	for name, lost := range map[string]string{"both cookies": "", "no session": sessionCookie, "no remembered login": rememberCookie} {
		for _, remember := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				w := newWorld(t)
				n := w.node(nodeOptions{})
				phone, b := n.remembered(t), n.browser(t)
				b.logIn("ann", true)
				was := b.copied()
				b.without(lost).logIn("bob", remember)
				was.without(sessionCookie).isOut()
				b.isIn("bob")
				b.without(sessionCookie)
				if remember {
					b.isIn("bob")
				} else {
					b.isOut()
				}
				phone.isIn("ann")
			})
		}
	}
}
