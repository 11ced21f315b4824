package live_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/live"
	"github.com/confab-chat/confab/pkg/live/livetest"
)

// What is posted while two nodes cannot hear each other reaches everybody once after they can again.
func TestCutAndHealed(t *testing.T) {
	w := livetest.NewWorld()
	x, a, b, busA, busB := pair(t, w)
	room := w.Room("games", "ann", "bob")
	onA, _ := listen(t, a, "ann", "games", live.Messages)
	onB, _ := listen(t, b, "bob", "games", live.Messages)
	var want []string
	post := func(h *live.Hub, from string, n int) {
		for range n {
			text := fmt.Sprintf("%s %d", from, len(want))
			want = append(want, text)
			w.Post(h, room, from, text)
		}
	}
	for round := range 5 {
		post(a, "ann", 3)
		post(b, "bob", 3)
		x.Cut(busA, busB)
		post(a, "ann", 3)
		post(b, "bob", 3+round*100)
		x.Heal(busA, busB)
		post(a, "ann", 3)
		post(b, "bob", 3)
	}
	for _, e := range []*ear{onA, onB} {
		eventually(t, func() bool { return len(e.all()) >= len(want) })
		require.ElementsMatch(t, want, e.all())
		for _, sender := range []string{"ann", "bob"} {
			require.Equal(t, of(sender, want), of(sender, e.all()), "order of one sender")
		}
	}
}

func of(sender string, texts []string) (out []string) {
	for _, t := range texts {
		if strings.HasPrefix(t, sender) {
			out = append(out, t)
		}
	}
	return out
}

// The same while everybody posts and the connection comes and goes.
func TestCutsUnderLoad(t *testing.T) {
	w := livetest.NewWorld()
	x, a, b, busA, busB := pair(t, w)
	room := w.Room("games", "ann", "bob")
	onA, _ := listen(t, a, "ann", "games", live.Messages)
	onB, _ := listen(t, b, "bob", "games", live.Messages)
	const each = 1500
	var wg sync.WaitGroup
	for from, h := range map[string]*live.Hub{"ann": a, "bob": b} {
		wg.Go(func() {
			for i := range each {
				w.Post(h, room, from, fmt.Sprintf("%s %d", from, i))
			}
		})
	}
	for range 50 {
		x.Cut(busA, busB)
		x.Heal(busA, busB)
	}
	wg.Wait()
	for _, e := range []*ear{onA, onB} {
		eventually(t, func() bool { return len(e.all()) >= 2*each })
		require.Len(t, e.all(), 2*each)
		for m, n := range e.ids {
			require.Equal(t, 1, n, "message %s", m)
		}
		require.Len(t, e.ids, 2*each)
	}
}

// A node that dies after storing and before telling: the others read what it stored.
func TestNodeDiesBeforeTelling(t *testing.T) {
	w := livetest.NewWorld()
	_, a, _, _, busB := pair(t, w)
	room := w.Room("games", "ann", "bob")
	onA, _ := listen(t, a, "ann", "games", live.Messages)
	w.Store(room, w.Message("bob", "last words"))
	require.NoError(t, busB.Close())
	onA.await(t, "last words")
}

// News of departures may be missed as well.
func TestRightsAreCheckedAgain(t *testing.T) {
	w := livetest.NewWorld()
	x, a, b, busA, busB := pair(t, w)
	games, gone := w.Room("games", "ann", "bob"), w.Room("gone", "ann", "bob")
	ann, _ := listen(t, b, "ann", "games", live.Messages)
	bob, _ := listen(t, b, "bob", "games", live.Messages)
	deleted, _ := listen(t, b, "bob", "gone", live.Action)
	doubts := make(chan struct{}, 100)
	b.OnSignal("cache", func(key string) {
		if key == "" {
			doubts <- struct{}{}
		}
	})
	x.Cut(busA, busB)
	w.Leave(a, games, "bob")
	w.Delete(a, gone)
	again := w.Room("gone", "ann", "bob")
	x.Heal(busA, busB)
	deleted.await(t, "deleted by ann")
	ann.await(t, "First bob Last bob leaves the room")
	eventually(t, func() bool { bob.mu.Lock(); defer bob.mu.Unlock(); return bob.ended })
	w.Post(a, games, "ann", "unheard")
	w.Post(a, again, "ann", "unheard")
	ann.await(t, "First bob Last bob leaves the room", "unheard")
	require.Empty(t, bob.all())
	<-doubts
}

// A repair goes on until the store answers.
func TestRepairWithoutStore(t *testing.T) {
	w := livetest.NewWorld()
	x, a, b, busA, busB := pair(t, w)
	room := w.Room("games", "ann", "bob")
	onB, _ := listen(t, b, "bob", "games", live.Messages)
	x.Cut(busA, busB)
	w.Post(a, room, "ann", "missed")
	w.Fail(chat.ErrUnavailable(nil))
	x.Heal(busA, busB)
	w.Post(a, room, "ann", "heard")
	onB.await(t, "heard")
	w.Fail(nil)
	onB.await(t, "heard", "missed")
}

