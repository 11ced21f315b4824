package sse_test

import (
	"bufio"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/inbox"
	"github.com/confab-chat/confab/pkg/live"
	"github.com/confab-chat/confab/pkg/sse"
	"github.com/confab-chat/confab/pkg/store"
	"github.com/confab-chat/confab/pkg/store/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const app = chat.Tenant("app")

var ann = chat.Identity{Tenant: app, Login: "ann"}

// texts is an encoder whose messages are their contents.
type texts struct{}

func (texts) Message(i sse.Item) (string, []byte) {
	b, _ := json.Marshal(i.Content)
	return i.ID.String(), b
}
func (texts) Recall(i sse.Item) []byte  { return []byte(`"` + i.To + `"`) }
func (texts) Rewrite(i sse.Item) []byte { b, _ := json.Marshal(i.Content); return b }

// world is a store, a hub, and servers of streams that share both.
type world struct {
	*testing.T
	store.Store
	hub     *live.Hub
	boxes   *inbox.Service
	servers []*sse.Server
	web     []*httptest.Server
	ids     *id.Generator
	log     chat.Log

	mu    sync.Mutex
	why   sse.Reason
	until time.Time
	told  []chat.Status
}

func newWorld(t *testing.T, servers int) *world {
	st, err := embedded.Open(t.TempDir(), embedded.Options{Logger: slog.New(slog.DiscardHandler), CacheBytes: 1 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	w := &world{T: t, Store: st, ids: id.NewGenerator(nil), boxes: inbox.New(inbox.Options{Store: st})}
	w.log = chat.Log{Tenant: app, ID: w.ids.New()}
	rooms := chat.NewReader(chat.ReaderOptions{Store: st, Now: time.Now})
	t.Cleanup(rooms.Close)
	w.hub, err = live.New(live.Options{History: rooms.History(), Access: rooms.Admit, Inside: rooms.Inside, RoomsOf: st.RoomsOf, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.hub.Close()) })
	for range servers {
		s := sse.New(sse.Options{Hub: w.hub, Boxes: w.boxes, Messages: st.MessagesByID, Room: st.Room, Encode: texts{}, Now: time.Now, Log: slog.New(slog.DiscardHandler),
			Check: func(context.Context, auth.Login) (sse.Reason, time.Time, error) {
				w.mu.Lock()
				defer w.mu.Unlock()
				return w.why, w.until, nil
			},
			Status: func(_ context.Context, _ chat.Tenant, _ chat.Person, s chat.Status) error {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.told = append(w.told, s)
				return nil
			}})
		w.servers = append(w.servers, s)
		t.Cleanup(s.Close)
		web := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			err := s.Open(rw, r, sse.Session{Login: auth.Login{Identity: ann}, Name: "ann", Device: r.URL.Query().Get("device")})
			if err != nil {
				http.Error(rw, err.Error(), http.StatusForbidden)
			}
		}))
		w.web = append(w.web, web)
		t.Cleanup(web.Close)
	}
	return w
}

// client is a stream as its client sees it.
type client struct {
	*testing.T
	resp *http.Response
	read *bufio.Scanner
}

func (w *world) open(server int, device string) *client {
	w.Helper()
	resp, err := w.web[server].Client().Get(w.web[server].URL + "?device=" + device)
	require.NoError(w, err)
	w.Cleanup(func() { resp.Body.Close() })
	require.Equal(w, http.StatusOK, resp.StatusCode)
	c := &client{w.T, resp, bufio.NewScanner(resp.Body)}
	c.read.Buffer(nil, 1<<20)
	require.Equal(w, `ready {"resource":"`+device+`"}`, c.next())
	return c
}

// next returns the next event as its name and data; "end" if there is none, and other lines as they are.
func (c *client) next() string {
	name := ""
	for c.read.Scan() {
		line := c.read.Text()
		switch key, value, _ := strings.Cut(line, ": "); key {
		case "event":
			name = value
		case "data":
			return name + " " + value
		case "id", "":
		default:
			return line
		}
	}
	return "end"
}

func (c *client) gets(want ...string) {
	c.Helper()
	for _, w := range want {
		require.Equal(c, w, c.next())
	}
}

