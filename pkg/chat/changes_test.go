package chat_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// takeAll returns the events published since the last take, newest kinds included.
func (r *recorder) takeAll() []chat.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.events
	r.events = nil
	return out
}

func TestChangesAreTold(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.user("ann"), w.user("bob")
	w.room("games", ann, bob)
	m := w.post(bob, "games", "hello")
	w.events.takeAll()

	_, err := w.EditMessage(t.Context(), bob, "games", m.ID, new("hello again"))
	require.NoError(t, err)
	for range 2 { // the second time changes nothing, and is not published
		_, err = w.React(t.Context(), ann, "games", m.ID, "👍", true)
		require.NoError(t, err)
	}
	for range 2 {
		require.NoError(t, w.DeleteMessage(t.Context(), ann, "games", m.ID))
	}
	_, err = w.EditMessage(t.Context(), bob, "games", m.ID, new("back"))
	require.True(t, chat.IsKind(err, chat.Conflict), "%v", err)
	_, err = w.EditMessage(t.Context(), ann, "games", m.ID, new("mine now"))
	require.True(t, chat.IsKind(err, chat.Forbidden), "%v", err)

	told := w.events.takeAll()
	require.Len(t, told, 3)
	page, err := w.Changes(t.Context(), ann, "games", id.Min, 10)
	require.NoError(t, err)
	require.False(t, page.HasMore)
	cs := page.Changes
	require.Len(t, cs, 3)
	last := m.ID
	for i, kind := range []chat.ChangeKind{chat.Edit, chat.React, chat.Delete} {
		e := told[i].(chat.MessageChanged)
		require.Equal(t, kind, e.Kind)
		require.Equal(t, m.ID, e.Message.ID)
		require.Equal(t, cs[i].ID, e.Change)
		require.Positive(t, e.Change.Compare(last))
		require.True(t, cs[i].Message.Deleted, "as it is now")
		last = e.Change
	}
	require.Equal(t, "hello again", told[1].(chat.MessageChanged).Message.Content)
}

// A change that cannot be stored is not published, and the message stays.
func TestAChangeThatFails(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann")
	w.room("games", ann)
	m := w.post(ann, "games", "hello")
	w.events.takeAll()
	w.store.on(func(_ context.Context, call string) error {
		if call == "ChangeMessage" {
			return chat.ErrUnavailable(nil)
		}
		return nil
	})
	_, err := w.EditMessage(t.Context(), ann, "games", m.ID, new("edited"))
	require.True(t, chat.IsKind(err, chat.Unavailable))
	w.store.on(nil)
	require.Empty(t, w.events.takeAll())
	require.Equal(t, []string{"hello"}, w.contents(ann, "games"))
	w.post(ann, "games", "goes on")
	require.Len(t, w.events.takeAll(), 1, "nothing waits for the change that failed")
}

func (h *hooked) ChangeMessage(ctx context.Context, l chat.Log, m id.ID, decide func(chat.Message) (chat.Change, error)) (chat.Message, error) {
	if err := h.call(ctx, "ChangeMessage"); err != nil {
		return chat.Message{}, err
	}
	now, err := h.Stores.ChangeMessage(ctx, l, m, decide)
	return now, h.answer("ChangeMessage", err)
}

func (h *hooked) CountUnread(ctx context.Context, spans []chat.Span, but string, bound int) (map[id.ID]int, error) {
	if err := h.call(ctx, "CountUnread"); err != nil {
		return nil, err
	}
	return h.Stores.CountUnread(ctx, spans, but, bound)
}

func (h *hooked) SetRead(ctx context.Context, t chat.Tenant, room id.ID, login string, to id.ID) error {
	if err := h.call(ctx, "SetRead"); err != nil {
		return err
	}
	return h.answer("SetRead", h.Stores.SetRead(ctx, t, room, login, to))
}

func (h *hooked) SetBack(ctx context.Context, t chat.Tenant, room id.ID, login string, b chat.Back) error {
	return h.answer("SetBack", h.Stores.SetBack(ctx, t, room, login, b))
}

func (h *hooked) SetMuted(ctx context.Context, t chat.Tenant, room id.ID, login string, muted bool) error {
	return h.answer("SetMuted", h.Stores.SetMuted(ctx, t, room, login, muted))
}