// Subscribers that came after a message do not get it by a repair of the time before.
func TestRepairKeepsToWhatWasPromised(t *testing.T) {
	w := livetest.NewWorld()
	x, a, b, busA, busB := pair(t, w)
	room := w.Room("games", "ann", "bob")
	old := w.Message("ann", "old")
	old.ID = id.FirstAt(time.Now().Add(-5 * time.Second))
	w.Store(room, old)
	onB, _ := listen(t, b, "bob", "games", live.Messages)
	x.Cut(busA, busB)
	w.Post(a, room, "ann", "missed")
	x.Heal(busA, busB)
	onB.await(t, "missed")
}

// What a node told before another heard of it, whatever it is that is heard first.
func TestToldBeforeTheyMet(t *testing.T) {
	for range 10 {
		w := livetest.NewWorld()
		x := live.NewExchange()
		busA, busB := x.Bus(), x.Bus()
		x.Cut(busA, busB)
		a, b := hub(t, w, busA), hub(t, w, busB)
		room := w.Room("games", "ann", "bob")
		onA, _ := listen(t, a, "ann", "games", live.Messages)
		onB, _ := listen(t, b, "bob", "games", live.Messages)
		w.Post(a, room, "ann", "from a")
		onA.await(t, "from a")
		w.Post(b, room, "bob", "from b")
		onB.await(t, "from b")
		x.Heal(busA, busB)
		onA.await(t, "from a", "from b")
		onB.await(t, "from b", "from a")
	}
}

// meanwhile is a History during whose reading something happens.
type meanwhile struct {
	*livetest.World
	once sync.Once
	do   func()
}

func (m *meanwhile) read(ms []chat.Message, err error) ([]chat.Message, error) {
	if len(ms) > 1 {
		m.once.Do(m.do)
	}
	return ms, err
}

func (m *meanwhile) Older(ctx context.Context, p chat.Place, than id.ID, limit int) ([]chat.Message, error) {
	return m.read(m.World.Older(ctx, p, than, limit))
}

func (m *meanwhile) Newer(ctx context.Context, p chat.Place, than id.ID, inclusive bool, limit int) ([]chat.Message, error) {
	return m.read(m.World.Newer(ctx, p, than, inclusive, limit))
}

// A message that is stored late, while a repair reads, is not heard after the one its author posted next.
func TestRepairKeepsTheOrderOfAnAuthor(t *testing.T) {
	w := livetest.NewWorld()
	x := live.NewExchange()
	busA, busB := x.Bus(), x.Bus()
	history := &meanwhile{World: w}
	a := hub(t, w, busA)
	b := hubOf(t, live.Options{Bus: busB, History: history, Access: w.Access})
	livetest.Settled(t, a, b)
	room := w.Room("games", "ann", "eve")
	onB, _ := listen(t, b, "ann", "games", live.Messages)
	w.Post(a, room, "eve", "before")
	onB.await(t, "before")

	first := w.Message("ann", "ann 1")
	x.Cut(busA, busB)
	for i := range 450 {
		w.Post(a, room, "eve", fmt.Sprintf("eve %d", i))
	}
	history.do = func() {
		w.Store(room, first)
		second := w.Message("ann", "ann 2")
		w.Store(room, second)
		// The bus holds them back until the repair is done.
		a.Publish(context.Background(), livetest.Posted(room, first))
		a.Publish(context.Background(), livetest.Posted(room, second))
	}
	x.Heal(busA, busB)
	eventually(t, func() bool { return len(onB.all()) >= 453 })
	require.Len(t, onB.all(), 453)
	require.Equal(t, []string{"ann 1", "ann 2"}, of("ann", onB.all()))
}

// Who resumed from before a message that was stored after the store was read hears it, however late that is.
func TestStoredAfterTheReplay(t *testing.T) {
	w := livetest.NewWorld()
	_, a, b, _, _ := pair(t, w)
	room := w.Room("games", "ann")
	position := id.FirstAt(time.Now().Add(-time.Minute))
	late := w.Message("ann", "late")
	late.ID = id.FirstAt(time.Now().Add(-40 * time.Second))
	replayed := w.Message("ann", "replayed")
	replayed.ID = id.FirstAt(time.Now().Add(-50 * time.Second))
	w.Store(room, replayed)

	resumed, fresh := &ear{}, &ear{}
	s, err := b.Subscribe(t.Context(), livetest.Who("ann"), "games", live.Messages, resumed, true)
	require.NoError(t, err)
	missed, recovered := b.Replay(t.Context(), s, position)
	require.True(t, recovered)
	require.Len(t, missed, 1)
	s.Replayed(missed)
	_, err = b.Subscribe(t.Context(), livetest.Who("ann"), "games", live.Messages, fresh, false)
	require.NoError(t, err)

	for _, m := range []chat.Message{late, replayed} {
		w.Store(room, m)
		e := livetest.Posted(room, m)
		e.Retried = true
		a.Publish(t.Context(), e)
	}
	w.Post(a, room, "ann", "end")
	resumed.await(t, "late", "end")
	fresh.await(t, "end")
}