// send puts a message into the mailbox, and stores it unless its text is empty.
func (w *world) send(at id.ID, text string) id.ID {
	w.Helper()
	if text != "" {
		m := chat.Message{ID: at, Author: chat.Person{FirstName: "bob"}, Content: text, Payload: chat.Payload{To: "ann"}}
		require.NoError(w, w.AppendBatch(w.Context(), w.log, []chat.Message{m}))
	}
	require.NoError(w, w.boxes.Append(w.Context(), ann, inbox.Ref{Log: w.log.ID, Message: at, Reason: inbox.ToUser}))
	w.hub.Signal(sse.MailArrived, sse.ArrivedKey(app, []string{"zoe", "ann"}))
	return at
}

func TestWhatWaitsComesInOrderAndThenWhatComesIn(t *testing.T) {
	w := newWorld(t, 1)
	one, two, three := w.ids.New(), w.ids.New(), w.ids.New()
	w.send(three, "three")
	w.send(one, "one")
	w.send(two, "two")
	c := w.open(0, "phone")
	c.gets(`message "one"`, `message "two"`, `message "three"`)
	w.send(w.ids.New(), "four")
	c.gets(`message "four"`)
	_, err := w.boxes.Acknowledge(t.Context(), ann, []id.ID{one, three})
	require.NoError(t, err)
	w.open(0, "tablet").gets(`message "two"`, `message "four"`)
	require.Equal(t, []string{"phone", "tablet"}, w.hub.Devices(ann))
}

func TestAReferenceWaitsForItsMessage(t *testing.T) {
	w := newWorld(t, 1)
	c := w.open(0, "phone")
	m := w.send(w.ids.New(), "")
	w.send(w.ids.New(), "later")
	c.gets(`message "later"`)
	require.NoError(t, w.AppendBatch(t.Context(), w.log, []chat.Message{{ID: m, Author: chat.Person{FirstName: "bob"}, Content: "stored"}}))
	w.hub.Signal(sse.MailArrived, sse.ArrivedKey(app, []string{"ann"}))
	c.gets(`message "stored"`)
}

func TestWhatWasRecalledIsNotShown(t *testing.T) {
	w := newWorld(t, 1)
	c := w.open(0, "phone")
	m := w.send(w.ids.New(), "one")
	c.gets(`message "one"`)
	changes := func(change chat.Change) {
		_, err := w.ChangeMessage(t.Context(), w.log, m, func(now chat.Message) (chat.Change, error) {
			change.ID, change.Payload = w.ids.New(), now.Payload
			return change, nil
		})
		require.NoError(t, err)
		w.hub.Signal(sse.MailChanged, sse.ChangedKey(w.log, chat.Letter{Message: m, Login: "ann"}))
	}
	changes(chat.Change{Kind: chat.Edit, Content: "other"})
	c.gets(`rewrite "other"`)
	changes(chat.Change{Kind: chat.Delete})
	c.gets(`recall "ann"`)
	w.send(w.ids.New(), "two")
	w.open(0, "tablet").gets(`message "two"`)
	n, err := w.boxes.Count(t.Context(), ann, id.ID{})
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
}

// Two servers: a name is that of one stream, wherever it is.
func TestAStreamReplacesAnOlderOneOfItsName(t *testing.T) {
	w := newWorld(t, 2)
	first, other := w.open(0, "phone"), w.open(0, "tablet")
	second := w.open(1, "phone")
	first.gets(`close {"reason":"replaced"}`, "end")
	third := w.open(1, "phone")
	second.gets(`close {"reason":"replaced"}`, "end")
	w.send(w.ids.New(), "hello")
	third.gets(`message "hello"`)
	other.gets(`message "hello"`)
}

