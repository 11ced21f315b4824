package realtime

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-stomp/stomp/v3/frame"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/stretchr/testify/require"
)

const v1 = "/api/chat/v1"

// user is somebody logged in.
type user struct {
	login  string
	cookie string
}

var web = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 100}}

// call makes a request to a node and reads the answer into out unless that is nil.
func (u *user) call(n *node, method, path string, body, out any, headers ...string) (int, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequest(method, n.base+v1+path, bytes.NewReader(b))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	if u.cookie != "" {
		req.Header.Set("Cookie", u.cookie)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := web.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	for _, c := range resp.Cookies() {
		if u.cookie == "" {
			u.cookie = c.Name + "=" + c.Value
		}
	}
	if out != nil && resp.StatusCode < 300 {
		return resp.StatusCode, json.Unmarshal(data, out)
	}
	return resp.StatusCode, nil
}

func (u *user) must(t testing.TB, n *node, method, path string, body, out any) {
	t.Helper()
	code, err := u.call(n, method, path, body, out)
	require.NoError(t, err)
	require.Less(t, code, 300, "%s %s", method, path)
}

// newUser signs somebody up and logs in.
func newUser(t testing.TB, n *node, login string) *user {
	anybody := &user{}
	anybody.must(t, n, "POST", "/users", map[string]string{"login": login, "password": "a password", "firstname": login, "lastname": "X"}, nil)
	u := &user{login: login}
	u.must(t, n, "POST", "/authenticate", map[string]string{"login": login, "password": "a password"}, nil)
	require.NotEmpty(t, u.cookie)
	return u
}

// message is one as the API shows it.
type message struct {
	ID      string `json:"messageId"`
	Content string `json:"content"`
	System  bool   `json:"systemMessage"`
}

// stream is a STOMP connection over a WebSocket.
type stream struct {
	net net.Conn
	in  *frame.Reader
}

// dial connects, and subscribes to a room's messages, from after on unless it is empty.
func (u *user) dial(n *node, room, after string) (*stream, error) {
	d := ws.Dialer{Timeout: 5 * time.Second, Header: ws.HandshakeHeaderHTTP{"Cookie": {u.cookie}}}
	c, ahead, _, err := d.Dial(context.Background(), "ws"+strings.TrimPrefix(n.base, "http")+v1+"/stomp")
	if err != nil {
		return nil, err
	}
	var r io.Reader = c
	if ahead != nil {
		r = io.MultiReader(io.LimitReader(ahead, int64(ahead.Buffered())), c)
	}
	s := &stream{net: c, in: frame.NewReaderSize(&texts{conn: c, in: r}, 16<<10)}
	subscribe := frame.New("SUBSCRIBE", "id", "s", "destination", "/topic/messages/"+room, "receipt", "r")
	if after != "" {
		subscribe.Header.Add("after", after)
	}
	err = errors.Join(s.send(frame.New("CONNECT", "accept-version", "1.2", "heart-beat", "0,0")), s.send(subscribe))
	if err == nil {
		err = s.expect("CONNECTED")
	}
	if err == nil {
		var f *frame.Frame
		if f, err = s.next(); err == nil && (f.Command != "RECEIPT" || after != "" && f.Header.Get("recovered") != "true") {
			err = fmt.Errorf("%s %v", f.Command, f.Header)
		}
	}
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return s, nil
}

func (s *stream) send(f *frame.Frame) error {
	var b bytes.Buffer
	if err := frame.NewWriter(&b).Write(f); err != nil {
		return err
	}
	return wsutil.WriteClientText(s.net, b.Bytes())
}

// next returns the next frame; a server that says nothing for patience counts as gone.
func (s *stream) next() (*frame.Frame, error) {
	for {
		_ = s.net.SetReadDeadline(time.Now().Add(patience))
		f, err := s.in.Read()
		if f != nil || err != nil {
			return f, err
		}
	}
}

func (s *stream) expect(command string) error {
	f, err := s.next()
	if err == nil && f.Command != command {
		err = fmt.Errorf("%s %v", f.Command, f.Header)
	}
	return err
}

// texts is the stream of bytes in a WebSocket's messages.
type texts struct {
	conn net.Conn
	in   io.Reader
	rest []byte
}

func (t *texts) Read(p []byte) (int, error) {
	for len(t.rest) == 0 {
		data, _, err := wsutil.ReadServerData(struct {
			io.Reader
			io.Writer
		}{t.in, t.conn})
		if err != nil {
			return 0, err
		}
		t.rest = data
	}
	n := copy(p, t.rest)
	t.rest = t.rest[n:]
	return n, nil
}
