package stomp

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/live"
	"github.com/confab-chat/confab/pkg/live/livetest"
)

func TestConnect(t *testing.T) {
	n := newNode(t, livetest.NewWorld(), nil, nil)
	for _, c := range []struct{ accept, want string }{
		{"", "1.0"}, {"accept-version:1.0", "1.0"}, {"accept-version:1.1,1.0", "1.1"},
		{"accept-version:1.0,1.1,1.2,1.3", "1.2"}, {"accept-version: 1.2 , 9", "1.2"},
	} {
		for _, path := range []string{"/stomp", sockjsPath} {
			cl := n.dial(t, "ann", path)
			var headers []string
			if c.accept != "" {
				headers = append(headers, c.accept)
			}
			cl.send("CONNECT", headers...)
			f := cl.frame("CONNECTED", "version:"+c.want, "heart-beat:10000,10000", "user-name:ann")
			session, ok := f.raw("session")
			require.True(t, ok && session != "")
		}
	}
}

func TestConnectFaults(t *testing.T) {
	n := newNode(t, livetest.NewWorld(), nil, nil)
	c := n.dial(t, "ann", "/stomp")
	c.send("CONNECT", "accept-version:9.9", "host:x")
	f := c.frame("ERROR", "version:1.0,1.1,1.2")
	m, _ := f.raw("message")
	require.NotEmpty(t, m)
	require.Equal(t, ws.StatusProtocolError, c.end())

	for _, text := range []string{
		"SUBSCRIBE\nid:1\ndestination:/topic/messages/abc\n\n\x00",
		"CONNECT\nheart-beat:x,y\n\n\x00",
		"CONNECT\nno colon\n\n\x00",
		"GET / HTTP/1.1\nHost: x\n\n\x00",
	} {
		c := n.dial(t, "ann", "/stomp")
		c.raw(text)
		c.frame("ERROR")
		c.end()
	}
}

func TestSubprotocols(t *testing.T) {
	n := newNode(t, livetest.NewWorld(), nil, nil)
	for _, c := range []struct {
		offer []string
		want  string
	}{
		{nil, ""}, {[]string{"v10.stomp"}, "v10.stomp"}, {[]string{"v10.stomp", "v12.stomp", "v11.stomp"}, "v12.stomp"},
		{[]string{"chat", "v11.stomp"}, "v11.stomp"}, {[]string{"chat"}, ""},
	} {
		require.Equal(t, c.want, n.dial(t, "ann", "/stomp", c.offer...).proto)
	}
}

func TestMessageFrame(t *testing.T) {
	w := livetest.NewWorld()
	n := newNode(t, w, nil, nil)
	room := w.Room("Twin_Peaks.v1", "ann", "bob")
	text := "é🎉\u2028<&>\"\\ \n\r\t end"
	for path, form := range map[string]string{"/stomp": "v", sockjsPath: "k"} {
		c := n.dial(t, "bob", path)
		c.connect()
		c.follow(`my\cid: 1`, "/topic/messages/Twin_Peaks.v1")
		m := w.Post(n.hub, room, "ann", text)
		f := c.messages(`my\cid: 1`, 1)[0]
		require.Equal(t, []header{
			{"destination", "/topic/messages/Twin_Peaks.v1"},
			{"message-id", m.ID.String()},
			{"content-type", "application/json;charset=UTF-8"},
			{"content-length", fmt.Sprint(len(f.body))},
			{"subscription", `my\cid: 1`},
		}, f.headers)
		var body map[string]string
		require.NoError(t, json.Unmarshal(f.body, &body))
		require.Equal(t, map[string]string{"form": form, "content": text, "login": "ann", "messageId": m.ID.String()}, body)
	}
}

