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

// diary is a recorder that also records changes, and the events of a user's topic with their rooms.
type diary struct{ recorder }

func (d *diary) Deliver(v *live.Delivery) {
	text := ""
	switch e := v.Event.(type) {
	case chat.MessageChanged:
		text = fmt.Sprint(e.Kind, ": ", e.Message.Content)
	case chat.ReadMoved:
		text = v.Room + " read"
		if e.Back {
			text += " back"
		}
	case chat.MuteChanged:
		text = fmt.Sprint(v.Room, " muted ", e.Muted)
	case chat.RoomCreated, chat.ParticipantJoined:
		text = v.Room + " joined"
	case chat.ParticipantLeft:
		text = v.Room + " left"
		if e.Removed {
			text = v.Room + ": removed"
		}
	case chat.RoomDeleted:
		text = v.Room + " deleted"
	case chat.RoomChanged:
		text = v.Room + " is called " + e.Settings.Title
	case chat.MemberChanged:
		text = fmt.Sprint(v.Room, ": ", e.Login, " is ", e.Role, " muted ", e.Muted, " until ", e.Until.Unix())
	case chat.Invited:
		text = fmt.Sprint("invited to ", v.Room, " ", e.Title, " by ", e.By.Login)
	case chat.ParticipantRenamed:
		text = v.Room + " renamed " + e.Person.FullName()
	case chat.MessagePosted:
		text = e.Message.Content
		if v.Kind == live.User {
			text = v.Room + ": " + text
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.received = append(d.received, text)
}

func follow(t testing.TB, h *live.Hub, login, room string) *diary {
	d := &diary{}
	_, err := h.Subscribe(t.Context(), livetest.Who(login), room, live.Messages, d, false)
	require.NoError(t, err)
	return d
}

// Other nodes are told whether somebody left or was removed.
func TestARemovalOnAnotherNode(t *testing.T) {
	w := livetest.NewWorld()
	_, a, b, _, _ := pair(t, w)
	room := w.Room("games", "ann", "bob")
	d := &diary{}
	_, err := b.SubscribeUser(t.Context(), livetest.Who("bob"), d)
	require.NoError(t, err)
	a.Publish(t.Context(), chat.ParticipantLeft{Place: livetest.At(room), Person: livetest.Person("bob"), Removed: true})
	d.await(t, "games: removed")
}

func TestChangesShowTheMessageAsItIs(t *testing.T) {
	w := livetest.NewWorld()
	_, a, b, _, _ := pair(t, w)
	room := w.Room("games", "ann")
	onA, onB := follow(t, a, "ann", "games"), follow(t, b, "ann", "games")
	m := w.Post(a, room, "ann", "one")
	onB.await(t, "one")
	// Two concurrent edits on two nodes: whichever is published last, both deliver the stored content.
	first, second := w.Edit(room, m.ID, "older"), w.Edit(room, m.ID, "newest")
	b.Publish(t.Context(), second)
	onA.await(t, "one", "edit: newest")
	onB.await(t, "one", "edit: newest")
	a.Publish(t.Context(), first)
	for _, h := range []*live.Hub{a, b, a} {
		h.Publish(t.Context(), second) // received again, delivered once
	}
	w.Post(a, room, "ann", "two")
	for _, d := range []*diary{onA, onB} {
		eventually(t, func() bool { return len(d.all()) >= 4 })
		require.ElementsMatch(t, []string{"one", "edit: newest", "edit: newest", "two"}, d.all())
	}
}

// A change is delivered even if the store cannot be read.
func TestChangesWithoutStore(t *testing.T) {
	w := livetest.NewWorld()
	h := hub(t, w, nil)
	room := w.Room("games", "ann")
	d := follow(t, h, "ann", "games")
	m := w.Post(h, room, "ann", "one")
	e := w.Edit(room, m.ID, "edited")
	w.Fail(chat.ErrUnavailable(nil))
	h.Publish(t.Context(), e)
	d.await(t, "one", "edit: edited")
}

func replay(t testing.TB, h *live.Hub, d *diary, after id.ID) (recovered bool) {
	s, err := h.Subscribe(t.Context(), livetest.Who("ann"), "games", live.Messages, d, true)
	require.NoError(t, err)
	missed, recovered := h.Replay(t.Context(), s, after)
	for m, err := range missed.Each(t.Context()) {
		require.NoError(t, err)
		d.Deliver(m)
	}
	s.Replayed(missed)
	return recovered
}

func TestReplayOfChanges(t *testing.T) {
	w := livetest.NewWorld()
	h := hub(t, w, nil)
	room := w.Room("games", "ann")
	one, two := w.Post(h, room, "ann", "one"), w.Post(h, room, "ann", "two")
	before := w.Edit(room, one.ID, "seen")
	w.Edit(room, two.ID, "first edit")
	w.Post(h, room, "ann", "three")
	last := w.Edit(room, two.ID, "second edit")
	w.Post(h, room, "ann", "four")

	d := &diary{}
	require.True(t, replay(t, h, d, before.Change))
	d.await(t, "three", "edit: second edit", "four")
	// A change that arrives during its replay is not lost, even if it was replayed already.
	h.Publish(t.Context(), last)
	d.await(t, "three", "edit: second edit", "four", "edit: second edit")

}

// However often a message was changed, its newest change is replayed. More changed messages than MaxReplay are not.
func TestReplayOfManyChangesOfOneMessage(t *testing.T) {
	w := livetest.NewWorld()
	h := hub(t, w, nil)
	room := w.Room("games", "ann")
	one := w.Post(h, room, "ann", "one")
	for range 3 * live.MaxReplay {
		w.Edit(room, one.ID, "x")
	}
	w.Edit(room, one.ID, "the last")
	d := &diary{}
	require.True(t, replay(t, h, d, one.ID))
	d.await(t, "edit: the last")

	for range live.MaxReplay {
		w.Edit(room, w.Post(h, room, "ann", "another").ID, "y")
	}
	d = &diary{}
	require.False(t, replay(t, h, d, one.ID))
	require.Empty(t, d.all())
}

// changeGone stores entries of changes whose messages are gone.
func changeGone(w *livetest.World, r chat.Room, n int) {
	for range n {
		c := chat.Change{Kind: chat.Edit, ID: w.Message("", "").ID, By: livetest.Person("ann")}
		w.Store(chat.Room{ID: chat.ChangesOf(r.Log(livetest.Tenant)).ID}, c.Entry(w.Message("", "").ID))
	}
}

// Changes of messages that are gone are skipped: what follows them is replayed, or recovered is false.
func TestReplayPastChangesOfMessagesThatAreGone(t *testing.T) {
	w := livetest.NewWorld()
	h := hub(t, w, nil)
	room := w.Room("games", "ann")
	m := w.Post(h, room, "ann", "one")
	changeGone(w, room, live.MaxReplay+1)
	w.Edit(room, m.ID, "edited")
	d := &diary{}
	require.True(t, replay(t, h, d, m.ID))
	d.await(t, "edit: edited")
	changeGone(w, room, 21*live.MaxReplay)
	w.Edit(room, m.ID, "edited more")
	d = &diary{}
	require.False(t, replay(t, h, d, m.ID))
	require.Empty(t, d.all())
}

func TestRepairPastChangesOfMessagesThatAreGone(t *testing.T) {
	w := livetest.NewWorld()
	x, a, b, busA, busB := pair(t, w)
	room := w.Room("games", "ann")
	onB := follow(t, b, "ann", "games")
	m := w.Post(a, room, "ann", "one")
	onB.await(t, "one")
	x.Cut(busA, busB)
	changeGone(w, room, 500)
	a.Publish(t.Context(), w.Edit(room, m.ID, "edited"))
	x.Heal(busA, busB)
	onB.await(t, "one", "edit: edited")
}

// A change that was delivered after a newer message is replayed to a subscriber that resumes from that message.
func TestReplayOfAnOvertakenChange(t *testing.T) {
	w := livetest.NewWorld()
	h := hub(t, w, nil)
	room := w.Room("games", "ann")
	d := follow(t, h, "ann", "games")
	one := w.Post(h, room, "ann", "one")
	late := w.Edit(room, one.ID, "edited")
	two := w.Post(h, room, "ann", "two")
	h.Publish(t.Context(), late)
	d.await(t, "one", "two", "edit: edited")
	again := &diary{}
	require.True(t, replay(t, h, again, two.ID))
	again.await(t, "edit: edited")
	// Also if a newer change of the message was delivered before, at a moment when the late one was not stored yet.
	w.Edit(room, one.ID, "edited more")
	again = &diary{}
	require.True(t, replay(t, h, again, two.ID))
	again.await(t, "edit: edited more", "edit: edited more")
}

func TestChangesAreRepaired(t *testing.T) {
	w := livetest.NewWorld()
	x, a, b, busA, busB := pair(t, w)
	room := w.Room("games", "ann")
	onB := follow(t, b, "ann", "games")
	m := w.Post(a, room, "ann", "one")
	onB.await(t, "one")
	x.Cut(busA, busB)
	a.Publish(t.Context(), w.Edit(room, m.ID, "edited"))
	x.Heal(busA, busB)
	onB.await(t, "one", "edit: edited")
}

func userHub(t testing.TB, w *livetest.World, bus live.Bus) *live.Hub {
	h, err := live.New(live.Options{Bus: bus, History: w, Access: w.Access, RoomsOf: w.RoomsOf, Readings: w.Readings, Log: quiet,
		Beat: 10 * time.Millisecond, PeerLost: 500 * time.Millisecond})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, h.Close())
		if bus != nil {
			require.NoError(t, bus.Close())
		}
	})
	return h
}

