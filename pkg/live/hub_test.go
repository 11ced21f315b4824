package live_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/live"
	"github.com/confab-chat/confab/pkg/live/livetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// recorder is a Subscriber that records what it receives.
type recorder struct {
	mu       sync.Mutex
	received []string
	ids      map[id.ID]int
	// changes are the contents of messages after changes.
	changes []string
	ended   bool
	lost    bool
}

func (e *recorder) Deliver(d *live.Delivery) {
	e.mu.Lock()
	defer e.mu.Unlock()
	text := ""
	switch v := d.Event.(type) {
	case chat.MessagePosted:
		text = v.Message.Content
		if e.ids == nil {
			e.ids = make(map[id.ID]int)
		}
		e.ids[v.Message.ID]++
	case chat.MessageChanged:
		e.changes = append(e.changes, v.Message.Content)
		return
	case chat.ParticipantJoined:
		text = "+" + v.Person.Login
	case chat.ParticipantLeft:
		text = "-" + v.Person.Login
	case chat.RoomDeleted:
		text = "deleted by " + v.By
	case live.PresenceChanged:
		text = fmt.Sprint(v.Login, " ", v.Online)
	case live.TypingChanged:
		text = fmt.Sprint(v.Login, " ", v.Typing)
	}
	e.received = append(e.received, text)
}

func (e *recorder) Ended() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ended = true
}

func (e *recorder) Lost() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lost = true
}

// hasEnded reports whether the subscription has ended.
func (e *recorder) hasEnded() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ended
}

func (e *recorder) all() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string{}, e.received...)
}

func (e *recorder) changed() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string{}, e.changes...)
}

// await waits until exactly want has been received.
func (e *recorder) await(t testing.TB, want ...string) {
	t.Helper()
	eventually(t, func() bool { return len(e.all()) >= len(want) })
	require.Equal(t, want, e.all())
}

func eventually(t testing.TB, f func() bool) {
	t.Helper()
	require.Eventually(t, f, patience, time.Millisecond)
}

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func hub(t testing.TB, w *livetest.World, bus live.Bus) *live.Hub {
	return hubOf(t, live.Options{Bus: bus, History: w, Access: w.Access})
}

func hubOf(t testing.TB, o live.Options) *live.Hub {
	o.Log, o.Beat, o.PeerLost, o.TypingFor = quiet, 10*time.Millisecond, 2*time.Second, 200*time.Millisecond
	h, err := live.New(o)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, h.Close())
		if o.Bus != nil {
			require.NoError(t, o.Bus.Close())
		}
	})
	return h
}

func listen(t testing.TB, h *live.Hub, login, room string, kind live.Kind) (*recorder, *live.Subscription) {
	e := &recorder{}
	s, err := h.Subscribe(context.Background(), livetest.Who(login), room, kind, e, false)
	require.NoError(t, err)
	return e, s
}

// pair returns two connected hubs.
func pair(t testing.TB, w *livetest.World) (x *live.Exchange, a, b *live.Hub, busA, busB live.Bus) {
	x = live.NewExchange()
	busA, busB = x.Bus(), x.Bus()
	a, b = hub(t, w, busA), hub(t, w, busB)
	livetest.Settled(t, a, b)
	return x, a, b, busA, busB
}

func TestEventsReachBothNodesInOrder(t *testing.T) {
	w := livetest.NewWorld()
	_, a, b, _, _ := pair(t, w)
	room, other := w.Room("games", "ann", "bob"), w.Room("other", "ann")
	var recorders []*recorder
	for _, h := range []*live.Hub{a, b} {
		e := &recorder{}
		for _, kind := range []live.Kind{live.Messages, live.Participants, live.Action} {
			_, err := h.Subscribe(t.Context(), livetest.Who("ann"), "games", kind, e, false)
			require.NoError(t, err)
		}
		recorders = append(recorders, e)
	}
	w.Post(a, room, "ann", "one")
	w.Post(a, other, "ann", "elsewhere")
	w.Join(a, room, "eve")
	w.Leave(a, room, "eve")
	w.Delete(a, room)
	w.Post(a, room, "ann", "too late")
	for _, e := range recorders {
		e.await(t, "one", "+eve", "First eve Last eve joins the room", "-eve", "First eve Last eve leaves the room", "deleted by ann")
		eventually(t, e.hasEnded)
	}
}

