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

// Messages posted while two nodes are cut off are delivered once to all subscribers after the connection is back.
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
	for _, e := range []*recorder{onA, onB} {
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

// The same while all users post and the connection is cut and healed repeatedly.
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
	for _, e := range []*recorder{onA, onB} {
		eventually(t, func() bool { return len(e.all()) >= 2*each })
		require.Len(t, e.all(), 2*each)
		for m, n := range e.ids {
			require.Equal(t, 1, n, "message %s", m)
		}
		require.Len(t, e.ids, 2*each)
	}
}

// A node dies after storing and before publishing: the others read what it stored.
func TestNodeDiesBeforeTelling(t *testing.T) {
	w := livetest.NewWorld()
	_, a, _, _, busB := pair(t, w)
	room := w.Room("games", "ann", "bob")
	onA, _ := listen(t, a, "ann", "games", live.Messages)
	w.Store(room, w.Message("bob", "last words"))
	require.NoError(t, busB.Close())
	onA.await(t, "last words")
}

// Events of departures may be missed as well.
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
	eventually(t, bob.hasEnded)
	w.Post(a, games, "ann", "unheard")
	w.Post(a, again, "ann", "unheard")
	ann.await(t, "First bob Last bob leaves the room", "unheard")
	require.Empty(t, bob.all())
	<-doubts
}

// A repair is retried until the store answers. What is posted meanwhile is held for a while only.
func TestRepairWithoutStore(t *testing.T) {
	w := livetest.NewWorld()
	x := live.NewExchange()
	busA, busB := x.Bus(), x.Bus()
	a, b := hub(t, w, busA), hubOf(t, live.Options{Bus: busB, History: w, Access: w.Access, RepairHold: 100 * time.Millisecond})
	livetest.Settled(t, a, b)
	room := w.Room("games", "ann", "bob")
	onB, _ := listen(t, b, "bob", "games", live.Messages)
	x.Cut(busA, busB)
	w.Post(a, room, "ann", "missed")
	w.Fail(chat.ErrUnavailable(nil))
	x.Heal(busA, busB)
	w.Post(a, room, "ann", "received")
	onB.await(t, "received")
	w.Fail(nil)
	onB.await(t, "received", "missed")
}

// Subscribers that came after a message do not receive it from a repair of the time before.
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

// Events that a node published before another knew it are repaired, whichever packet is received first.
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

// meanwhile is a History that calls a function during a read.
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

// A message that is stored late, while a repair reads, is not delivered after its author's next message.
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
		// The events of the bus are held until the repair is done.
		a.Publish(context.Background(), livetest.Posted(room, first))
		a.Publish(context.Background(), livetest.Posted(room, second))
	}
	x.Heal(busA, busB)
	eventually(t, func() bool { return len(onB.all()) >= 453 })
	require.Len(t, onB.all(), 453)
	require.Equal(t, []string{"ann 1", "ann 2"}, of("ann", onB.all()))
}

// A message may be stored after a replay has read the store. A subscriber that resumed from before it receives it,
// however late it is stored.
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

	resumed, fresh := &recorder{}, &recorder{}
	s, err := b.Subscribe(t.Context(), livetest.Who("ann"), "games", live.Messages, resumed, true)
	require.NoError(t, err)
	missed, recovered := b.Replay(t.Context(), s, position)
	require.True(t, recovered)
	require.Equal(t, 1, missed.Len())
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

// counting is a History and an Access that count their calls and fail for one room.
type counting struct {
	*livetest.World
	fails id.ID // the room whose messages cannot be read

	mu    sync.Mutex
	reads map[id.ID]int
	asks  int
}

func (c *counting) Older(ctx context.Context, p chat.Place, than id.ID, limit int) ([]chat.Message, error) {
	c.mu.Lock()
	c.reads[p.Room.ID]++
	c.mu.Unlock()
	if p.Room.ID == c.fails {
		return nil, chat.ErrUnavailable(nil)
	}
	return c.World.Older(ctx, p, than, limit)
}

func (c *counting) Access(ctx context.Context, who chat.Identity, room string) (chat.Room, error) {
	c.mu.Lock()
	c.asks++
	c.mu.Unlock()
	return c.World.Access(ctx, who, room)
}

func (c *counting) Members(ctx context.Context, _ chat.Tenant, room chat.RoomRef, logins []string) (map[string]bool, error) {
	in := map[string]bool{}
	for _, login := range logins {
		if _, err := c.World.Access(ctx, livetest.Who(login), room.Name); err == nil {
			in[login] = true
		}
	}
	return in, nil
}

func (c *counting) readsOf(r chat.Room) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reads[r.ID]
}