func TestAUserHearsOfTheirRooms(t *testing.T) {
	w := livetest.NewWorld()
	x := live.NewExchange()
	a, b := userHub(t, w, x.Bus()), userHub(t, w, x.Bus())
	livetest.Settled(t, a, b)
	games, other := w.Room("games", "ann", "bob"), w.Room("other", "ann")
	mine := &diary{}
	s, err := b.SubscribeUser(t.Context(), livetest.Who("bob"), mine)
	require.NoError(t, err)
	want := []string{}
	hears := func(more ...string) {
		t.Helper()
		want = append(want, more...)
		mine.await(t, want...)
	}
	w.Post(a, games, "ann", "hello")
	w.Post(a, other, "ann", "not for bob")
	hears("games: hello")
	own := w.Post(a, games, "bob", "own")
	hears("games: own", "games read")
	a.Publish(t.Context(), chat.ReadMoved{Place: livetest.At(games), Login: "bob", Read: own.ID},
		chat.ReadMoved{Place: livetest.At(games), Login: "ann", Read: own.ID},
		chat.MuteChanged{Place: livetest.At(games), Login: "bob", Muted: true})
	hears("games read", "games muted true")
	renamed := chat.Person{Login: "ann", FirstName: "Anna", LastName: "S"}
	a.Publish(t.Context(), chat.ParticipantRenamed{Place: livetest.At(games), Person: renamed},
		chat.ParticipantRenamed{Place: livetest.At(other), Person: renamed})
	hears("games renamed Anna S")
	w.Join(a, other, "bob")
	hears("other joined", "other: First bob Last bob joins the room")
	w.Post(a, other, "ann", "for bob now")
	hears("other: for bob now")
	w.Leave(a, other, "bob")
	w.Post(a, other, "ann", "no more")
	hears("other left")
	created := w.Room("mine", "bob")
	a.Publish(t.Context(), chat.RoomCreated{Place: livetest.At(created), Creator: livetest.Person("bob")})
	w.Post(a, created, "bob", "first")
	hears("mine joined", "mine: first", "mine read")
	w.Delete(a, created)
	hears("mine deleted")
	w.Post(a, games, "ann", "last")
	hears("games: last")
	require.Empty(t, a.Online(livetest.Tenant, games.Ref()), "to hear of a room is not to be in it")

	s.End()
	follower := follow(t, b, "ann", "games")
	w.Post(a, games, "ann", "after the end")
	follower.await(t, "after the end")
	require.Equal(t, want, mine.all())
	require.False(t, mine.ended || mine.lost)
}