func TestParticipantsAndDeletion(t *testing.T) {
	w := livetest.NewWorld()
	n := newNode(t, w, nil, nil)
	room := w.Room("games", "ann")
	c := n.dial(t, "ann", sockjsPath)
	c.connect()
	for _, topic := range []string{"messages", "participants", "action"} {
		c.follow(topic, "/topic/"+topic+"/games")
	}
	w.Join(n.hub, room, "bob")
	w.Leave(n.hub, room, "bob")
	c.messages("messages", 2)
	var got []string
	c.mu.Lock()
	for _, f := range c.frames {
		if f.command == "MESSAGE" {
			sub, _ := f.raw("subscription")
			status, _ := f.raw("status")
			got = append(got, sub+status)
		}
	}
	c.mu.Unlock()
	require.Equal(t, []string{"participantsJOIN", "messages", "participantsLEAVE", "messages"}, got)
	ids := map[string]bool{}
	for _, f := range append(c.messages("participants", 2), c.messages("messages", 2)...) {
		m, _ := f.raw("message-id")
		ids[m] = true
	}
	require.Len(t, ids, 4)

	w.Delete(n.hub, room)
	f := c.messages("action", 1)[0]
	require.True(t, hasAll(f, []string{"action:DELETE", "room:games", "creator:ann", "content-type:text/plain;charset=UTF-8"}), f.headers)
	require.Equal(t, "The room 'games' has been removed by 'ann'", string(f.body))

	// A room of the same name is another room, and the id is free again.
	again := w.Room("games", "ann")
	w.Post(n.hub, again, "ann", "unheard")
	c.follow("messages", "/topic/messages/games")
	w.Post(n.hub, again, "ann", "received")
	require.Equal(t, []string{"First bob Last bob joins the room", "First bob Last bob leaves the room", "received"}, c.contents("messages", 3))
}

func TestLeavingEndsSubscriptions(t *testing.T) {
	w := livetest.NewWorld()
	n := newNode(t, w, nil, nil)
	room := w.Room("games", "ann", "bob")
	c := n.dial(t, "bob", "/stomp")
	c.connect()
	c.follow("m", "/topic/messages/games")
	c.follow("p", "/topic/participants/games")
	w.Leave(n.hub, room, "bob")
	require.True(t, hasAll(c.messages("p", 1)[0], []string{"status:LEAVE"}))
	w.Join(n.hub, room, "bob")
	w.Post(n.hub, room, "ann", "unheard")
	c.send("UNSUBSCRIBE", "id:m", "receipt:u")
	c.frame("RECEIPT", "receipt-id:u")
	c.follow("m", "/topic/messages/games")
	w.Post(n.hub, room, "ann", "received")
	require.Equal(t, []string{"received"}, c.contents("m", 1))
	require.Len(t, c.messages("p", 1), 1)
}

func TestUnsubscribe(t *testing.T) {
	w := livetest.NewWorld()
	n := newNode(t, w, nil, nil)
	one, two := w.Room("one", "ann"), w.Room("two", "ann")
	c := n.dial(t, "ann", "/stomp")
	c.connect()
	c.follow("1", "/topic/messages/one")
	c.follow("2", "/topic/messages/two")
	w.Post(n.hub, one, "ann", "a")
	c.send("UNSUBSCRIBE", "id:1", "receipt:u")
	c.frame("RECEIPT", "receipt-id:u")
	w.Post(n.hub, one, "ann", "b")
	w.Post(n.hub, two, "ann", "c")
	require.Equal(t, []string{"c"}, c.contents("2", 1))
	require.LessOrEqual(t, len(c.contents("1", 0)), 1)

	// 1.0 without ids, by destination.
	c = n.dial(t, "ann", "/stomp")
	c.send("CONNECT")
	c.frame("CONNECTED", "version:1.0")
	c.send("SUBSCRIBE", "destination:/topic/messages/one", "receipt:s")
	c.frame("RECEIPT", "receipt-id:s")
	w.Post(n.hub, one, "ann", "d")
	f := c.frame("MESSAGE")
	_, has := f.raw("subscription")
	require.False(t, has)
	c.send("UNSUBSCRIBE", "destination:/topic/messages/one", "receipt:u")
	c.frame("RECEIPT", "receipt-id:u")
	require.Empty(t, n.hub.Online(livetest.Tenant, chat.RoomRef{ID: two.ID})[1:])
}