// A message has at most MaxReactions, on a store that decides under a lock, however many users react concurrently.
func TestReactionsAreBounded(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann")
	w.room("games", ann)
	m := w.post(ann, "games", "hello")
	var wg sync.WaitGroup
	for i := range chat.MaxEmojis + 5 {
		wg.Go(func() {
			_, err := w.React(t.Context(), ann, "games", m.ID, string(rune('😀'+i)), true)
			if err != nil && !chat.IsKind(err, chat.Conflict) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got, err := w.Message(t.Context(), ann, "games", m.ID)
	require.NoError(t, err)
	require.Len(t, got.Reactions, chat.MaxEmojis)
}

func (w *world) state(who chat.Identity, room string) chat.RoomState {
	w.t.Helper()
	all, _, err := w.RoomStates(w.t.Context(), who, who.Login, "", 100)
	require.NoError(w.t, err)
	for _, s := range all {
		if s.Name == room {
			return s
		}
	}
	require.Fail(w.t, "not in the room")
	return chat.RoomState{}
}

// Clients add what they hear after the newest message of a state: it is not in the state's count.
func TestAStateCountsUpToItsNewestMessage(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.user("ann"), w.user("bob")
	w.room("games", ann, bob)
	first := w.post(ann, "games", "first")
	w.store.on(func(_ context.Context, call string) error {
		if call == "CountUnread" {
			w.store.on(nil)
			w.post(ann, "games", "meanwhile")
		}
		return nil
	})
	got := w.state(bob, "games")
	require.Equal(t, first.ID, got.Last.ID)
	require.Equal(t, 1, got.Unread)
	require.Equal(t, 2, w.state(bob, "games").Unread)
}

// A message does not wait for its author's read position, and the position shows immediately nevertheless.
func TestPostingMovesOnesOwnPosition(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.user("ann"), w.user("bob")
	w.room("games", ann, bob)
	w.post(ann, "games", "unread by bob")
	require.Equal(t, 1, w.state(bob, "games").Unread)
	release, stored := make(chan struct{}), make(chan struct{}, 10)
	w.store.on(func(_ context.Context, call string) error {
		if call == "SetRead" {
			stored <- struct{}{}
			<-release
		}
		return nil
	})
	m := w.post(bob, "games", "bob's")
	require.Equal(t, m.ID, w.state(bob, "games").Read)
	require.Zero(t, w.state(bob, "games").Unread)
	<-stored
	close(release)
	require.Eventually(t, func() bool {
		kept, err := w.store.Readings(t.Context(), tenant, "bob", []id.ID{w.id("games")})
		return err == nil && kept[w.id("games")].Read == m.ID
	}, 10*time.Second, time.Millisecond)
}

// A service that closes writes the pending read positions.
func TestPositionsAreStoredAtTheEnd(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann")
	w.room("games", ann)
	m := w.post(ann, "games", "last")
	room := w.id("games")
	w.Close()
	kept, err := w.store.Readings(t.Context(), tenant, "ann", []id.ID{room})
	require.NoError(t, err)
	require.Equal(t, m.ID, kept[room].Read)
}

func (w *world) id(room string) id.ID {
	w.t.Helper()
	v, err := w.Room(w.t.Context(), app, room)
	require.NoError(w.t, err)
	return v.ID
}

func TestReadingAndMutingAreToldToTheirUser(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.user("ann"), w.user("bob")
	w.room("games", ann, bob)
	first, last := w.post(ann, "games", "one"), w.post(ann, "games", "two")
	w.events.takeAll()
	for _, m := range []chat.Message{last, last, first} {
		require.NoError(t, w.MarkRead(t.Context(), bob, "games", m.ID))
	}
	require.NoError(t, w.Mute(t.Context(), bob, "games", true))
	told := w.events.takeAll()
	require.Len(t, told, 2)
	require.Equal(t, last.ID, told[0].(chat.ReadMoved).Read)
	require.Equal(t, "bob", told[0].(chat.ReadMoved).Login)
	require.Equal(t, true, told[1].(chat.MuteChanged).Muted)
	s := w.state(bob, "games")
	require.Equal(t, last.ID, s.Read)
	require.True(t, s.Muted)
	require.Equal(t, "two", s.Last.Content)
}

// A user marks messages as unread and reads them anew. Each move is published, and holds until the next.
func TestMarkingUnread(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.user("ann"), w.user("bob")
	w.room("games", ann, bob)
	var ms []id.ID
	for i := range 6 {
		ms = append(ms, w.post(ann, "games", fmt.Sprint(i)).ID)
	}
	w.events.takeAll()
	is := func(at id.ID, unread int, marked bool) {
		t.Helper()
		s := w.state(bob, "games")
		require.Equal(t, []any{at, unread, marked}, []any{s.Position(), s.Unread, s.MarkedUnread()})
	}
	moved := func(at id.ID, back bool) {
		t.Helper()
		told := w.events.takeAll()
		require.Len(t, told, 1)
		e := told[0].(chat.ReadMoved)
		require.Equal(t, []any{at, back}, []any{e.Read, e.Back})
	}
	require.NoError(t, w.MarkRead(t.Context(), bob, "games", ms[4]))
	moved(ms[4], false)
	require.NoError(t, w.MarkUnread(t.Context(), bob, "games", ms[2]))
	moved(ms[1], true)
	is(ms[1], 4, true)
	// What was read before is read anew, step by step.
	require.NoError(t, w.MarkRead(t.Context(), bob, "games", ms[0]))
	require.Empty(t, w.events.takeAll(), "read already")
	require.NoError(t, w.MarkRead(t.Context(), bob, "games", ms[3]))
	moved(ms[3], false)
	is(ms[3], 2, true)
	// It can also move on.
	require.NoError(t, w.MarkUnread(t.Context(), bob, "games", ms[5]))
	moved(ms[4], true)
	is(ms[4], 1, true)
	require.NoError(t, w.MarkRead(t.Context(), bob, "games", ms[5]))
	moved(ms[5], false)
	is(ms[5], 0, false)
	// Before the first message there is none to name.
	page, err := w.Messages(t.Context(), bob, "games", chat.PageQuery{Limit: 100})
	require.NoError(t, err)
	oldest := page.Messages[0].ID
	for _, m := range page.Messages {
		if m.ID.Compare(oldest) < 0 {
			oldest = m.ID
		}
	}
	require.NoError(t, w.MarkUnread(t.Context(), bob, "games", oldest))
	require.Negative(t, w.state(bob, "games").Position().Compare(oldest))
	require.Equal(t, 6, w.state(bob, "games").Unread)
	// Who writes has read what was there.
	own := w.post(bob, "games", "mine")
	is(own.ID, 0, false)
	requireKind(t, chat.NotFound, w.MarkUnread(t.Context(), bob, "games", id.NewGenerator(nil).New()))
	requireKind(t, chat.Forbidden, w.MarkUnread(t.Context(), w.user("eve"), "games", own.ID))
}

// A position that is still being written is one of a message that exists: going back holds nevertheless.
func TestMarkingUnreadAfterPosting(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.user("ann"), w.user("bob")
	w.room("games", ann, bob)
	first := w.post(ann, "games", "one")
	require.NoError(t, w.MarkRead(t.Context(), bob, "games", first.ID))
	own := w.post(bob, "games", "mine")
	require.NoError(t, w.MarkUnread(t.Context(), bob, "games", first.ID))
	room := w.id("games")
	w.Close() // it writes the positions that wait
	kept, err := w.store.Readings(t.Context(), tenant, "bob", []id.ID{room})
	require.NoError(t, err)
	require.Equal(t, own.ID, kept[room].Read)
	require.Negative(t, kept[room].Position().Compare(first.ID))
}

func TestCreatorsHearOfTheirRooms(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann")
	w.room("games", ann)
	told := w.events.takeAll()
	require.Len(t, told, 1)
	require.Equal(t, "ann", told[0].(chat.RoomCreated).Creator.Login)
}

// A reaction that an earlier version stored with any text is shown, and can be withdrawn.
func TestReactionsOfEarlierVersions(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann")
	w.room("games", ann)
	m := w.post(ann, "games", "hello")
	r, _, err := w.Access(t.Context(), ann, "games")
	require.NoError(t, err)
	for _, text := range []string{"+1", "❤"} {
		_, err = w.store.ChangeMessage(t.Context(), r.Log(tenant), m.ID, func(chat.Message) (chat.Change, error) {
			return chat.Change{Kind: chat.React, ID: id.NewGenerator(nil).New(), By: chat.Person{Login: "ann"}, Emoji: text, On: true}, nil
		})
		require.NoError(t, err)
	}
	got, err := w.Message(t.Context(), ann, "games", m.ID)
	require.NoError(t, err)
	require.Len(t, got.Reactions, 2)
	_, err = w.React(t.Context(), ann, "games", m.ID, "+1", true)
	require.True(t, chat.IsKind(err, chat.Invalid))
	for _, text := range []string{"+1", "❤"} {
		got, err = w.React(t.Context(), ann, "games", m.ID, text, false)
		require.NoError(t, err)
	}
	require.Empty(t, got.Reactions)
	_, err = w.React(t.Context(), ann, "games", m.ID, "+1", false)
	require.True(t, chat.IsKind(err, chat.Invalid), "it is gone")
}