// The event of a join on another node may arrive after that of a newer leave: the store decides.
func TestAJoinThatIsOverDoesNotOpenARoom(t *testing.T) {
	w := livetest.NewWorld()
	h := userHub(t, w, nil)
	games := w.Room("games", "ann")
	mine := &diary{}
	_, err := h.SubscribeUser(t.Context(), livetest.Who("bob"), mine)
	require.NoError(t, err)
	h.Publish(t.Context(), chat.ParticipantJoined{Place: livetest.At(games), Person: livetest.Person("bob")})
	// The check runs in the background: from some message on, nothing is delivered.
	follower := follow(t, h, "ann", "games")
	posted := 0
	eventually(t, func() bool {
		before := len(mine.all())
		w.Post(h, games, "ann", "x")
		posted++
		return len(mine.all()) == before
	})
	eventually(t, func() bool { return len(follower.all()) == posted })
	require.Less(t, len(mine.all()), posted+1)
}

func TestUsersRoomsAreRepaired(t *testing.T) {
	w := livetest.NewWorld()
	x := live.NewExchange()
	busA, busB := x.Bus(), x.Bus()
	a, b := userHub(t, w, busA), userHub(t, w, busB)
	livetest.Settled(t, a, b)
	games, other := w.Room("games", "ann", "bob"), w.Room("other", "ann")
	mine := &diary{}
	_, err := b.SubscribeUser(t.Context(), livetest.Who("bob"), mine)
	require.NoError(t, err)
	w.Post(a, games, "ann", "one")
	mine.await(t, "games: one")
	x.Cut(busA, busB)
	w.Post(a, games, "ann", "two")
	w.Join(a, other, "bob")
	x.Heal(busA, busB)
	hears := func(text string) {
		t.Helper()
		eventually(t, func() bool { return slices.Contains(mine.all(), text) })
	}
	hears("games: two")
	hears("other joined")
	w.Post(a, other, "ann", "three")
	hears("other: three")

	x.Cut(busA, busB)
	w.Leave(a, games, "bob")
	x.Heal(busA, busB)
	hears("games left")
	w.Post(a, games, "ann", "secret")
	w.Post(a, other, "ann", "four")
	hears("other: four")
	require.NotContains(t, mine.all(), "games: secret")
}

