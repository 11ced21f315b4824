package stomp

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/live/livetest"
)

func TestInfoAndGreeting(t *testing.T) {
	n := newNode(t, livetest.NewWorld(), nil, nil)
	seen := map[any]bool{}
	for range 3 {
		r, err := http.DefaultClient.Do(n.request(t, http.MethodGet, "/chat/info", "ann", ""))
		require.NoError(t, err)
		require.Contains(t, r.Header.Get("Cache-Control"), "no-store")
		require.Empty(t, r.Header.Get("Access-Control-Allow-Origin"))
		_, body := bodyOf(t, r, err)
		var info map[string]any
		require.NoError(t, json.Unmarshal([]byte(body), &info))
		seen[info["entropy"]] = true
		delete(info, "entropy")
		require.Equal(t, map[string]any{"websocket": true, "cookie_needed": true, "origins": []any{"*:*"}}, info)
	}
	require.Len(t, seen, 3)
	for _, path := range []string{"/chat", "/chat/"} {
		code, body := bodyOf2(t, n, http.MethodGet, path, "ann")
		require.Equal(t, http.StatusOK, code)
		require.Equal(t, "Welcome to SockJS!\n", body)
	}
}

func TestSockJSRefusals(t *testing.T) {
	n := newNode(t, livetest.NewWorld(), nil, nil)
	for _, c := range []struct {
		method, path, login string
		want                int
	}{
		{"GET", "/chat", "", 401}, {"GET", "/chat/info", "", 401}, {"POST", "/chat/0/s/xhr", "", 401},
		{"POST", "/chat/0/s/xhr_send", "", 401}, {"GET", "/chat/0/s/websocket", "", 401}, {"GET", "/chat/0/s/eventsource", "", 401},
		{"POST", "/chat/info", "ann", 405}, {"GET", "/chat/0/s/xhr", "ann", 405}, {"GET", "/chat/0/s/xhr_send", "ann", 405},
		{"GET", "/chat/0/s/jsonp", "ann", 404}, {"GET", "/chat/0/s/htmlfile", "ann", 404}, {"GET", "/chat/iframe.html", "ann", 404},
		{"POST", "/chat/0.0/s/xhr", "ann", 404}, {"POST", "/chat/0/s.x/xhr", "ann", 404}, {"POST", "/chat//s/xhr", "ann", 404},
		{"POST", "/chat/0//xhr", "ann", 404}, {"POST", "/chat/0/s/t/xhr", "ann", 404}, {"GET", "/chat/nothing", "ann", 404},
		{"POST", "/chat/0/unknown/xhr_send", "ann", 404}, {"GET", "/chat/0/s/websocket", "ann", 426},
	} {
		code, _ := bodyOf2(t, n, c.method, c.path, c.login)
		require.Equal(t, c.want, code, "%s %s", c.method, c.path)
	}
}

// poller is a SockJS client over xhr.
type poller struct {
	t     *testing.T
	n     *node
	login string
	path  string
	p     parser
	got   []*frame
}

func (n *node) poller(t *testing.T, login, session string) *poller {
	return &poller{t: t, n: n, login: login, path: "/chat/000/" + session}
}

// poll makes one request and returns what was received, except for frames of data.
func (p *poller) poll() string {
	r, err := http.DefaultClient.Do(p.n.request(p.t, http.MethodPost, p.path+"/xhr", p.login, ""))
	code, body := bodyOf(p.t, r, err)
	require.Equal(p.t, http.StatusOK, code)
	require.True(p.t, strings.HasSuffix(body, "\n"))
	return p.data(strings.TrimSuffix(body, "\n"))
}

func (p *poller) data(frame string) string {
	if !strings.HasPrefix(frame, "a") {
		return frame
	}
	var texts []string
	require.NoError(p.t, json.Unmarshal([]byte(frame[1:]), &texts))
	for _, text := range texts {
		fs, err := parseAll(&p.p, []byte(text))
		require.NoError(p.t, err)
		p.got = append(p.got, fs...)
	}
	return ""
}

