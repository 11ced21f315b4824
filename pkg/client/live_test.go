package client_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/client"
	"github.com/confab-chat/confab/pkg/live/livetest"
)

func numbers(from, to int) (out []string) {
	for i := from; i < to; i++ {
		out = append(out, fmt.Sprint(i))
	}
	return out
}

func postAll(t *testing.T, c *client.Client, contents []string) {
	t.Helper()
	for _, text := range contents {
		post(t, c, text)
	}
}

func TestASubscriptionBeginsWithTheCall(t *testing.T) {
	_, ann, bob := begin(t)
	old := post(t, ann, "before")
	_, err := ann.Edit(t.Context(), room, old.ID, "before, mended")
	require.NoError(t, err)
	_, s := subscribed(t, bob)
	postAll(t, ann, numbers(0, 3))
	require.Equal(t, numbers(0, 3), texts(t, s, 3))

	_, later := subscribed(t, bob, client.After(old.ID))
	require.Equal(t, client.Edited, next(t, later).Kind)
	require.Equal(t, numbers(0, 3), texts(t, later, 3))
}

func TestChangesAreDelivered(t *testing.T) {
	_, ann, bob := begin(t)
	_, s := subscribed(t, bob)
	m := post(t, ann, "hello")
	require.Equal(t, client.Event{ID: m.ID, Kind: client.Posted, Message: m}, next(t, s))
	_, err := ann.Edit(t.Context(), room, m.ID, "good day")
	require.NoError(t, err)
	e := next(t, s)
	require.Equal(t, client.Edited, e.Kind)
	require.Equal(t, "good day", e.Message.Content)
	require.NotEqual(t, m.ID, e.ID)
	_, err = bob.React(t.Context(), room, m.ID, "👍", true)
	require.NoError(t, err)
	require.Equal(t, client.Reacted, next(t, s).Kind)
	require.NoError(t, ann.DeleteMessage(t.Context(), room, m.ID))
	e = next(t, s)
	require.Equal(t, client.Deleted, e.Kind)
	require.True(t, e.Message.Deleted)
}

// throughProxy subscribes bob by a connection that the test can cut.
func throughProxy(t *testing.T, w *world) (*livetest.Proxy, *client.Subscription, *client.Notices) {
	t.Helper()
	proxy := livetest.NewProxy(t, w.addr)
	c, err := client.New("http://"+proxy.Addr(), client.WithPassword("bob", password))
	require.NoError(t, err)
	live, s := subscribed(t, c)
	return proxy, s, live.Notices()
}

// Everything is delivered once and in order, though the connection is cut again and again.
func TestCutConnections(t *testing.T) {
	w, ann, _ := begin(t)
	proxy, s, n := throughProxy(t, w)
	const each = 40
	var posting sync.WaitGroup
	for cut := range 4 {
		connected(t, n)
		from := cut * each
		posting.Go(func() { postAll(t, ann, numbers(from, from+each)) })
		require.Equal(t, numbers(from, from+10), texts(t, s, 10))
		proxy.Cut()
		posting.Wait()
		proxy.Heal()
		require.Equal(t, numbers(from+10, from+each), texts(t, s, each-10))
	}
	last := post(t, ann, "the end")
	require.Equal(t, last.ID, next(t, s).ID, "nothing was delivered twice")
}

func TestRestart(t *testing.T) {
	for _, drain := range []bool{true, false} {
		t.Run(fmt.Sprintf("drain %v", drain), func(t *testing.T) {
			w, ann, bob := begin(t)
			live, s := subscribed(t, bob)
			n := live.Notices()
			connected(t, n)
			m := post(t, ann, "before")
			require.Equal(t, "before", next(t, s).Message.Content)
			w.stop(drain)
			require.NoError(t, w.start())
			_, err := ann.Edit(t.Context(), room, m.ID, "before, mended")
			require.NoError(t, err)
			postAll(t, ann, numbers(0, 20))
			require.Equal(t, append([]string{"before, mended"}, numbers(0, 20)...), texts(t, s, 21))
		})
	}
}

// After more than a server replays, what was missed is read in pages.
func TestALongGap(t *testing.T) {
	w, ann, _ := begin(t)
	proxy, s, n := throughProxy(t, w)
	connected(t, n)
	m := post(t, ann, "before")
	require.Equal(t, "before", next(t, s).Message.Content)
	proxy.Cut()
	const missed = 1100
	postAll(t, ann, numbers(0, missed))
	_, err := ann.Edit(t.Context(), room, m.ID, "mended")
	require.NoError(t, err)
	proxy.Heal()
	connected(t, n)
	var posting sync.WaitGroup
	posting.Go(func() { postAll(t, ann, numbers(missed, missed+50)) })
	defer posting.Wait()
	e := next(t, s)
	require.Equal(t, client.Edited, e.Kind)
	require.Equal(t, "mended", e.Message.Content)
	require.Equal(t, numbers(0, missed+50), texts(t, s, missed+50))
}