func TestAUserWhoseRoomsCannotBeRead(t *testing.T) {
	w := livetest.NewWorld()
	h := userHub(t, w, nil)
	w.Room("games", "bob")
	w.Fail(chat.ErrUnavailable(nil))
	_, err := h.SubscribeUser(t.Context(), livetest.Who("bob"), &diary{})
	require.True(t, chat.IsKind(err, chat.Unavailable))
}

// Changes that affect lists of rooms are delivered to the users' topics too: edits and deletions, not reactions.
func TestAUserReceivesChangesInTheirRooms(t *testing.T) {
	w := livetest.NewWorld()
	x := live.NewExchange()
	busA, busB := x.Bus(), x.Bus()
	a, b := userHub(t, w, busA), userHub(t, w, busB)
	livetest.Settled(t, a, b)
	games := w.Room("games", "ann", "bob")
	mine := &diary{}
	_, err := b.SubscribeUser(t.Context(), livetest.Who("bob"), mine)
	require.NoError(t, err)
	m := w.Post(a, games, "ann", "hello")
	mine.await(t, "games: hello")
	edit := w.Edit(games, m.ID, "edited")
	a.Publish(t.Context(), edit, edit)
	mine.await(t, "games: hello", "edit: edited")
	reaction := w.Edit(games, m.ID, "edited")
	reaction.Kind = chat.React
	deletion := w.Edit(games, m.ID, "")
	deletion.Kind = chat.Delete
	a.Publish(t.Context(), reaction, deletion)
	mine.await(t, "games: hello", "edit: edited", "delete: ")

	x.Cut(busA, busB)
	a.Publish(t.Context(), w.Edit(games, m.ID, "missed"))
	x.Heal(busA, busB)
	eventually(t, func() bool { return slices.Contains(mine.all(), "edit: missed") })
}