func TestStreamsEnd(t *testing.T) {
	w := newWorld(t, 2)
	phone, tablet, far := w.open(0, "phone"), w.open(0, "tablet"), w.open(1, "far")
	w.servers[0].End(ann, "phone", sse.Disconnected)
	phone.gets(`close {"reason":"disconnected"}`, "end")
	w.servers[1].End(ann, "", sse.Password)
	tablet.gets(`close {"reason":"password"}`, "end")
	far.gets(`close {"reason":"password"}`, "end")

	c := w.open(0, "phone")
	w.servers[1].EndAll(app, sse.Deleted)
	c.gets(`close {"reason":"deleted"}`, "end")

	c = w.open(0, "phone")
	w.mu.Lock()
	w.until = time.Now()
	w.mu.Unlock()
	for _, s := range w.servers {
		s.Recheck(t.Context(), func(auth.Login) bool { return true })
	}
	c.gets(`close {"reason":"expired"}`, "end")
	w.mu.Lock()
	w.until = time.Time{}
	w.mu.Unlock()

	c = w.open(0, "phone")
	w.mu.Lock()
	w.why = sse.Deactivated
	w.mu.Unlock()
	w.servers[0].Recheck(t.Context(), func(auth.Login) bool { return true })
	c.gets(`close {"reason":"deactivated"}`, "end")
}

func TestAUserHasSixteenStreams(t *testing.T) {
	w := newWorld(t, 2)
	for i := range sse.MaxStreams {
		w.open(i%2, string(rune('a'+i)))
	}
	resp, err := w.web[0].Client().Get(w.web[0].URL + "?device=z")
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusForbidden, resp.StatusCode)
	w.open(1, "a") // which takes the place of one
}

func TestAServerThatStopsSaysWhenToComeAgain(t *testing.T) {
	w := newWorld(t, 1)
	c := w.open(0, "phone")
	w.servers[0].Drain()
	require.Regexp(t, `^retry: \d{4}$`, c.next())
	c.gets("end")
	require.Equal(t, []chat.Status{{Reason: "login", Online: true, Resource: "phone"}, {Reason: "replaced", Resource: "phone"}}, w.told)
	resp, err := w.web[0].Client().Get(w.web[0].URL)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusForbidden, resp.StatusCode)
}

// Messages of chat rooms come to those who are connected, and wait for nobody; those of groups come to mailboxes.
func TestMessagesOfChatRooms(t *testing.T) {
	w := newWorld(t, 1)
	event := func(kind chat.RoomKind, name string) chat.MessagePosted {
		r := chat.Room{ID: w.ids.New(), Name: "_" + name, Creator: chat.Person{Login: "ann"}, Settings: chat.RoomSettings{Kind: kind, Owner: "ann"}}
		require.NoError(t, w.CreateRoom(t.Context(), app, r))
		return chat.MessagePosted{Place: chat.Place{Tenant: app, Room: r.Ref()}, Message: chat.Message{ID: w.ids.New(), Author: chat.Person{Login: "bob"}, Content: name}}
	}
	group, room := event(chat.GroupRoom, "group"), event(chat.ChatRoom, "room")
	c := w.open(0, "phone")
	own := room
	own.Message = chat.Message{ID: w.ids.New(), Author: chat.Person{Login: "ann"}, Content: "own"}
	w.hub.Publish(t.Context(), group, own, room)
	c.gets(`message "room"`)
	w.hub.Publish(t.Context(), chat.MessageChanged{Place: group.Place, Change: w.ids.New(), Kind: chat.Delete, Message: group.Message})
	c.gets(`recall ""`)
}

// A client that does not read is ended when too much waits for it; it does not hold the hub.
func TestAStreamThatDoesNotKeepUp(t *testing.T) {
	w := newWorld(t, 1)
	r := chat.Room{ID: w.ids.New(), Name: "_room", Creator: chat.Person{Login: "ann"}, Settings: chat.RoomSettings{Kind: chat.ChatRoom, Owner: "ann"}}
	require.NoError(t, w.CreateRoom(t.Context(), app, r))
	c := w.open(0, "phone")
	text := strings.Repeat("x", 60_000)
	for range 2000 { // more than sockets and queues hold
		w.hub.Publish(t.Context(), chat.MessagePosted{Place: chat.Place{Tenant: app, Room: r.Ref()},
			Message: chat.Message{ID: w.ids.New(), Author: chat.Person{Login: "bob"}, Content: text}})
	}
	last, n := "", 0
	for e := c.next(); e != "end"; e, n = c.next(), n+1 {
		last = e
	}
	require.Equal(t, `close {"reason":"slow"}`, last)
	require.Less(t, n, 2000)
}