func TestFaultsAfterConnect(t *testing.T) {
	w := livetest.NewWorld()
	n := newNode(t, w, nil, nil)
	w.Room("games", "ann")
	for name, frame := range map[string]string{
		"no id":               "SUBSCRIBE\ndestination:/topic/messages/games\nreceipt:r\n\n\x00",
		"other destination":   "SUBSCRIBE\nid:1\ndestination:/queue/games\nreceipt:r\n\n\x00",
		"unknown topic":       "SUBSCRIBE\nid:1\ndestination:/topic/secrets/games\nreceipt:r\n\n\x00",
		"unknown room":        "SUBSCRIBE\nid:1\ndestination:/topic/messages/ghost\nreceipt:r\n\n\x00",
		"slash":               "SUBSCRIBE\nid:1\ndestination:/topic/messages/games/x\nreceipt:r\n\n\x00",
		"bad after":           "SUBSCRIBE\nid:1\ndestination:/topic/messages/games\nafter:x\nreceipt:r\n\n\x00",
		"bad escape":          "SUBSCRIBE\nid:a\\tb\ndestination:/topic/messages/games\nreceipt:r\n\n\x00",
		"SEND":                "SEND\ndestination:/topic/messages/games\nreceipt:r\n\n{}\x00",
		"a server's frame":    "MESSAGE\ndestination:/topic/messages/games\nreceipt:r\n\n{}\x00",
		"unknown command":     "NONSENSE\nreceipt:r\n\n\x00",
		"connected already":   "CONNECT\nreceipt:r\n\n\x00",
		"UNSUBSCRIBE nothing": "UNSUBSCRIBE\nreceipt:r\n\n\x00",
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"/stomp", sockjsPath} {
				c := n.dial(t, "ann", path)
				c.connect()
				c.raw(frame)
				f := c.frame("ERROR", "receipt-id:r")
				m, _ := f.raw("message")
				require.NotEmpty(t, m)
				c.end()
				if c.sockjs {
					require.Equal(t, []string{"o", `c[3000,"Go away!"]`}, c.other)
				}
			}
		})
	}
	t.Run("the same id twice", func(t *testing.T) {
		c := n.dial(t, "ann", "/stomp")
		c.connect()
		c.follow("1", "/topic/messages/games")
		c.send("SUBSCRIBE", "id:1", "destination:/topic/action/games", "receipt:r2")
		c.frame("ERROR", "receipt-id:r2")
		c.end()
	})
	t.Run("an outsider", func(t *testing.T) {
		for _, topic := range []string{"messages", "participants", "action", "presence", "typing"} {
			c := n.dial(t, "eve", "/stomp")
			c.connect()
			c.send("SUBSCRIBE", "id:1", "destination:/topic/"+topic+"/games", "receipt:r")
			c.frame("ERROR", "receipt-id:r")
			c.end()
		}
	})
	t.Run("topics KillrChat does not have", func(t *testing.T) {
		for _, dest := range []string{"/topic/presence/games", "/topic/typing/games", "/topic/me"} {
			c := n.dial(t, "ann", sockjsPath)
			c.connect()
			c.send("SUBSCRIBE", "id:1", "destination:"+dest, "receipt:r")
			c.frame("ERROR", "receipt-id:r")
			c.end()
		}
	})
}

func TestAcceptedAndIgnored(t *testing.T) {
	n := newNode(t, livetest.NewWorld(), nil, nil)
	c := n.dial(t, "ann", "/stomp")
	c.connect()
	for _, command := range []string{"ACK", "NACK", "BEGIN", "COMMIT", "ABORT"} {
		c.send(command, "id:1", "transaction:t", "receipt:r"+command)
		c.frame("RECEIPT", "receipt-id:r"+command)
	}
	c.send("DISCONNECT", "receipt:bye")
	c.frame("RECEIPT", "receipt-id:bye")
	require.Equal(t, ws.StatusNormalClosure, c.end())
}