// A consumer that does not keep up costs a bounded amount of memory and misses nothing.
func TestASlowConsumer(t *testing.T) {
	_, ann, bob := begin(t)
	live := bob.Live()
	t.Cleanup(live.Close)
	client.ShortQueue(live, 4)
	s, err := live.Subscribe(t.Context(), room)
	require.NoError(t, err)
	quick := live.Notices()
	connected(t, quick)
	first := post(t, ann, "0")
	postAll(t, ann, numbers(1, 30))
	_, err = ann.Edit(t.Context(), room, first.ID, "nought")
	require.NoError(t, err)
	notice(t, quick, client.MessageChanged)
	require.Equal(t, append([]string{"nought"}, numbers(1, 30)...), texts(t, s, 30))
}

func TestTheEndOfAParticipation(t *testing.T) {
	_, ann, bob := begin(t)
	ctx := t.Context()
	live, s := subscribed(t, bob)
	n := live.Notices()
	connected(t, n)
	post(t, ann, "hello")
	require.Equal(t, "hello", next(t, s).Message.Content)
	require.NoError(t, ann.Call(ctx, "PATCH", "/rooms/participant/"+room, map[string]string{"login": "bob"}, nil))
	require.Equal(t, room, notice(t, n, client.Left).Room)
	for e, err := range s.Events(ctx) {
		if err != nil {
			require.True(t, client.IsForbidden(err), err)
			break
		}
		require.True(t, e.Message.System, "what tells it may be the last")
	}
	_, err := s.Next(ctx)
	require.True(t, client.IsForbidden(err), "it is final")
	_, err = live.Subscribe(ctx, room)
	require.True(t, client.IsForbidden(err), err)

	require.NoError(t, bob.Join(ctx, room))
	s, err = live.Subscribe(ctx, room)
	require.NoError(t, err)
	other, err := bob.CreateRoom(ctx, "another", "")
	require.NoError(t, err)
	kept, err := live.Subscribe(ctx, other.Name)
	require.NoError(t, err)
	require.NoError(t, ann.DeleteRoom(ctx, room))
	_, err = s.Next(ctx)
	require.True(t, client.IsNotFound(err), err)
	_, err = bob.Post(ctx, other.Name, "here")
	require.NoError(t, err)
	require.Equal(t, "here", next(t, kept).Message.Content, "other rooms go on")
}

// Who left and came back gets what was posted since.
func TestComingBack(t *testing.T) {
	_, ann, bob := begin(t)
	live, s := subscribed(t, bob)
	n := live.Notices()
	connected(t, n)
	require.NoError(t, bob.Leave(t.Context(), room))
	require.NoError(t, bob.Join(t.Context(), room))
	post(t, ann, "welcome")
	for e, err := range s.Events(t.Context()) {
		require.NoError(t, err)
		if !e.Message.System {
			require.Equal(t, "welcome", e.Message.Content)
			break
		}
	}
}

func TestNotices(t *testing.T) {
	_, ann, bob := begin(t)
	ctx := t.Context()
	live := bob.Live()
	defer live.Close()
	n := live.Notices()
	connected(t, n)
	m := post(t, ann, "hello")
	got := notice(t, n, client.MessagePosted)
	require.Equal(t, room, got.Room)
	require.Equal(t, m, *got.Message)
	require.NoError(t, bob.MarkRead(ctx, room, m.ID))
	require.Equal(t, m.ID, notice(t, n, client.ReadMoved).Read)
	_, err := ann.Edit(ctx, room, m.ID, "mended")
	require.NoError(t, err)
	require.Equal(t, client.Edited, notice(t, n, client.MessageChanged).Change)
	_, err = bob.CreateRoom(ctx, "another", "")
	require.NoError(t, err)
	require.Equal(t, "another", notice(t, n, client.Joined).Room)
	require.NoError(t, bob.DeleteRoom(ctx, "another"))
	notice(t, n, client.RoomDeleted)

	// Messages of a room with a subscription come there, perhaps here too, and here alone when it is closed.
	s, err := live.Subscribe(ctx, room)
	require.NoError(t, err)
	post(t, ann, "for the subscription")
	require.Equal(t, "for the subscription", next(t, s).Message.Content)
	s.Close()
	post(t, ann, "for the notices")
	text := notice(t, n, client.MessagePosted).Message.Content
	if text == "for the subscription" {
		text = notice(t, n, client.MessagePosted).Message.Content
	}
	require.Equal(t, "for the notices", text)
	_, err = s.Next(ctx)
	require.ErrorIs(t, err, client.ErrClosed)

	client.ShortQueue(live, 0)
	post(t, ann, "too much")
	notice(t, n, client.Resync)
	n.Close()
	_, err = n.Next(ctx)
	require.ErrorIs(t, err, client.ErrClosed)
}

func TestWaitingEndsWithTheContextOrTheConnection(t *testing.T) {
	_, _, bob := begin(t)
	live, s := subscribed(t, bob)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Next(ctx)
	require.ErrorIs(t, err, context.Canceled)
	var waiting sync.WaitGroup
	waiting.Go(func() {
		_, err := s.Next(t.Context())
		require.ErrorIs(t, err, client.ErrClosed)
	})
	live.Close()
	waiting.Wait()
	_, err = live.Subscribe(t.Context(), room)
	require.ErrorIs(t, err, client.ErrClosed)
}
