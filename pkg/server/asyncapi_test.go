package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/server"
	"github.com/confab-chat/confab/pkg/stomp"
	"github.com/confab-chat/confab/schema"
)

// shape is a message of the description of what comes in real time.
type shape struct {
	name             string // channel.message
	command, address string
	headers, payload *jsonschema.Schema // payload is nil where there is none
}

// realtime is that description, for each of its servers.
type realtime struct {
	shapes    map[string][]shape
	addresses map[string][]string
}

func describedRealtime(t *testing.T) realtime {
	t.Helper()
	const base = "https://example.org/docs/"
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	var doc map[string]any
	for name, text := range map[string][]byte{"openapi.yaml": schema.OpenAPI, "asyncapi.yaml": schema.AsyncAPI} {
		var v any
		require.NoError(t, yaml.Unmarshal(text, &v), name)
		b, err := json.Marshal(v)
		require.NoError(t, err)
		v, err = jsonschema.UnmarshalJSON(bytes.NewReader(b))
		require.NoError(t, err)
		require.NoError(t, compiler.AddResource(base+name, v))
		if name == "asyncapi.yaml" {
			doc = v.(map[string]any)
		}
	}
	at := func(v any, path ...string) any {
		for _, p := range path {
			v = v.(map[string]any)[p]
		}
		return v
	}
	last := func(ref any) string {
		s := at(ref, "$ref").(string)
		return s[strings.LastIndex(s, "/")+1:]
	}
	out := realtime{map[string][]shape{}, map[string][]string{}}
	for channel, c := range at(doc, "channels").(map[string]any) {
		address, _ := at(c, "address").(string)
		for _, s := range at(c, "servers").([]any) {
			server := last(s)
			if address != "" {
				out.addresses[server] = append(out.addresses[server], address)
			}
			for name, ref := range at(c, "messages").(map[string]any) {
				m := at(doc, "components", "messages", last(ref)).(map[string]any)
				where := base + "asyncapi.yaml#/components/messages/" + last(ref)
				sh := shape{name: channel + "." + name, command: m["name"].(string), address: address}
				var err error
				sh.headers, err = compiler.Compile(where + "/headers")
				require.NoError(t, err)
				if m["payload"] != nil {
					sh.payload, err = compiler.Compile(where + "/payload")
					require.NoError(t, err)
				}
				for _, x := range m["examples"].([]any) {
					require.NoError(t, sh.headers.Validate(at(x, "headers")), "an example of %s", sh.name)
					if sh.payload != nil {
						require.NoError(t, sh.payload.Validate(at(x, "payload")), "an example of %s", sh.name)
					}
				}
				out.shapes[server] = append(out.shapes[server], sh)
			}
		}
	}
	return out
}

// stompFrame is a frame as it was sent or received.
type stompFrame struct {
	command string
	headers map[string]any
	body    string
}

// find returns the one message of the description that the frame is.
func (d realtime) find(t *testing.T, server string, f stompFrame) string {
	t.Helper()
	var is []string
	var faults []error
	for _, s := range d.shapes[server] {
		destination, _ := f.headers["destination"].(string)
		prefix, _, named := strings.Cut(s.address, "{room}")
		if s.command != f.command || f.command == "MESSAGE" && (!strings.HasPrefix(destination, prefix) || !named && destination != s.address) {
			continue
		}
		err := s.headers.Validate(f.headers)
		if err == nil && s.payload != nil {
			var body any = f.body
			if strings.HasPrefix(f.headers["content-type"].(string), "application/json") {
				body, err = jsonschema.UnmarshalJSON(strings.NewReader(f.body))
				require.NoError(t, err, f.body)
			}
			err = s.payload.Validate(body)
		}
		if err != nil {
			faults = append(faults, err)
			continue
		}
		is = append(is, s.name)
	}
	require.Len(t, is, 1, "%s %v %s is not one message of the description: %v", f.command, f.headers, f.body, faults)
	return is[0]
}

// socket is a STOMP client that holds each frame to the description.
type socket struct {
	t        *testing.T
	doc      realtime
	server   string
	conn     net.Conn
	received chan string // texts of STOMP
	seen     map[string]bool
	rest     string
}

func dial(t *testing.T, doc realtime, web, server, path string, cookie *http.Cookie) *socket {
	t.Helper()
	d := ws.Dialer{Header: ws.HandshakeHeaderHTTP{"Cookie": {cookie.String()}}}
	conn, br, _, err := d.Dial(t.Context(), "ws"+strings.TrimPrefix(web, "http")+path)
	require.NoError(t, err)
	s := &socket{t: t, doc: doc, server: server, conn: conn, received: make(chan string, 1000), seen: map[string]bool{}}
	var in io.Reader = conn
	if br != nil {
		in = io.MultiReader(io.LimitReader(br, int64(br.Buffered())), conn)
	}
	go func() {
		defer close(s.received)
		for {
			b, _, err := wsutil.ReadServerData(struct {
				io.Reader
				io.Writer
			}{in, conn})
			if err != nil {
				return
			}
			texts := []string{string(b)}
			if server == "killrchat" {
				texts = nil
				if b[0] != 'a' || json.Unmarshal(b[1:], &texts) != nil {
					continue
				}
			}
			for _, text := range texts {
				s.received <- text
			}
		}
	}()
	t.Cleanup(s.close)
	s.send("CONNECT", "accept-version", "1.2", "heart-beat", "0,0")
	s.wait("frames.connected")
	return s
}