func (p *poller) send(texts ...string) int { return p.sendBody(string(mustJSON(texts))) }

func (p *poller) sendBody(body string) int {
	r, err := http.DefaultClient.Do(p.n.request(p.t, http.MethodPost, p.path+"/xhr_send", p.login, body))
	code, _ := bodyOf(p.t, r, err)
	return code
}

// until polls until n frames have been received.
func (p *poller) until(n int) {
	for len(p.got) < n {
		require.Empty(p.t, p.poll())
	}
}

const (
	connectText   = "CONNECT\naccept-version:1.1,1.0\n\n\x00"
	subscribeText = "SUBSCRIBE\nid:s\ndestination:/topic/messages/games\nreceipt:r\n\n\x00"
)

func TestPolling(t *testing.T) {
	w := livetest.NewWorld()
	n := newNode(t, w, nil, nil)
	room := w.Room("games", "ann", "bob")
	p := n.poller(t, "ann", "abcdefgh")
	require.Equal(t, http.StatusNotFound, p.send("x"), "before it is open")
	require.Equal(t, "o", p.poll())
	require.Equal(t, http.StatusNoContent, p.send(connectText[:10]))
	require.Equal(t, http.StatusNoContent, p.send(connectText[10:], "\n"+subscribeText))
	p.until(2)
	for range 3 {
		w.Post(n.hub, room, "bob", "100% \"é\"\u2028\n")
	}
	p.until(5)
	var body struct{ Content, Form string }
	require.NoError(t, json.Unmarshal(p.got[4].body, &body))
	require.Equal(t, "100% \"é\"\u2028\n", body.Content)
	require.Equal(t, "k", body.Form)

	require.Equal(t, http.StatusBadRequest, p.sendBody(""))
	require.Equal(t, http.StatusBadRequest, p.sendBody("{"))
	require.Equal(t, http.StatusBadRequest, p.sendBody(`[1]`))
	require.Equal(t, http.StatusRequestEntityTooLarge, p.sendBody(strings.Repeat(" ", maxMessage+1)))

	// The session belongs to ann.
	thief := n.poller(t, "bob", "abcdefgh")
	require.Equal(t, http.StatusNotFound, thief.send("DISCONNECT\n\n\x00"))
	code, _ := bodyOf2(t, n, http.MethodPost, thief.path+"/xhr", "bob")
	require.Equal(t, http.StatusNotFound, code)

	require.Equal(t, http.StatusNoContent, p.send("DISCONNECT\nreceipt:bye\n\n\x00"))
	p.until(6)
	require.Equal(t, "RECEIPT", p.got[5].command)
	require.Equal(t, `c[3000,"Go away!"]`, p.poll())
	require.Equal(t, `c[3000,"Go away!"]`, p.poll(), "again")
	require.Equal(t, http.StatusNotFound, p.send("x"))
	require.Zero(t, n.stomp.Stats().Connections)
}

func TestSecondPollEndsTheFirst(t *testing.T) {
	n := newNode(t, livetest.NewWorld(), nil, nil)
	p := n.poller(t, "ann", "abcdefgh")
	require.Equal(t, "o", p.poll())
	answers := make(chan string, 2)
	go func() { answers <- p.poll() }()
	n.polledBy(t, "abcdefgh", 1)
	go func() { answers <- p.poll() }()
	require.Equal(t, `c[2010,"Another connection still open"]`, <-answers)
	require.Equal(t, http.StatusNoContent, p.send(connectText))
	require.Empty(t, <-answers)
	require.Equal(t, "CONNECTED", p.got[0].command)
}

