package live_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/live"
	"github.com/confab-chat/confab/pkg/live/livetest"
)

// What a user reads and mutes on one node while another is cut off arrives there after the cut.
func TestReadingsAreRepaired(t *testing.T) {
	w := livetest.NewWorld()
	x := live.NewExchange()
	busA, busB := x.Bus(), x.Bus()
	a, b := userHub(t, w, busA), userHub(t, w, busB)
	livetest.Settled(t, a, b)
	games, other := w.Room("games", "ann", "bob"), w.Room("other", "ann", "bob")
	m := w.Post(a, games, "ann", "hello")
	back := w.Room("back", "ann", "bob")
	w.SetReading(other, "bob", chat.Reading{Muted: true})
	mine := &diary{}
	_, err := b.SubscribeUser(t.Context(), livetest.Who("bob"), mine)
	require.NoError(t, err)
	x.Cut(busA, busB)
	w.SetReading(games, "bob", chat.Reading{Read: m.ID, Muted: true})
	w.SetReading(other, "bob", chat.Reading{})
	w.SetReading(back, "bob", chat.Reading{Read: m.ID, Back: chat.Back{From: m.ID}})
	a.Publish(t.Context(), chat.ReadMoved{Place: livetest.At(games), Login: "bob", Read: m.ID},
		chat.MuteChanged{Place: livetest.At(games), Login: "bob", Muted: true}, chat.MuteChanged{Place: livetest.At(other), Login: "bob"})
	x.Heal(busA, busB)
	w.Post(a, games, "ann", "after")
	eventually(t, func() bool {
		all := mine.all()
		for _, want := range []string{"games read", "games muted true", "other muted false", "back read back"} {
			if !slices.Contains(all, want) {
				return false
			}
		}
		return true
	})
	require.False(t, slices.Contains(mine.all(), "other read"), "nothing was read there")
}

// Nodes that never reach each other: what is read and muted is polled, and delivered once.
func TestReadingsArePolled(t *testing.T) {
	inCluster(t, func(c *cluster) {
		a, b := c.join("a", live.NewExchange().Bus()), c.join("b", live.NewExchange().Bus())
		mine := &diary{}
		_, err := b.SubscribeUser(c.Context(), livetest.Who("bob"), mine)
		require.NoError(c, err)
		time.Sleep(time.Minute)
		state := func(muted bool) {
			c.world.SetReading(c.room, "bob", chat.Reading{Muted: muted})
			a.Publish(c.Context(), chat.MuteChanged{Place: livetest.At(c.room), Login: "bob", Muted: muted})
			time.Sleep(time.Minute)
		}
		state(true)
		state(false)
		require.Equal(c, []string{"games muted false", "games muted true", "games muted false"}, mine.all())
		// An event that is received does not hide that another node undoes it.
		b.Publish(c.Context(), chat.MuteChanged{Place: livetest.At(c.room), Login: "bob", Muted: true})
		time.Sleep(time.Minute)
		require.Equal(c, []string{"games muted true", "games muted false"}, mine.all()[3:])
	})
}

// Who is in too many rooms for that resumes.
func TestTooManyReadingsToRepair(t *testing.T) {
	w := livetest.NewWorld()
	x := live.NewExchange()
	busA, busB := x.Bus(), x.Bus()
	a, b := userHub(t, w, busA), userHub(t, w, busB)
	livetest.Settled(t, a, b)
	room := w.Room("games", "ann", "bob")
	for i := range 500 {
		w.SetReading(w.Room(fmt.Sprint("room", i), "ann", "bob"), "bob", chat.Reading{Read: id.Max})
	}
	mine := &diary{}
	_, err := b.SubscribeUser(t.Context(), livetest.Who("bob"), mine)
	require.NoError(t, err)
	x.Cut(busA, busB)
	a.Publish(t.Context(), chat.MuteChanged{Place: livetest.At(room), Login: "bob", Muted: true})
	x.Heal(busA, busB)
	w.Post(a, room, "ann", "after")
	eventually(t, func() bool {
		mine.mu.Lock()
		defer mine.mu.Unlock()
		return mine.lost
	})
}
