package session_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// person is one browser's cookie jar. Like browsers, it keeps cookies by host, whatever the port.
type person struct {
	t *testing.T
	*http.Client
}

func newPerson(t *testing.T) person {
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return person{t: t, Client: &http.Client{Jar: jar}}
}

// do returns the body of an answer, or its status if it is not 200, and what it sets.
func (p person) do(n *node, method, path string) (string, []*http.Cookie) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, n.URL+path, nil)
	require.NoError(p.t, err)
	res, err := p.Do(r)
	require.NoError(p.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(p.t, err)
	p.CloseIdleConnections()
	if res.StatusCode != http.StatusOK {
		return res.Status, res.Cookies()
	}
	return string(body), res.Cookies()
}

// is requires that a node knows the browser as login; nobody if it is empty.
func (p person) is(n *node, login string) []*http.Cookie {
	p.t.Helper()
	want := "401 Unauthorized"
	if login != "" {
		want = "default/" + login
	}
	body, set := p.do(n, "GET", "/me")
	require.Equal(p.t, want, body)
	return set
}

// cookies returns the browser's cookies, by name.
func (p person) cookies(n *node) map[string]string {
	u, err := url.Parse(n.URL)
	require.NoError(p.t, err)
	all := map[string]string{}
	for _, c := range p.Jar.Cookies(u) {
		all[c.Name] = c.Value
	}
	return all
}

// set changes a cookie; without a value it is removed.
func (p person) set(n *node, name, value string) {
	u, err := url.Parse(n.URL)
	require.NoError(p.t, err)
	c := &http.Cookie{Name: name, Value: value, Path: "/"}
	if value == "" {
		c.MaxAge = -1
	}
	p.Jar.SetCookies(u, []*http.Cookie{c})
}

// Two installations on one host, at two ports, have one cookie jar.
func TestInstallationsOnOneHostLeaveEachOthersCookies(t *testing.T) {
	first, second := newWorld(t), newWorld(t)
	one, other := first.node(nodeOptions{}), second.node(nodeOptions{})
	p := newPerson(t)
	p.do(one, "POST", "/login?as=ann&remember")
	p.do(other, "POST", "/login?as=bob&remember")
	p.is(one, "ann")
	p.is(other, "bob")

	p.set(one, one.names.Remember, "garbage")
	p.set(one, one.names.Session, "garbage")
	p.is(one, "")
	require.NotContains(t, p.cookies(one), one.names.Remember, "a bad value under the own name is expired")
	p.is(other, "bob")
	p.do(one, "POST", "/login?as=ann&remember")
	p.do(other, "POST", "/logout")
	p.is(other, "")
	p.is(one, "ann")
	p.set(one, one.names.Session, "")
	p.is(one, "ann") // the remembered login is there too

	again := first.node(nodeOptions{})
	require.Equal(t, one.names, again.names, "the same on all nodes, and after a restart")
	p.is(again, "ann")
}

// The prefix that browsers guard is there where they accept it.
func TestCookiesOverTLSAreThisHostsAlone(t *testing.T) {
	w := newWorld(t)
	plain := w.node(nodeOptions{})
	for _, o := range []nodeOptions{{secure: true}, {overTLS: true}} {
		n := w.node(o)
		require.Equal(t, "__Host-"+plain.names.Session, n.names.Session)
		require.Equal(t, "__Host-"+plain.names.Remember, n.names.Remember)
		b := n.browser(t)
		b.logIn("ann", true)
		planted := n.browser(t)
		planted.cookies = map[string]string{plain.names.Session: b.cookies[sessionCookie], plain.names.Remember: b.cookies[rememberCookie]}
		planted.isOut() // another host of the domain could have set these
	}
}

// earlier returns a browser with the cookies of ann, who logged in at a version that used the same names everywhere.
func earlier(t *testing.T, n *node) person {
	p := newPerson(t)
	p.do(n, "POST", "/login?as=ann&remember")
	had := p.cookies(n)
	for now, before := range map[string]string{n.names.Session: "confab-session", n.names.Remember: "confab-remember"} {
		require.NotEmpty(t, had[now])
		p.set(n, before, had[now])
		p.set(n, now, "")
	}
	return p
}

func TestSessionsUnderEarlierNamesGoOn(t *testing.T) {
	w := newWorld(t)
	n := w.node(nodeOptions{})
	p := earlier(t, n)
	p.is(n, "ann")
	require.Contains(t, p.cookies(n), n.names.Session, "from now on under the new name")
	require.Empty(t, p.is(n, "ann"), "no need to set any")

	p.set(n, n.names.Session, "")
	p.set(n, "confab-session", "")
	p.is(n, "ann") // by the remembered login
	require.NotContains(t, p.cookies(n), "confab-remember", "it would count as stolen once it is replaced")
	w.clock.Add(grace + 1)
	p.set(n, n.names.Session, "")
	p.is(n, "ann")

	for _, path := range []string{"/logout", "/login?as=bob"} {
		p = earlier(t, n)
		copied := p.cookies(n)
		p.do(n, "POST", path)
		for name := range p.cookies(n) {
			require.False(t, name == "confab-session" || name == "confab-remember", "%s after %s", name, path)
		}
		stolen := newPerson(t)
		for name, value := range copied {
			stolen.set(n, name, value)
		}
		stolen.is(n, "")
	}
}

// Under the earlier names another installation may still have its own.
func TestCookiesUnderEarlierNamesThatAreNotKnownAreLeft(t *testing.T) {
	one, other := newWorld(t).node(nodeOptions{}), newWorld(t).node(nodeOptions{})
	p := earlier(t, other)
	before := p.cookies(other)
	p.is(one, "")
	p.do(one, "POST", "/login?as=bob&remember")
	p.is(one, "bob")
	p.do(one, "POST", "/logout")
	p.is(one, "")
	require.Equal(t, before, p.cookies(other))
	require.True(t, strings.Contains(before["confab-remember"], ":"))
	p.is(other, "ann")
}