// close ends the connection and waits for its reader.
func (s *socket) close() {
	_ = s.conn.Close()
	for range s.received {
	}
}

func (s *socket) send(command string, headers ...string) {
	s.t.Helper()
	f := stompFrame{command: command, headers: map[string]any{}}
	text := command + "\n"
	for i := 0; i+1 < len(headers); i += 2 {
		f.headers[headers[i]] = headers[i+1]
		text += headers[i] + ":" + headers[i+1] + "\n"
	}
	text += "\n\x00"
	if command != "SEND" {
		s.seen[s.doc.find(s.t, s.server, f)] = true
	}
	if s.server == "killrchat" {
		b, err := json.Marshal([]string{text})
		require.NoError(s.t, err)
		text = string(b)
	}
	require.NoError(s.t, wsutil.WriteClientText(s.conn, []byte(text)))
}

// wait receives until a message of that name has come.
func (s *socket) wait(name string) {
	s.t.Helper()
	late := time.After(10 * time.Second)
	for delete(s.seen, name); !s.seen[name]; {
		text, rest, whole := strings.Cut(strings.TrimLeft(s.rest, "\n"), "\x00")
		if !whole {
			select {
			case more, ok := <-s.received:
				require.True(s.t, ok, "the connection ended before %s came", name)
				s.rest += more
			case <-late:
				require.FailNow(s.t, "nothing came", "%s on %s; %v came", name, s.server, s.seen)
			}
			continue
		}
		s.rest = rest
		head, body, _ := strings.Cut(text, "\n\n")
		lines := strings.Split(head, "\n")
		f := stompFrame{command: lines[0], headers: map[string]any{}, body: body}
		for _, l := range lines[1:] {
			k, v, _ := strings.Cut(l, ":")
			f.headers[k] = v
		}
		s.seen[s.doc.find(s.t, s.server, f)] = true
		if f.command == "MESSAGE" {
			require.Equal(s.t, fmt.Sprint(len(body)), f.headers["content-length"])
		}
	}
}

func (s *socket) subscribe(id, destination string, headers ...string) {
	s.t.Helper()
	s.send("SUBSCRIBE", append([]string{"id", id, "destination", destination, "receipt", "r-" + id}, headers...)...)
	if slices.Contains(headers, "after") {
		s.wait("frames.recovered")
	} else {
		s.wait("frames.receipt")
	}
}

// The topics that the server has are those that are described.
func TestTheTopicsAreDescribed(t *testing.T) {
	doc := describedRealtime(t)
	require.ElementsMatch(t, stomp.Topics(true), doc.addresses["v1"])
	require.ElementsMatch(t, stomp.Topics(false), doc.addresses["killrchat"])
}