// A room that cannot be read does not keep the others from being repaired. When it is retried, they are not read again.
func TestRoomsAreRepairedEachByItself(t *testing.T) {
	w := livetest.NewWorld()
	x := live.NewExchange()
	busA, busB := x.Bus(), x.Bus()
	bad := w.Room("bad", "ann")
	history := &counting{World: w, fails: bad.ID, reads: map[id.ID]int{}}
	a := hub(t, w, busA)
	// Long enough for the repair of the other rooms on a busy machine: what they hold longer comes before what they missed.
	b := hubOf(t, live.Options{Bus: busB, History: history, Access: w.Access, RepairHold: 3 * time.Second})
	livetest.Settled(t, a, b)
	onBad, _ := listen(t, b, "ann", "bad", live.Messages)
	var rooms []chat.Room
	var recorders []*recorder
	for i := range 40 {
		name := fmt.Sprint("room", i)
		rooms = append(rooms, w.Room(name, "ann"))
		e, _ := listen(t, b, "ann", name, live.Messages)
		recorders = append(recorders, e)
	}
	x.Cut(busA, busB)
	for _, r := range append(rooms, bad) {
		w.Post(a, r, "ann", "missed")
	}
	x.Heal(busA, busB)
	for _, r := range append(rooms, bad) {
		w.Post(a, r, "ann", "next")
	}
	for _, e := range recorders {
		e.await(t, "missed", "next")
	}
	onBad.await(t, "next") // it is not held forever
	eventually(t, func() bool { return history.readsOf(bad) > 1 })
	for _, r := range rooms {
		require.Equal(t, 1, history.readsOf(r), "rooms that are repaired are not read once more")
	}
}

// The membership of many subscribers is read in one call.
func TestRepairOfARoomWithManySubscribers(t *testing.T) {
	w := livetest.NewWorld()
	x := live.NewExchange()
	busA, busB := x.Bus(), x.Bus()
	const many = 3000
	logins := make([]string, many)
	for i := range logins {
		logins[i] = fmt.Sprintf("user%04d", i)
	}
	room := w.Room("games", logins...)
	c := &counting{World: w, reads: map[id.ID]int{}}
	a := hub(t, w, busA)
	b := hubOf(t, live.Options{Bus: busB, History: c, Access: c.Access, Members: c.Members})
	livetest.Settled(t, a, b)
	recorders := make([]*recorder, many)
	for i, login := range logins {
		recorders[i], _ = listen(t, b, login, "games", live.Messages)
	}
	before := c.asks
	x.Cut(busA, busB)
	w.Remove(room, logins[1234])
	w.Post(a, room, logins[0], "missed")
	x.Heal(busA, busB)
	recorders[0].await(t, "missed")
	recorders[many-1].await(t, "missed")
	require.Empty(t, recorders[1234].all())
	require.True(t, recorders[1234].hasEnded())
	c.mu.Lock()
	defer c.mu.Unlock()
	require.LessOrEqual(t, c.asks-before, 10, "subscribers are not checked one by one")
}

// If a room missed more messages than it keeps ids, it is not read to the end.
func TestTooMuchToRepair(t *testing.T) {
	w := livetest.NewWorld()
	x, a, b, busA, busB := pair(t, w)
	room := w.Room("games", "ann")
	e, _ := listen(t, b, "ann", "games", live.Messages)
	x.Cut(busA, busB)
	for i := range 9000 {
		w.Store(room, w.Message("ann", fmt.Sprint(i)))
	}
	w.Post(a, room, "ann", "missed")
	x.Heal(busA, busB)
	eventually(t, func() bool { e.mu.Lock(); defer e.mu.Unlock(); return e.lost })
	require.Empty(t, e.all())
}

// A repair does not take messages that are ahead of time for new ones. The subscribers resume instead, once.
func TestRepairOfARoomThatIsAheadOfTime(t *testing.T) {
	w := livetest.NewWorld()
	x, a, b, busA, busB := pair(t, w)
	room := w.Room("games", "ann", "bob")
	at := time.Now().AddDate(1, 0, 0)
	ahead := func(content string) chat.Message {
		m := w.Message("ann", content)
		at = at.Add(time.Microsecond)
		m.ID = id.FirstAt(at)
		w.Store(room, m)
		return m
	}
	ahead("old")
	seen := ahead("seen")
	onB, _ := listen(t, b, "bob", "games", live.Messages)
	x.Cut(busA, busB)
	a.Publish(t.Context(), livetest.Posted(room, ahead("while cut off")))
	x.Heal(busA, busB)
	a.Publish(t.Context(), livetest.Posted(room, ahead("after")))
	eventually(t, func() bool { onB.mu.Lock(); defer onB.mu.Unlock(); return onB.lost })
	require.NotContains(t, onB.all(), "old")

	next := &recorder{}
	s, err := b.Subscribe(t.Context(), livetest.Who("bob"), "games", live.Messages, next, true)
	require.NoError(t, err)
	missed, recovered := b.Replay(t.Context(), s, seen.ID)
	require.True(t, recovered)
	require.Equal(t, 2, missed.Len())
	s.Replayed(missed)
	a.Publish(t.Context(), livetest.Posted(room, ahead("next")))
	next.await(t, "next")
}
