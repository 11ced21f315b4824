package server_test

import (
	"encoding/json"
	"io"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/stomp"
)

// absent is the name of a room that there never was, as the server makes them.
const absent = "_1426424615121000"

var stamps = regexp.MustCompile(`"timestamp":("[^"]*"|\d+)`)

// privateRooms creates a room of each kind that a stranger may not see, with a message in each. All are the creator's, and
// the member is in them.
func (p *party) privateRooms() map[string]string {
	p.t.Helper()
	ctx := p.t.Context()
	creator := chat.Identity{Tenant: chat.DefaultTenant, Login: p.logins["creator"]}
	member := p.logins["member"]
	private, err := p.chat.CreateRoom(ctx, creator, chat.NewRoom{Kind: chat.PrivateRoom, Title: new("Secrets")})
	require.NoError(p.t, err)
	app := chat.Principal{Identity: creator, App: true}
	_, err = p.chat.AddMembers(ctx, app, private.Name, []string{member})
	require.NoError(p.t, err)
	group, err := p.chat.CreateGroup(ctx, app, chat.NewGroup{Members: []string{member},
		Settings: chat.RoomSettings{Kind: chat.GroupRoom, Title: "Secrets", MaxMembers: 10}})
	require.NoError(p.t, err)
	direct, _, err := p.chat.OpenDirect(ctx, creator, []string{member})
	require.NoError(p.t, err)
	return map[string]string{"private": private.Name, "group": group.Name, "direct": direct.Name}
}

// namesARoom reports whether requests of a route can name a room.
func namesARoom(rt api.Route) bool {
	return strings.Contains(rt.Path, "{room}") || strings.Contains(rt.Path, "/rooms") || strings.HasSuffix(rt.Path, "/messages")
}

// Whatever a stranger asks about a room that they may not see, the answer is that about a room that does not exist. Of
// KillrChat's mounts that holds for everybody.
func TestStrangersDoNotFindRooms(t *testing.T) {
	m := newMatrix(t)
	p := m.party()
	rooms := p.privateRooms()
	messages := map[string]string{}
	for kind, name := range rooms {
		posted, err := p.chat.Post(t.Context(), chat.Identity{Tenant: chat.DefaultTenant, Login: p.logins["creator"]}, name, chat.NewMessage{Content: new("hello")})
		require.NoError(t, err)
		messages[kind] = posted.ID.String()
	}
	tried := 0
	m.each(func(method string, rt api.Route, op api.Operation) {
		if isSocket(rt) || !namesARoom(rt) || op.Who == api.Administrator {
			return
		}
		callers := []string{"stranger"}
		if isPlain(rt.Path) {
			callers = append(callers, "creator", "member")
		}
		for _, caller := range callers {
			for kind, name := range rooms {
				p.message = messages[kind]
				for _, query := range []string{"", "id=" + name + "&id=x.x"} {
					status, text := p.about(name, caller, method, rt, query)
					wantStatus, want := p.about(absent, caller, method, rt, strings.ReplaceAll(query, name, absent))
					require.Equal(t, wantStatus, status, "%s %s about a %s room by %s: %s", method, rt.Path, kind, caller, text)
					require.Equal(t, normal(want, absent), normal(text, name), "%s %s about a %s room by %s", method, rt.Path, kind, caller)
					tried++
				}
			}
		}
	})
	require.Greater(t, tried, 300)
	for kind, name := range rooms {
		require.Contains(t, p.do("member", "GET", "/messages/"+name, ""), messages[kind], "nothing has changed")
		require.NotContains(t, p.do("stranger", "GET", "/users/"+p.logins["member"], ""), name)
		require.NotContains(t, p.do("stranger", "GET", "/rooms", ""), name)
		_, own := p.send("member", "GET", "/users/"+p.logins["member"], "", "", "")
		require.NotContains(t, own, name, "not on KillrChat's mounts")
	}
}

// about calls an operation about a room.
func (p *party) about(room, caller, method string, rt api.Route, query string) (int, string) {
	p.t.Helper()
	was := p.room
	defer func() { p.room = was }()
	p.room = room
	if query != "" {
		rt.Path += "?" + query
	}
	return p.call(caller, method, rt, "")
}

// normal is an answer without what differs between rooms that are answered for in the same way.
func normal(answer, room string) string {
	return stamps.ReplaceAllString(strings.ReplaceAll(answer, room, "ROOM"), "")
}

// No subscription finds a room that its user may not see.
func TestStrangersDoNotSubscribe(t *testing.T) {
	m := newMatrix(t)
	p := m.party()
	s := httptest.NewServer(m.h)
	t.Cleanup(s.Close)
	rooms := p.privateRooms()
	for _, c := range []struct {
		mount, path, caller string
		extra               bool
	}{
		{"v1", "/api/chat/v1/stomp", "stranger", true},
		{"killrchat", "/killrchat/chat/000/abcdefgh/websocket", "stranger", false},
		{"killrchat", "/killrchat/chat/000/bcdefghi/websocket", "member", false},
	} {
		for _, topic := range stomp.Topics(c.extra) {
			if !strings.Contains(topic, "{room}") {
				continue
			}
			want := p.refusal(s.URL, c.path, c.caller, c.mount, strings.ReplaceAll(topic, "{room}", absent))
			require.Contains(t, want, "ERROR")
			for kind, name := range rooms {
				got := p.refusal(s.URL, c.path, c.caller, c.mount, strings.ReplaceAll(topic, "{room}", name))
				require.Equal(t, normal(want, absent), normal(got, name), "%s of a %s room on %s by %s", topic, kind, c.mount, c.caller)
			}
		}
	}
	// The member subscribes where all rooms are shown.
	got := p.refusal(s.URL, "/api/chat/v1/stomp", "member", "v1", "/topic/messages/"+rooms["private"])
	require.Contains(t, got, "RECEIPT")
}

// refusal subscribes to a destination and returns the frame that answers.
func (p *party) refusal(web, path, caller, mount, destination string) string {
	p.t.Helper()
	r := httptest.NewRequest("GET", "/", nil)
	p.callers[caller](r)
	d := ws.Dialer{Header: ws.HandshakeHeaderHTTP{"Cookie": {r.Header.Get("Cookie")}}}
	conn, br, _, err := d.Dial(p.t.Context(), "ws"+strings.TrimPrefix(web, "http")+path)
	require.NoError(p.t, err)
	defer conn.Close()
	var in io.Reader = conn
	if br != nil {
		in = io.MultiReader(io.LimitReader(br, int64(br.Buffered())), conn)
	}
	send := func(frame string) {
		b := []byte(frame)
		if mount == "killrchat" {
			b, err = json.Marshal([]string{frame})
			require.NoError(p.t, err)
		}
		require.NoError(p.t, wsutil.WriteClientText(conn, b))
	}
	send("CONNECT\naccept-version:1.2\nheart-beat:0,0\n\n\x00")
	send("SUBSCRIBE\nid:1\ndestination:" + destination + "\nreceipt:r\n\n\x00")
	for {
		b, _, err := wsutil.ReadServerData(struct {
			io.Reader
			io.Writer
		}{in, conn})
		require.NoError(p.t, err)
		for _, command := range []string{"ERROR", "RECEIPT"} {
			if at := strings.Index(string(b), command); at >= 0 {
				return string(b[at:])
			}
		}
	}
}