func TestLimits(t *testing.T) {
	n := newNode(t, livetest.NewWorld(), nil, nil)
	big := strings.Repeat("x", maxLine)
	for name, text := range map[string]string{
		"line":    "SUBSCRIBE\nid:" + big + "\n\n\x00",
		"headers": "SUBSCRIBE\n" + strings.Repeat("a:b\n", maxHeaders+1) + "\n\x00",
		"body":    "SEND\n\n" + strings.Repeat("x", maxBody+1) + "\x00",
		"length":  "SEND\ncontent-length:65537\n\n",
		"sum":     "SEND\ncontent-length:99999999999999999999\n\n",
		"minus":   "SEND\ncontent-length:-1\n\n",
		"no end":  "SEND\ncontent-length:1\n\nabc",
	} {
		t.Run(name, func(t *testing.T) {
			c := n.dial(t, "ann", "/stomp")
			c.connect()
			c.raw(text)
			c.frame("ERROR")
			c.end()
		})
	}
	t.Run("subscriptions", func(t *testing.T) {
		n.world.Room("games", "ann")
		c := n.dial(t, "ann", "/stomp")
		c.connect()
		for i := range maxSubscriptions {
			c.send("SUBSCRIBE", fmt.Sprintf("id:%d", i), "destination:/topic/messages/games")
		}
		c.send("ACK", "receipt:all")
		c.frame("RECEIPT", "receipt-id:all")
		c.send("SUBSCRIBE", "id:x", "destination:/topic/messages/games")
		c.frame("ERROR", "message:too many subscriptions")
		c.end()
	})
}

func TestFramesInPieces(t *testing.T) {
	w := livetest.NewWorld()
	n := newNode(t, w, nil, nil)
	room := w.Room("games", "ann")
	c := n.dial(t, "ann", "/stomp")
	c.connect()
	sub := "\n\r\nSUBSCRIBE\r\nid:s\r\ndestination:/topic/messages/games\r\nreceipt:r\r\n\r\n\x00\n\nACK\nreceipt:r2\n\n\x00"
	// A WebSocket message in three fragments, a ping between them, then a message of its own.
	cut := func(i, j int) []byte { return []byte(sub[i:j]) }
	require.NoError(t, ws.WriteFrame(c.net, ws.MaskFrame(ws.NewFrame(ws.OpText, false, cut(0, 7)))))
	require.NoError(t, ws.WriteFrame(c.net, ws.MaskFrame(ws.NewFrame(ws.OpContinuation, false, cut(7, 8)))))
	require.NoError(t, ws.WriteFrame(c.net, ws.MaskFrame(ws.NewPingFrame([]byte("ping")))))
	require.NoError(t, ws.WriteFrame(c.net, ws.MaskFrame(ws.NewFrame(ws.OpContinuation, true, cut(8, 40)))))
	require.NoError(t, ws.WriteFrame(c.net, ws.MaskFrame(ws.NewTextFrame(cut(40, len(sub))))))
	c.frame("RECEIPT", "receipt-id:r")
	c.frame("RECEIPT", "receipt-id:r2")
	w.Post(n.hub, room, "ann", "x")
	c.messages("s", 1)
}