// Every frame that a server sends is one of those that are described, and every one that is described is sent.
func TestWhatComesInRealTimeIsDescribed(t *testing.T) {
	doc := describedRealtime(t)
	n, err := server.New(t.Context(), server.Config{Hashes: 1, HashCost: auth.CheapForTests, Log: quiet}, open(t))
	require.NoError(t, err)
	t.Cleanup(n.Close)
	web := httptest.NewServer(n.Handler)
	t.Cleanup(web.Close)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	cookies := map[string]*http.Cookie{}
	call := func(login, method, path, body string) map[string]any {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, web.URL+"/api/chat/v1"+path, strings.NewReader(body))
		require.NoError(t, err)
		if r.Header.Set("Content-Type", "application/json"); cookies[login] != nil {
			r.AddCookie(cookies[login])
		}
		res, err := client.Do(r)
		require.NoError(t, err)
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.Less(t, res.StatusCode, 300, "%s %s: %s", method, path, text)
		for _, c := range res.Cookies() {
			cookies[login] = c
		}
		var out map[string]any
		_ = json.Unmarshal(text, &out) // some answers have no body
		return out
	}
	for _, login := range []string{"jdoe", "hsue"} {
		call("", "POST", "/users", fmt.Sprintf(`{"login":%q,"password":"correct horse","firstname":"A","lastname":"B"}`, login))
		call(login, "POST", "/authenticate", fmt.Sprintf(`{"login":%q,"password":"correct horse"}`, login))
	}
	call("jdoe", "POST", "/rooms", `{"roomName":"Dallas"}`)

	v1 := dial(t, doc, web.URL, "v1", "/api/chat/v1/stomp", cookies["jdoe"])
	k := dial(t, doc, web.URL, "killrchat", "/killrchat/chat/000/abcdefgh/websocket", cookies["jdoe"])
	v1.subscribe("me", "/topic/me", "skip", "none")
	for _, topic := range []string{"messages", "participants", "action", "presence", "typing"} {
		v1.subscribe(topic, "/topic/"+topic+"/Dallas")
	}
	for _, topic := range []string{"messages", "participants", "action"} {
		k.subscribe(topic, "/topic/"+topic+"/Dallas")
	}
	both := func(name string) {
		t.Helper()
		v1.wait(name)
		k.wait(strings.Replace(name, "messages.", "killrchatMessages.", 1))
	}

	call("hsue", "PUT", "/rooms/participant/Dallas", "")
	both("participants.joined")
	both("messages.posted")
	other := dial(t, doc, web.URL, "v1", "/api/chat/v1/stomp", cookies["hsue"])
	other.subscribe("m", "/topic/messages/Dallas")
	v1.wait("presence.changed")
	first := call("hsue", "POST", "/messages/Dallas", `{"content":"Who shot J. R.?"}`)["messageId"].(string)
	both("messages.posted")
	v1.wait("me.message")
	call("hsue", "PATCH", "/messages/Dallas/"+first, `{"content":"Who shot J.R.?"}`)
	v1.wait("messages.changed")
	v1.wait("me.change")
	call("hsue", "PUT", "/messages/Dallas/"+first+"/reactions/%F0%9F%91%8D", "")
	v1.wait("messages.changed")
	call("hsue", "POST", "/messages/Dallas", `{"content":"Nobody knows.","replyTo":"`+first+`"}`)
	both("messages.posted")
	call("hsue", "DELETE", "/messages/Dallas/"+first, "")
	v1.wait("messages.changed")
	call("hsue", "PUT", "/rooms/Dallas/typing", `{"typing":true}`)
	v1.wait("typing.changed")
	other.send("DISCONNECT", "receipt", "r")
	other.wait("frames.receipt")
	v1.wait("presence.changed")
	call("hsue", "PUT", "/users/hsue", `{"firstname":"Helen","lastname":"Sue"}`)
	v1.wait("me.renamed")
	call("jdoe", "PUT", "/rooms/Dallas/read", `{"messageId":"`+first+`"}`)
	v1.wait("me.read")
	call("jdoe", "PUT", "/rooms/Dallas/unread", `{"messageId":"`+first+`"}`)
	v1.wait("me.read")
	call("jdoe", "PUT", "/rooms/Dallas/mute", `{"muted":true}`)
	v1.wait("me.mute")

	jdoe := chat.Identity{Tenant: chat.DefaultTenant, Login: "jdoe"}
	hsue := chat.Identity{Tenant: chat.DefaultTenant, Login: "hsue"}
	_, err = n.Chat.ChangeRoom(t.Context(), jdoe.Principal(), "Dallas", chat.RoomChange{Title: new("Southfork")})
	require.NoError(t, err)
	v1.wait("me.room")
	_, err = n.Chat.SetAdmin(t.Context(), jdoe.Principal(), "Dallas", "hsue", true)
	require.NoError(t, err)
	v1.wait("me.member")
	until := time.Now().Add(time.Hour)
	require.NoError(t, n.Chat.List(t.Context(), jdoe.Principal(), "Dallas", chat.MuteList, []string{"hsue"}, until, "noise"))
	v1.wait("me.member")
	private, err := n.Chat.CreateRoom(t.Context(), hsue, chat.NewRoom{Kind: chat.PrivateRoom, Title: new("Secrets")})
	require.NoError(t, err)
	require.NoError(t, n.Chat.Invite(t.Context(), hsue, private.Name, []string{"jdoe"}, ""))
	v1.wait("me.invited")

	for _, s := range []*socket{v1, k} {
		s.send("UNSUBSCRIBE", "id", "messages", "receipt", "r-u")
		s.wait("frames.receipt")
		s.subscribe("messages", "/topic/messages/Dallas", "after", first)
	}
	both("messages.posted") // it was replayed

	call("hsue", "DELETE", "/rooms/participant/Dallas", "")
	both("participants.left")
	call("hsue", "POST", "/rooms", `{"roomName":"Twin_Peaks"}`)
	call("jdoe", "PUT", "/rooms/participant/Twin_Peaks", "")
	v1.wait("me.joined")
	call("jdoe", "DELETE", "/rooms/participant/Twin_Peaks", "")
	v1.wait("me.left")
	call("jdoe", "DELETE", "/rooms/Dallas", "")
	both("action.deleted")
	v1.wait("me.deleted")
	for _, s := range []*socket{v1, k} {
		s.send("SEND", "destination", "/topic/me")
		s.wait("frames.error")
		last := dial(t, doc, web.URL, s.server, map[string]string{"v1": "/api/chat/v1/stomp", "killrchat": "/killrchat/chat/000/bcdefghi/websocket"}[s.server], cookies["jdoe"])
		last.send("DISCONNECT", "receipt", "r")
		last.wait("frames.receipt")
		for _, sh := range doc.shapes[s.server] {
			require.True(t, s.seen[sh.name] || last.seen[sh.name], "%s of %s is described, and nothing like it was sent", sh.name, s.server)
		}
	}
}
