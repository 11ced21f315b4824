package stomp

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/live"
	"github.com/confab-chat/confab/pkg/live/livetest"
)

func TestMain(m *testing.M) {
	if arg := os.Getenv(crowdEnv); arg != "" {
		if err := crowd(arg); err != nil {
			_, _ = fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for what must happen.
const patience = 10 * time.Second

type testBodies struct{ v string }

// poison is a content for which the encoder of "v" panics.
const poison = "poison"

func (b testBodies) Message(m chat.Message) []byte {
	if b.v == "v" && m.Content == poison {
		panic(poison)
	}
	return mustJSON(map[string]any{"form": b.v, "messageId": m.ID, "content": m.Content, "login": m.Author.Login})
}

func (b testBodies) Person(p chat.Person) []byte {
	return mustJSON(map[string]any{"form": b.v, "login": p.Login})
}

// node is one node of a test's cluster: a hub, a STOMP server and a web server. Requests have
// their login in the header X-Login.
type node struct {
	world *livetest.World
	hub   *live.Hub
	stomp *Server
	web   *httptest.Server
}

func newNode(t testing.TB, w *livetest.World, bus live.Bus, change func(*Options)) *node {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	hub, err := live.New(live.Options{Bus: bus, History: w, Access: w.Access, Log: log, Beat: 20 * time.Millisecond, PeerLost: time.Second})
	require.NoError(t, err)
	o := Options{Hub: hub, Login: loginOf, Log: log}
	if change != nil {
		change(&o)
	}
	n := &node{world: w, hub: hub, stomp: NewServer(o)}
	mux := http.NewServeMux()
	mux.Handle("/stomp", n.stomp.WebSocket(testBodies{"v"}))
	mux.Handle("/chat/", n.stomp.SockJS("/chat", testBodies{"k"}))
	mux.Handle("/chat", n.stomp.SockJS("/chat", testBodies{"k"}))
	n.web = httptest.NewServer(mux)
	t.Cleanup(func() {
		n.stomp.Close()
		n.web.Close()
		require.NoError(t, n.hub.Close())
		if bus != nil {
			require.NoError(t, bus.Close())
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return n
}

func loginOf(r *http.Request) (auth.Login, bool) {
	login := r.Header.Get("X-Login")
	return auth.Login{Identity: livetest.Who(login), Session: auth.HashOf(r.Header.Get("X-Session") + login)}, login != ""
}

// client is a STOMP client over a WebSocket, bare or in SockJS frames.
type client struct {
	t      testing.TB
	net    net.Conn
	sockjs bool
	proto  string

	receipts int

	mu     sync.Mutex
	got    *sync.Cond
	frames []*frame
	beats  int
	other  []string // SockJS frames without data
	code   ws.StatusCode
	ended  bool
	done   chan struct{}
}

func (n *node) dial(t testing.TB, login, path string, protocols ...string) *client {
	d := ws.Dialer{Protocols: protocols, Header: ws.HandshakeHeaderHTTP{"X-Login": {login}}}
	nc, br, hs, err := d.Dial(context.Background(), "ws"+strings.TrimPrefix(n.web.URL, "http")+path)
	require.NoError(t, err)
	c := &client{t: t, net: nc, sockjs: strings.HasPrefix(path, "/chat"), proto: hs.Protocol, done: make(chan struct{})}
	c.got = sync.NewCond(&c.mu)
	var in io.Reader = nc
	if br != nil {
		in = io.MultiReader(io.LimitReader(br, int64(br.Buffered())), nc)
	}
	go c.read(in)
	t.Cleanup(c.close)
	return c
}

// close closes the connection without a DISCONNECT and waits for the reader.
func (c *client) close() {
	_ = c.net.Close()
	<-c.done
}

func (c *client) read(in io.Reader) {
	defer close(c.done)
	p := &parser{}
	for {
		f, err := readFrame(in)
		c.mu.Lock()
		switch {
		case err != nil:
			c.ended = true
		case f.Header.OpCode == ws.OpClose:
			c.code, _ = ws.ParseCloseFrameData(f.Payload)
			err = io.EOF
			c.ended = true
		case f.Header.OpCode == ws.OpText:
			c.text(p, f.Payload)
		}
		c.got.Broadcast()
		c.mu.Unlock()
		if err != nil {
			_ = c.net.Close()
			return
		}
	}
}

// readFrame reads a frame of the server under test, which is of a bounded size.
func readFrame(in io.Reader) (ws.Frame, error) {
	head, err := ws.ReadHeader(in)
	if err != nil {
		return ws.Frame{}, err
	}
	if head.Length > 8<<20 {
		return ws.Frame{}, fmt.Errorf("a frame of %d bytes", head.Length)
	}
	f := ws.Frame{Header: head, Payload: make([]byte, head.Length)}
	_, err = io.ReadFull(in, f.Payload)
	return f, err
}

func (c *client) text(p *parser, data []byte) {
	texts := []string{string(data)}
	if c.sockjs {
		if data[0] != 'a' {
			c.other = append(c.other, string(data))
			return
		}
		texts = nil
		if err := json.Unmarshal(data[1:], &texts); err != nil {
			c.t.Error(err)
		}
	}
	for _, text := range texts {
		if strings.Trim(text, "\n") == "" {
			c.beats++
		}
		fs, err := parseAll(p, []byte(text))
		if err != nil {
			c.t.Error(err)
		}
		c.frames = append(c.frames, fs...)
	}
}

func parseAll(p *parser, data []byte) (out []*frame, err error) {
	for {
		f, rest, err := p.next(data)
		if f == nil || err != nil {
			return out, err
		}
		out = append(out, f)
		data = rest
	}
}

// send sends a frame: the command, header lines, and a body.
func (c *client) send(command string, headers ...string) {
	c.raw(command + "\n" + strings.Join(append(headers, ""), "\n") + "\n\x00")
}

func (c *client) raw(text string) {
	if c.sockjs {
		text = string(mustJSON([]string{text}))
	}
	require.NoError(c.t, wsutil.WriteClientText(c.net, []byte(text)))
}

// wait waits until f returns true for what was received.
func (c *client) wait(what string, f func() bool) {
	c.t.Helper()
	late := time.AfterFunc(patience, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.got.Broadcast()
	})
	defer late.Stop()
	deadline := time.Now().Add(patience)
	c.mu.Lock()
	defer c.mu.Unlock()
	for !f() {
		if c.ended || time.Now().After(deadline) {
			require.Fail(c.t, "nothing came", "%s; frames %v, ended %v", what, c.show(), c.ended)
		}
		c.got.Wait()
	}
}

func (c *client) show() (out []string) {
	for _, f := range c.frames {
		out = append(out, f.command+" "+string(f.body))
	}
	return out
}

// frame waits for the first frame of that command whose headers contain those given, written name:value.
func (c *client) frame(command string, headers ...string) (found *frame) {
	c.t.Helper()
	c.wait(command+" "+strings.Join(headers, " "), func() bool {
		for _, f := range c.frames {
			if f.command == command && hasAll(f, headers) {
				found = f
				return true
			}
		}
		return false
	})
	return found
}

func hasAll(f *frame, headers []string) bool {
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ":")
		if v, _ := f.raw(name); v != value {
			return false
		}
	}
	return true
}

// messages waits for n MESSAGE frames of a subscription.
func (c *client) messages(sub string, n int) (out []*frame) {
	c.t.Helper()
	c.wait("messages of "+sub, func() bool {
		out = nil
		for _, f := range c.frames {
			if f.command == "MESSAGE" && hasAll(f, []string{"subscription:" + sub}) {
				out = append(out, f)
			}
		}
		return len(out) >= n
	})
	return out
}

// contents waits for n messages and returns their texts.
func (c *client) contents(sub string, n int) (out []string) {
	c.t.Helper()
	for _, f := range c.messages(sub, n) {
		var m struct{ Content string }
		require.NoError(c.t, json.Unmarshal(f.body, &m))
		out = append(out, m.Content)
	}
	return out
}

// end waits for the end of the connection and returns the close code.
func (c *client) end() ws.StatusCode {
	c.t.Helper()
	select {
	case <-c.done:
	case <-time.After(patience):
		require.Fail(c.t, "still open")
	}
	return c.code
}

func (c *client) connect(headers ...string) *frame {
	c.t.Helper()
	c.send("CONNECT", append([]string{"accept-version:1.0,1.1,1.2", "heart-beat:0,0"}, headers...)...)
	return c.frame("CONNECTED")
}

// follow subscribes and waits for the receipt.
func (c *client) follow(id, dest string, headers ...string) *frame {
	c.t.Helper()
	c.receipts++
	receipt := fmt.Sprint("r-", c.receipts)
	c.send("SUBSCRIBE", append([]string{"id:" + id, "destination:" + dest, "receipt:" + receipt}, headers...)...)
	return c.frame("RECEIPT", "receipt-id:"+receipt)
}

// enter dials, connects and follows a room's messages as subscription s.
func (n *node) enter(t testing.TB, login, path, room string) *client {
	c := n.dial(t, login, path)
	c.connect()
	c.follow("s", "/topic/messages/"+room)
	return c
}

const sockjsPath = "/chat/000/abcdefgh/websocket"

func bodyOf(t testing.TB, r *http.Response, err error) (int, string) {
	require.NoError(t, err)
	defer func() { _ = r.Body.Close() }()
	b, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return r.StatusCode, string(b)
}

func (n *node) request(t testing.TB, method, path, login, body string) *http.Request {
	req, err := http.NewRequest(method, n.web.URL+path, bytes.NewReader([]byte(body)))
	require.NoError(t, err)
	if login != "" {
		req.Header.Set("X-Login", login)
	}
	return req
}