func TestWebSocketFaults(t *testing.T) {
	n := newNode(t, livetest.NewWorld(), nil, nil)
	c := n.dial(t, "ann", "/stomp")
	// In one write: the server closes when it has seen the first bytes.
	_, err := c.net.Write(ws.MustCompileFrame(ws.NewTextFrame([]byte("unmasked"))))
	require.NoError(t, err)
	require.Equal(t, ws.StatusProtocolError, c.end())

	c = n.dial(t, "ann", sockjsPath)
	require.NoError(t, ws.WriteHeader(c.net, ws.Header{Fin: true, OpCode: ws.OpText, Masked: true, Length: maxMessage + 1}))
	require.Equal(t, ws.StatusMessageTooBig, c.end())

	c = n.dial(t, "ann", sockjsPath)
	require.NoError(t, wsutil.WriteClientText(c.net, []byte(`{"no":"array"}`)))
	require.Equal(t, ws.StatusProtocolError, c.end())

	c = n.dial(t, "ann", "/stomp")
	require.NoError(t, wsutil.WriteClientMessage(c.net, ws.OpClose, ws.NewCloseFrameBody(ws.StatusGoingAway, "")))
	require.Equal(t, ws.StatusNormalClosure, c.end())

	code, _ := bodyOf2(t, n, http.MethodGet, "/stomp", "ann")
	require.Equal(t, http.StatusUpgradeRequired, code)
	code, _ = bodyOf2(t, n, http.MethodGet, "/stomp", "")
	require.Equal(t, http.StatusUnauthorized, code)
}

func bodyOf2(t *testing.T, n *node, method, path, login string) (int, string) {
	r, err := http.DefaultClient.Do(n.request(t, method, path, login, ""))
	return bodyOf(t, r, err)
}

func TestHeartBeats(t *testing.T) {
	fast := func(o *Options) { o.HeartBeat = 40 * time.Millisecond }
	n := newNode(t, livetest.NewWorld(), nil, fast)
	for _, path := range []string{"/stomp", sockjsPath} {
		c := n.dial(t, "ann", path)
		c.connect("heart-beat:0,1") // the first header counts: connect says 0,0
		c2 := n.dial(t, "ann", path)
		c2.send("CONNECT", "heart-beat:0,30")
		c2.wait("heart-beats", func() bool { return c2.beats >= 3 })
		c.mu.Lock()
		require.Zero(t, c.beats, "nobody asked for them")
		c.mu.Unlock()

		c3 := n.dial(t, "ann", path)
		c3.send("CONNECT", "heart-beat:30,0")
		c3.frame("CONNECTED", "heart-beat:40,40")
		c3.frame("ERROR", "message:no heart-beat")
		c3.end()
	}
}

func TestSilenceBeforeConnect(t *testing.T) {
	n := newNode(t, livetest.NewWorld(), nil, func(o *Options) { o.ConnectTimeout = 30 * time.Millisecond })
	c := n.dial(t, "ann", "/stomp")
	c.frame("ERROR", "message:no CONNECT")
	c.end()
}

func TestResume(t *testing.T) {
	w := livetest.NewWorld()
	n := newNode(t, w, nil, nil)
	room := w.Room("games", "ann", "bob")
	first := w.Post(n.hub, room, "bob", "first")
	for i := range 1000 {
		w.Post(n.hub, room, "bob", fmt.Sprint(i))
	}
	c := n.dial(t, "ann", "/stomp")
	c.connect()
	require.True(t, hasAll(c.follow("s", "/topic/messages/games", "after:"+first.ID.String()), []string{"recovered:true"}))
	w.Post(n.hub, room, "bob", "live")
	got := c.contents("s", 1001)
	for i := range 1000 {
		require.Equal(t, fmt.Sprint(i), got[i])
	}
	require.Equal(t, "live", got[1000])

	// The receipt comes before the replay.
	require.Equal(t, []string{"CONNECTED", "RECEIPT", "MESSAGE"}, []string{c.frames[0].command, c.frames[1].command, c.frames[2].command})

	last, _ := c.messages("s", 1001)[1000].raw("message-id")
	require.True(t, hasAll(c.follow("none", "/topic/messages/games", "after:"+last), []string{"recovered:true"}))
	require.True(t, hasAll(c.follow("far", "/topic/messages/games", "after:"+first.ID.String()), []string{"recovered:false"}), "1001 missed")
	_, has := c.follow("without", "/topic/messages/games").raw("recovered")
	require.False(t, has)
	w.Post(n.hub, room, "bob", "for all")
	for _, sub := range []string{"none", "far", "without"} {
		require.Equal(t, []string{"for all"}, c.contents(sub, 1))
	}

	w.Fail(nil)
}