// polledBy waits until there is a receiving request.
func (n *node) polledBy(t *testing.T, session string, want int) {
	require.Eventually(t, func() bool {
		n.stomp.mu.Lock()
		p := n.stomp.polls[session]
		n.stomp.mu.Unlock()
		if p == nil {
			return want == 0
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		return (p.current != nil) == (want == 1)
	}, patience, time.Millisecond)
}

func TestPollingStops(t *testing.T) {
	w := livetest.NewWorld()
	n := newNode(t, w, nil, func(o *Options) { o.PollTimeout = 50 * time.Millisecond })
	room := w.Room("games", "ann")
	p := n.poller(t, "ann", "abcdefgh")
	require.Equal(t, "o", p.poll())
	p.send(connectText, subscribeText)
	p.until(2)
	require.Eventually(t, func() bool { return n.stomp.Stats().Connections == 0 }, patience, time.Millisecond)
	require.Empty(t, n.hub.Online(livetest.Tenant, livetest.At(room).Room))
	require.Empty(t, n.hub.ConnectedOf(livetest.Tenant, []string{"ann"}))
	require.Equal(t, http.StatusNotFound, p.send("x"))
}

func TestHeartBeatOfSockJS(t *testing.T) {
	n := newNode(t, livetest.NewWorld(), nil, func(o *Options) { o.SockJSHeartBeat = 30 * time.Millisecond })
	p := n.poller(t, "ann", "abcdefgh")
	require.Equal(t, "o", p.poll())
	require.Equal(t, "h", p.poll())
	c := n.dial(t, "ann", sockjsPath)
	c.wait("h", func() bool { return len(c.other) > 1 })
	c.mu.Lock()
	require.Equal(t, []string{"o", "h"}, c.other[:2])
	c.mu.Unlock()
}

func TestStreaming(t *testing.T) {
	for name, st := range map[string]struct {
		method, path string
		decode       func(t *testing.T, r *bufio.Reader) string
	}{
		"xhr_streaming": {http.MethodPost, "/xhr_streaming", func(t *testing.T, r *bufio.Reader) string {
			line, err := r.ReadString('\n')
			require.NoError(t, err)
			return strings.TrimSuffix(line, "\n")
		}},
		"eventsource": {http.MethodGet, "/eventsource", func(t *testing.T, r *bufio.Reader) string {
			for {
				line, err := r.ReadString('\n')
				require.NoError(t, err)
				data, ok := strings.CutPrefix(strings.TrimSuffix(line, "\r\n"), "data: ")
				if ok {
					blank, err := r.ReadString('\n')
					require.NoError(t, err)
					require.Equal(t, "\r\n", blank)
					text, err := url.PathUnescape(data)
					require.NoError(t, err)
					return text
				}
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := livetest.NewWorld()
			n := newNode(t, w, nil, nil)
			room := w.Room("games", "ann")
			p := n.poller(t, "ann", "abcdefgh")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			resp, err := http.DefaultClient.Do(n.request(t, st.method, p.path+st.path, "ann", "").WithContext(ctx))
			require.NoError(t, err)
			defer func() { _ = resp.Body.Close() }()
			in := bufio.NewReader(resp.Body)
			if name == "xhr_streaming" {
				require.Equal(t, strings.Repeat("h", 2048), st.decode(t, in))
			}
			require.Equal(t, "o", st.decode(t, in))
			require.Equal(t, http.StatusNoContent, p.send(connectText, subscribeText))
			for len(p.got) < 2 {
				require.Empty(t, p.data(st.decode(t, in)))
			}
			// A response ends at the limit. The next one continues.
			text := strings.Repeat("100%", 10_000)
			for range 5 {
				w.Post(n.hub, room, "ann", text)
			}
			for len(p.got) < 7 {
				if _, err := in.Peek(1); err == io.EOF {
					require.GreaterOrEqual(t, len(p.got), 4)
					resp, err := http.DefaultClient.Do(n.request(t, st.method, p.path+st.path, "ann", "").WithContext(ctx))
					require.NoError(t, err)
					defer func() { _ = resp.Body.Close() }()
					in = bufio.NewReader(resp.Body)
					if name == "xhr_streaming" {
						st.decode(t, in)
					}
				}
				require.Empty(t, p.data(st.decode(t, in)))
			}
			var body struct{ Content string }
			require.NoError(t, json.Unmarshal(p.got[6].body, &body))
			require.Equal(t, text, body.Content)
		})
	}
}