func TestAMessageHeardTwiceIsDeliveredOnce(t *testing.T) {
	w := livetest.NewWorld()
	_, a, b, _, _ := pair(t, w)
	room := w.Room("games", "ann")
	onA, _ := listen(t, a, "ann", "games", live.Messages)
	onB, _ := listen(t, b, "ann", "games", live.Messages)
	m := w.Message("ann", "once")
	w.Store(room, m)
	for _, h := range []*live.Hub{a, b, a} {
		h.Publish(t.Context(), livetest.Posted(room, m))
	}
	w.Post(a, room, "ann", "end of a")
	w.Post(b, room, "ann", "end of b")
	for _, e := range []*recorder{onA, onB} {
		eventually(t, func() bool { return len(e.all()) >= 3 })
		require.ElementsMatch(t, []string{"once", "end of a", "end of b"}, e.all())
	}
}

// A retry is delivered only to subscribers that were there at the first attempt, or soon after, and have not received
// it.
func TestRetried(t *testing.T) {
	w := livetest.NewWorld()
	_, a, b, _, _ := pair(t, w)
	room := w.Room("games", "ann")
	old := w.Message("ann", "long ago")
	old.ID = id.FirstAt(time.Now().Add(-time.Minute))
	onA, _ := listen(t, a, "ann", "games", live.Messages)
	onB, _ := listen(t, b, "ann", "games", live.Messages)
	retry := func(h *live.Hub, m chat.Message) {
		e := livetest.Posted(room, m)
		e.Retried = true
		h.Publish(t.Context(), e)
	}
	received := w.Post(a, room, "ann", "received")
	onB.await(t, "received")
	untold := w.Message("ann", "stored and not told")
	retry(b, received)
	retry(b, old)
	retry(b, untold)
	retry(b, untold)
	w.Post(b, room, "ann", "end")
	for _, e := range []*recorder{onA, onB} {
		e.await(t, "received", "stored and not told", "end")
	}
}

func TestLeavingEndsOnEveryNode(t *testing.T) {
	w := livetest.NewWorld()
	_, a, b, _, _ := pair(t, w)
	room := w.Room("games", "ann", "bob")
	bob, _ := listen(t, b, "bob", "games", live.Messages)
	bobs, _ := listen(t, b, "bob", "games", live.Participants)
	ann, _ := listen(t, b, "ann", "games", live.Messages)
	w.Leave(a, room, "bob")
	w.Join(a, room, "bob")
	w.Post(a, room, "ann", "x")
	ann.await(t, "First bob Last bob leaves the room", "First bob Last bob joins the room", "x")
	require.Empty(t, bob.all())
	bobs.await(t, "-bob")
	require.True(t, bob.hasEnded() && bobs.hasEnded())
}

// A user who leaves between the check and the subscription is not subscribed.
func TestSubscribingWhileLeaving(t *testing.T) {
	w := livetest.NewWorld()
	var h *live.Hub
	room := w.Room("games", "ann", "bob")
	left := false
	h, err := live.New(live.Options{History: w, Log: quiet, Access: func(ctx context.Context, who chat.Identity, name string) (chat.Room, error) {
		r, err := w.Access(ctx, who, name)
		if !left {
			left = true
			w.Leave(h, room, "bob")
		}
		return r, err
	}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.Close()) })
	_, err = h.Subscribe(t.Context(), livetest.Who("bob"), "games", live.Messages, &recorder{}, false)
	require.True(t, chat.IsKind(err, chat.Forbidden), err)
	require.Empty(t, h.Online(livetest.Tenant, room.Ref()))
}