func TestResumeWhilePosting(t *testing.T) {
	w := livetest.NewWorld()
	n := newNode(t, w, nil, nil)
	room := w.Room("games", "ann", "bob")
	const total = 400
	first := w.Post(n.hub, room, "bob", "first")
	go func() {
		for i := range total {
			w.Post(n.hub, room, "bob", fmt.Sprint(i))
		}
	}()
	for range 5 {
		c := n.dial(t, "ann", "/stomp")
		c.connect()
		c.follow("s", "/topic/messages/games", "after:"+first.ID.String())
		got := c.contents("s", total)
		require.Len(t, got, total)
		for i, text := range got {
			require.Equal(t, fmt.Sprint(i), text)
		}
		c.close()
	}
}

func TestSlowClient(t *testing.T) {
	w := livetest.NewWorld()
	n := newNode(t, w, nil, func(o *Options) { o.QueueBytes = 256 << 10 })
	room := w.Room("games", "ann", "bob")
	// A client that never reads.
	d := ws.Dialer{Header: ws.HandshakeHeaderHTTP{"X-Login": {"bob"}}}
	slow, _, _, err := d.Dial(context.Background(), "ws"+strings.TrimPrefix(n.web.URL, "http")+"/stomp")
	require.NoError(t, err)
	defer func() { _ = slow.Close() }()
	require.NoError(t, wsutil.WriteClientText(slow, []byte("CONNECT\n\n\x00SUBSCRIBE\ndestination:/topic/messages/games\n\n\x00")))
	quick := n.enter(t, "ann", "/stomp", "games")
	require.Eventually(t, func() bool { return len(n.hub.Online(livetest.Tenant, chat.RoomRef{ID: room.ID})) == 2 }, patience, time.Millisecond)

	text := strings.Repeat("x", 60_000)
	posted := 0
	for n.stomp.Stats().TooSlow == 0 {
		w.Post(n.hub, room, "ann", text)
		posted++
		quick.messages("s", posted)
	}
	require.Eventually(t, func() bool { return n.stomp.Stats().Connections == 1 }, patience, time.Millisecond)
	w.Post(n.hub, room, "ann", "still here")
	require.Equal(t, "still here", quick.contents("s", posted+1)[posted])
}

func TestVanishing(t *testing.T) {
	w := livetest.NewWorld()
	n := newNode(t, w, nil, nil)
	room := w.Room("games", "ann")
	for range 10 {
		c := n.enter(t, "ann", sockjsPath, "games")
		c.close()
	}
	require.Eventually(t, func() bool { return n.stomp.Stats().Connections == 0 }, patience, time.Millisecond)
	require.Empty(t, n.hub.Online(livetest.Tenant, chat.RoomRef{ID: room.ID}))
}

// Who has connected is online, with or without subscriptions, until the last connection is gone.
func TestConnectionsAreCounted(t *testing.T) {
	n := newNode(t, livetest.NewWorld(), nil, nil)
	online := func() bool { return n.hub.ConnectedOf(livetest.Tenant, []string{"ann", "bob"})["ann"] }
	one := n.dial(t, "ann", "/stomp")
	require.False(t, online(), "not before CONNECT")
	one.connect()
	require.True(t, online())
	two := n.dial(t, "ann", sockjsPath)
	two.connect()
	one.close()
	require.Eventually(t, func() bool { return n.stomp.Stats().Connections == 1 }, patience, time.Millisecond)
	require.True(t, online())
	two.send("DISCONNECT")
	require.Eventually(t, func() bool { return n.stomp.Stats().Connections == 0 }, patience, time.Millisecond)
	require.False(t, online())
}

