package live_test

import (
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