func TestPresenceOverNodes(t *testing.T) {
	w := livetest.NewWorld()
	x, a, b, _, busB := pair(t, w)
	room := w.Room("games", "ann", "bob")
	e, _ := listen(t, a, "ann", "games", live.Presence)
	_, one := listen(t, b, "bob", "games", live.Messages)
	_, two := listen(t, b, "bob", "games", live.Participants)
	// bob subscribes on a only when a has received that he is on b.
	eventually(t, func() bool {
		return len(a.Online(livetest.Tenant, room.Ref())) == 2 && len(b.Online(livetest.Tenant, room.Ref())) == 2
	})
	_, here := listen(t, a, "bob", "games", live.Messages)
	here.End()
	here.End()
	one.End()
	two.End()
	e.await(t, "ann true", "bob true", "bob false")
	eventually(t, func() bool { return len(b.Online(livetest.Tenant, room.Ref())) == 1 })

	// A node that starts later receives who is online. When a node dies, its users go offline.
	listen(t, b, "bob", "games", live.Messages)
	c := hub(t, w, x.Bus())
	eventually(t, func() bool { return len(c.Online(livetest.Tenant, room.Ref())) == 2 })
	require.NoError(t, busB.Close())
	e.await(t, "ann true", "bob true", "bob false", "bob true", "bob false")
	eventually(t, func() bool { return len(c.Online(livetest.Tenant, room.Ref())) == 1 })
}

// A user is online while they have a connection on any node, whether it subscribes to anything or not.
func TestConnectionsOverNodes(t *testing.T) {
	w := livetest.NewWorld()
	x, a, b, _, busB := pair(t, w)
	both := []string{"ann", "bob", "carl"}
	online := func(h *live.Hub, want ...string) {
		t.Helper()
		eventually(t, func() bool {
			is := h.ConnectedOf(livetest.Tenant, both)
			for _, login := range want {
				if !is[login] {
					return false
				}
			}
			return len(is) == len(want)
		})
	}
	one, two := a.Connected(livetest.Who("ann")), a.Connected(livetest.Who("ann"))
	there := b.Connected(livetest.Who("ann"))
	b.Connected(livetest.Who("bob"))
	online(a, "ann", "bob")
	online(b, "ann", "bob")
	require.Empty(t, a.ConnectedOf("another", both))
	one()
	there()
	online(b, "ann", "bob")
	require.True(t, a.ConnectedOf(livetest.Tenant, both)["ann"], "the other connection")
	two()
	online(a, "bob")
	online(b, "bob")
	c := hub(t, w, x.Bus()) // a node that starts later
	online(c, "bob")
	require.NoError(t, busB.Close())
	online(c)
	online(a)
}

func TestTypingOverNodes(t *testing.T) {
	w := livetest.NewWorld()
	_, a, b, _, _ := pair(t, w)
	room := w.Room("games", "ann", "bob")
	e, _ := listen(t, a, "ann", "games", live.Typing)
	b.SetTyping(livetest.Who("bob"), room.Ref(), true)
	b.SetTyping(livetest.Who("bob"), room.Ref(), true)
	e.await(t, "bob true", "bob false") // the notice expires
	b.SetTyping(livetest.Who("bob"), room.Ref(), true)
	e.await(t, "bob true", "bob false", "bob true")
	b.SetTyping(livetest.Who("bob"), room.Ref(), false)
	e.await(t, "bob true", "bob false", "bob true", "bob false")
	a.SetTyping(livetest.Who("ann"), room.Ref(), true)
	w.Post(a, room, "ann", "written")
	e.await(t, "bob true", "bob false", "bob true", "bob false", "ann true", "ann false")
}