func TestSessionEnds(t *testing.T) {
	w := livetest.NewWorld()
	n := newNode(t, w, nil, nil)
	a, b := n.dial(t, "ann", "/stomp"), n.dial(t, "bob", sockjsPath)
	a.connect()
	b.connect()
	n.hub.Signal(live.SessionEnded, live.SessionKey(auth.HashOf("ann")))
	a.frame("ERROR", "message:the session has ended")
	a.end()
	b.send("ACK", "receipt:r")
	b.frame("RECEIPT", "receipt-id:r")
}

func TestKeepAlive(t *testing.T) {
	calls := make(chan auth.Login, 100)
	n := newNode(t, livetest.NewWorld(), nil, func(o *Options) {
		o.KeepAliveEvery = 10 * time.Millisecond
		o.KeepAlive = func(_ context.Context, l auth.Login) error {
			calls <- l
			switch l.Credential() {
			case auth.HashOf("ann"):
				return chat.ErrNotFound("session", "")
			case auth.HashOf("bob"):
				return chat.ErrUnavailable(nil)
			}
			return nil
		}
	})
	a, b := n.dial(t, "ann", "/stomp"), n.dial(t, "bob", "/stomp")
	a.frame("ERROR", "message:the session has ended")
	a.end()
	for range 5 {
		<-calls
	}
	b.connect()
}

func TestDrain(t *testing.T) {
	n := newNode(t, livetest.NewWorld(), nil, func(o *Options) { o.DrainOver = 50 * time.Millisecond })
	var raw, sockjs []*client
	for range 10 {
		raw = append(raw, n.dial(t, "ann", "/stomp"))
		sockjs = append(sockjs, n.dial(t, "ann", sockjsPath))
	}
	for _, c := range append(raw, sockjs...) {
		c.connect()
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, n.stomp.Drain(ctx))
	for _, c := range append(raw, sockjs...) {
		require.Equal(t, ws.StatusCode(1012), c.end())
	}
	require.Equal(t, []string{"o", `c[1012,"Service restart"]`}, sockjs[0].other)
	code, _ := bodyOf2(t, n, http.MethodPost, "/chat/000/abc/xhr", "ann")
	require.Equal(t, http.StatusServiceUnavailable, code)
}

func TestPresenceTypingAndMe(t *testing.T) {
	w := livetest.NewWorld()
	n := newNode(t, w, nil, nil)
	room := w.Room("games", "ann", "bob")
	c := n.dial(t, "ann", "/stomp")
	c.connect()
	c.follow("p", "/topic/presence/games")
	c.follow("t", "/topic/typing/games")
	c.follow("me", "/topic/me")
	b := n.enter(t, "bob", sockjsPath, "games")
	c.messages("p", 2) // of both
	n.hub.SetTyping(livetest.Who("bob"), room.Ref(), true)
	c.messages("t", 1)
	w.Post(n.hub, room, "bob", "written")
	b.close()
	require.JSONEq(t, `{"login":"bob","status":"offline"}`, string(c.messages("p", 3)[2].body))
	require.JSONEq(t, `{"login":"bob","status":"online"}`, string(c.messages("p", 3)[1].body))
	require.JSONEq(t, `{"login":"bob","typing":true}`, string(c.messages("t", 2)[0].body))
	require.JSONEq(t, `{"login":"bob","typing":false}`, string(c.messages("t", 2)[1].body))
	at := chat.Place{Tenant: livetest.Tenant, Room: room.Ref()}
	for _, login := range []string{"bob", "ann"} {
		n.hub.Publish(t.Context(), chat.MuteChanged{Place: at, Login: login, Muted: login == "ann"})
	}
	f := c.messages("me", 1)[0]
	require.True(t, hasAll(f, []string{"destination:/topic/me", "event:mute"}))
	require.JSONEq(t, `{"roomName":"games","muted":true}`, string(f.body))
}