func TestSignals(t *testing.T) {
	w := livetest.NewWorld()
	_, a, b, _, _ := pair(t, w)
	var mu sync.Mutex
	var got []string
	note := func(node string) func(string) {
		return func(key string) {
			mu.Lock()
			defer mu.Unlock()
			if key != "" {
				got = append(got, node+key)
			}
		}
	}
	a.OnSignal("cache", note("a"))
	cancel := b.OnSignal("cache", note("b"))
	b.OnSignal("other", note("other"))
	a.Signal("cache", "1")
	mu.Lock()
	require.Equal(t, "a1", got[0], "here at once")
	mu.Unlock()
	eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return len(got) == 2 })
	require.Equal(t, []string{"a1", "b1"}, got)
	cancel()
	b.Signal("cache", "2")
	eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return len(got) == 3 })
	require.Equal(t, "a2", got[2])
}

// Servers of an older version publish notices. A server of this version ignores them and misses nothing.
func TestPacketsOfUnknownKinds(t *testing.T) {
	w := livetest.NewWorld()
	x := live.NewExchange()
	h := hub(t, w, x.Bus())
	got := make(chan string, 8)
	h.OnSignal("cache", func(key string) { got <- key })
	old := x.Bus()
	require.NoError(t, old.Join(func([]byte) {}))
	for seq, rest := range []string{
		`"kind":"hello"`, // or the hub would take it for a node of which it has missed something
		`"kind":"notice","notice":{"Tenant":"t","Login":"ann","Name":"joined","Body":"e30="}`,
		`"kind":"signal","signal":"cache","key":"after"`,
	} {
		require.NoError(t, old.Broadcast(fmt.Appendf(nil, `{"node":"old","seq":%d,"at":%d,%s}`, seq+1, time.Now().UnixMilli(), rest)))
	}
	require.Equal(t, "after", <-got, "an empty key would mean that packets were missed")
	require.NoError(t, old.Close())
}

func TestReplay(t *testing.T) {
	w := livetest.NewWorld()
	h := hub(t, w, nil)
	room := w.Room("games", "ann")
	watcher, _ := listen(t, h, "ann", "games", live.Messages)
	// Two posts overtake each other: the older id is published last.
	older, newer := w.Message("ann", "older"), w.Message("ann", "newer")
	for _, m := range []chat.Message{newer, older} {
		w.Store(room, m)
		h.Publish(t.Context(), livetest.Posted(room, m))
	}
	watcher.await(t, "newer", "older")

	e := &recorder{}
	s, err := h.Subscribe(t.Context(), livetest.Who("ann"), "games", live.Messages, e, true)
	require.NoError(t, err)
	w.Post(h, room, "ann", "during")
	missed, recovered := h.Replay(t.Context(), s, newer.ID)
	require.True(t, recovered)
	w.Post(h, room, "ann", "later")
	require.Empty(t, e.all())
	for d, err := range missed.Each(t.Context()) {
		require.NoError(t, err)
		e.Deliver(d)
	}
	s.Replayed(missed)
	w.Post(h, room, "ann", "live")
	e.await(t, "older", "during", "later", "live")

	w.Fail(chat.ErrUnavailable(nil))
	_, recovered = h.Replay(t.Context(), s, newer.ID)
	require.False(t, recovered)
}

// A replay may read a message whose event has not arrived yet.
func TestReplayedMessageWhoseEventComesLater(t *testing.T) {
	w := livetest.NewWorld()
	h := hub(t, w, nil)
	room := w.Room("games", "ann")
	first := w.Post(h, room, "ann", "first")
	m := w.Message("ann", "stored")
	w.Store(room, m)
	e := &recorder{}
	s, err := h.Subscribe(t.Context(), livetest.Who("ann"), "games", live.Messages, e, true)
	require.NoError(t, err)
	missed, _ := h.Replay(t.Context(), s, first.ID)
	require.Equal(t, 1, missed.Len())
	s.Replayed(missed)
	other, _ := listen(t, h, "ann", "games", live.Messages)
	h.Publish(t.Context(), livetest.Posted(room, m))
	w.Post(h, room, "ann", "next")
	e.await(t, "next")
	other.await(t, "stored", "next")
}
