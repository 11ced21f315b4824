package chat_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/chat/chattest"
	"github.com/confab-chat/confab/pkg/clocktest"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/store/embedded"
)

func TestSpellingsOfRetentions(t *testing.T) {
	for text, want := range map[string]struct {
		is     chat.Retention
		spells string
	}{
		"default": {chat.ServerRetention, "default"}, "forever": {chat.Forever, "forever"},
		"1h": {chat.MinRetention, "1h"}, "36500d": {chat.MaxRetention, "36500d"},
		"30d": {chat.Retention(720 * time.Hour), "30d"}, "720h": {chat.Retention(720 * time.Hour), "30d"},
		"1d12h": {chat.Retention(36 * time.Hour), "36h"}, "36h": {chat.Retention(36 * time.Hour), "36h"},
		"1h10m": {chat.Retention(70 * time.Minute), "1h10m"}, "90m": {chat.Retention(90 * time.Minute), "1h30m"},
		"3601s": {chat.MinRetention + chat.Retention(time.Second), "1h1s"},
	} {
		got, err := chat.ParseRetention(text)
		require.NoError(t, err, text)
		require.Equal(t, want.is, got, text)
		require.Equal(t, want.spells, got.String(), text)
		again, err := chat.ParseRetention(got.String())
		require.NoError(t, err)
		require.Equal(t, got, again)
	}
	for _, bad := range []string{"", "0", "0d", "59m", "3599s", "36501d", "36500d1h", "-30d", "30", "d", "1d1d", "1d-1h", "30 d", "1.5d",
		"1h0.5s", "never", "Forever", "99999999999999999999d", "1e3h"} {
		_, err := chat.ParseRetention(bad)
		require.True(t, chat.IsKind(err, chat.Invalid), bad)
	}
}

// newTimedWorld returns a world with its own clock and a server's retention.
func newTimedWorld(t *testing.T, retention time.Duration) (*world, *clocktest.Clock) {
	t.Helper()
	c := clocktest.New(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	st, err := embedded.Open(t.TempDir(), embedded.Options{Logger: slog.New(slog.DiscardHandler), CacheBytes: 1 << 20, Now: c.Now})
	require.NoError(t, err)
	rec := &recorder{}
	s := chat.NewService(chat.Options{Reader: reader(t, chat.ReaderOptions{Store: st, Now: c.Now, Retention: retention}),
		Hasher: chattest.PlainHasher{}, Publisher: rec, Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() {
		s.Close()
		require.NoError(t, st.Close())
	})
	return &world{Service: s, t: t, store: &hooked{Stores: st}, events: rec}, c
}

func (w *world) retain(who chat.Identity, room string, to chat.Retention) {
	w.t.Helper()
	v, err := w.SetRetention(w.t.Context(), who, room, to)
	require.NoError(w.t, err)
	require.Equal(w.t, to, v.Retention)
}

// trim removes the messages of a room that are too old at a time.
func (w *world) trim(room string, at time.Time) {
	w.t.Helper()
	r, err := w.store.Room(w.t.Context(), tenant, room)
	require.NoError(w.t, err)
	require.NoError(w.t, w.store.Stores.(chat.Trimmer).Trim(w.t.Context(), r.Log(tenant), w.Horizon(r.Retention, at)))
}

// No way of reading shows a message that is too old.
func TestOldMessagesAreShownNowhere(t *testing.T) {
	w, clock := newTimedWorld(t, 0)
	ctx := t.Context()
	ann, bob := w.user("ann"), w.user("bob")
	w.room("lounge", ann, bob)
	w.retain(ann, "lounge", chat.MinRetention)
	v, err := w.Room(ctx, app, "lounge")
	require.NoError(t, err)
	place := chat.Place{Tenant: tenant, Room: chat.RoomRef{ID: v.ID, Name: "lounge"}}

	old := w.post(ann, "lounge", "old")
	clock.Add(59 * time.Minute)
	_, err = w.EditMessage(ctx, ann, "lounge", old.ID, new("edited"))
	require.NoError(t, err)
	fresh := w.post(ann, "lounge", "fresh")
	_, err = w.React(ctx, bob, "lounge", fresh.ID, "👍", true)
	require.NoError(t, err)
	require.Equal(t, []string{"edited", "fresh"}, w.contents(bob, "lounge")[1:]) // after the message about the join

	look := func(want ...string) {
		t.Helper()
		page := func(q chat.PageQuery) []string {
			t.Helper()
			q.Limit = 10
			p, err := w.Messages(ctx, bob, "lounge", q)
			require.NoError(t, err)
			require.False(t, p.HasMore())
			return said(p.Messages)
		}
		before := want
		if len(want) > 0 {
			before = want[:len(want)-1]
		}
		require.ElementsMatch(t, want, page(chat.PageQuery{}))
		require.ElementsMatch(t, want, page(chat.PageQuery{After: &id.Min}))
		require.ElementsMatch(t, want, page(chat.PageQuery{Around: &old.ID}))
		require.ElementsMatch(t, want, page(chat.PageQuery{Around: &fresh.ID}))
		require.ElementsMatch(t, before, page(chat.PageQuery{Before: &fresh.ID}))
		require.Empty(t, page(chat.PageQuery{Before: &old.ID}))
		if len(before) == 0 {
			require.ElementsMatch(t, want, page(chat.PageQuery{After: &old.ID}))
		}
	}
	clock.Add(2 * time.Minute)
	look("fresh")

	notFound := func(err error) {
		t.Helper()
		require.True(t, chat.IsKind(err, chat.NotFound), "%v", err)
	}
	_, err = w.Message(ctx, bob, "lounge", old.ID)
	notFound(err)
	_, err = w.EditMessage(ctx, ann, "lounge", old.ID, new("again"))
	notFound(err)
	_, err = w.React(ctx, bob, "lounge", old.ID, "👍", true)
	notFound(err)
	notFound(w.DeleteMessage(ctx, ann, "lounge", old.ID))
	notFound(w.MarkRead(ctx, bob, "lounge", old.ID))
	_, err = w.Post(ctx, bob, "lounge", chat.NewMessage{Content: new("re"), ReplyTo: &old.ID})
	notFound(err)

	// The edit is younger than an hour, what it edited is not.
	page, err := w.Changes(ctx, bob, "lounge", id.Min, 10)
	require.NoError(t, err)
	require.False(t, page.HasMore)
	require.Len(t, page.Changes, 1)
	require.Equal(t, fresh.ID, page.Changes[0].Message.ID)
	page, err = w.History().Changes(ctx, place, id.Min, 10)
	require.NoError(t, err)
	require.Len(t, page.Changes, 1)
	ms, err := w.History().Newer(ctx, place, id.Min, true, 10)
	require.NoError(t, err)
	require.Equal(t, []string{"fresh"}, said(ms))
	by, err := w.History().MessagesByID(ctx, place, []id.ID{old.ID, fresh.ID})
	require.NoError(t, err)
	require.Len(t, by, 1)
	require.Contains(t, by, fresh.ID)

	state := func(unread int, last string) {
		t.Helper()
		states, _, err := w.RoomStates(ctx, bob, "bob", "", 10)
		require.NoError(t, err)
		require.Len(t, states, 1)
		require.Equal(t, unread, states[0].Unread)
		if last == "" {
			require.Nil(t, states[0].Last)
			return
		}
		require.Equal(t, last, states[0].Last.Content)
	}
	state(1, "fresh")
	report, err := w.RoomReport(ctx, tenant, "lounge")
	require.NoError(t, err)
	require.Equal(t, fresh.CreatedAt(), report.Oldest)
	require.Equal(t, fresh.CreatedAt(), report.Newest)

	clock.Add(time.Hour)
	look()
	state(0, "")
	report, err = w.RoomReport(ctx, tenant, "lounge")
	require.NoError(t, err)
	require.Zero(t, report.Newest)
	_, err = w.Message(ctx, bob, "lounge", fresh.ID)
	notFound(err)

	// Nothing is trimmed yet: a longer retention shows messages immediately.
	w.retain(ann, "lounge", chat.Forever)
	require.Equal(t, []string{"edited", "fresh"}, w.contents(bob, "lounge")[1:])
	state(2, "fresh")
}

func TestHistoryOfARoomThatIsGone(t *testing.T) {
	w, _ := newTimedWorld(t, 0)
	ann := w.user("ann")
	w.room("lounge", ann)
	m := w.post(ann, "lounge", "hello")
	v, err := w.Room(t.Context(), app, "lounge")
	require.NoError(t, err)
	place := chat.Place{Tenant: tenant, Room: chat.RoomRef{ID: v.ID, Name: "lounge"}}
	shows := func(want int) {
		t.Helper()
		ms, err := w.History().Newer(t.Context(), place, id.Min, true, 10)
		require.NoError(t, err)
		require.Len(t, ms, want)
		by, err := w.History().MessagesByID(t.Context(), place, []id.ID{m.ID})
		require.NoError(t, err)
		require.Len(t, by, want)
	}
	shows(1)
	require.NoError(t, w.DeleteRoom(t.Context(), ann, "lounge"))
	shows(0)
	w.room("lounge", ann)
	shows(0)
}

func TestTheServersRetention(t *testing.T) {
	w, clock := newTimedWorld(t, 24*time.Hour)
	ctx := t.Context()
	ann, bob := w.user("ann"), w.user("bob")
	for room, to := range map[string]chat.Retention{"default": chat.ServerRetention, "ever": chat.Forever, "long": chat.Retention(48 * time.Hour)} {
		w.room(room, ann)
		w.retain(ann, room, to)
		v, err := w.Room(ctx, app, room)
		require.NoError(t, err)
		keep := map[string]time.Duration{"default": 24 * time.Hour, "ever": 0, "long": 48 * time.Hour}[room]
		require.Equal(t, keep, v.Keep)

		require.NoError(t, w.Join(ctx, bob, room, nil))
		w.post(ann, room, "one")
		w.post(ann, room, "two")
	}
	clock.Add(25 * time.Hour)
	require.Empty(t, w.contents(ann, "default"))
	require.Equal(t, []string{"one", "two"}, w.contents(ann, "ever")[1:])
	require.Equal(t, []string{"one", "two"}, w.contents(ann, "long")[1:])
}

func TestWhoSetsARetention(t *testing.T) {
	w, _ := newTimedWorld(t, 0)
	ctx := t.Context()
	ann, bob := w.user("ann"), w.user("bob")
	w.room("lounge", ann, bob)
	_, err := w.SetRetention(ctx, bob, "lounge", chat.MinRetention)
	require.True(t, chat.IsKind(err, chat.Forbidden))
	_, err = w.SetRetention(ctx, ann, "nowhere", chat.MinRetention)
	require.True(t, chat.IsKind(err, chat.NotFound))
	for _, bad := range []chat.Retention{1, -2, chat.MinRetention - 1, chat.MinRetention + 1, chat.MaxRetention + chat.Retention(time.Second)} {
		_, err = w.SetRetention(ctx, ann, "lounge", bad)
		require.True(t, chat.IsKind(err, chat.Invalid))
		_, err = w.ImposeRetention(ctx, tenant, "lounge", bad)
		require.True(t, chat.IsKind(err, chat.Invalid))
	}
	v, err := w.ImposeRetention(ctx, tenant, "lounge", chat.MaxRetention)
	require.NoError(t, err)
	require.Equal(t, chat.MaxRetention, v.Retention)
	_, err = w.ImposeRetention(ctx, tenant, "nowhere", chat.MinRetention)
	require.True(t, chat.IsKind(err, chat.NotFound))
	_, err = w.SetBanner(ctx, ann, "lounge", new("hi"), nil)
	require.NoError(t, err)
	v, err = w.Room(ctx, app, "lounge")
	require.NoError(t, err)
	require.Equal(t, chat.MaxRetention, v.Retention, "the banner is another thing")
}

// A retry does not restore the message and is not published.
func TestRetryOfAMessageThatIsGone(t *testing.T) {
	w, clock := newTimedWorld(t, time.Hour)
	ann := w.user("ann")
	w.room("lounge", ann)
	n := chat.NewMessage{Content: new("hello"), Key: new("k")}
	first, err := w.Post(t.Context(), ann, "lounge", n)
	require.NoError(t, err)
	for _, trimmed := range []bool{false, true} {
		clock.Add(2 * time.Hour)
		if trimmed {
			w.trim("lounge", clock.Now())
		}
		w.events.take()
		again, err := w.Post(t.Context(), ann, "lounge", n)
		require.NoError(t, err)
		require.Equal(t, first.ID, again.ID)
		require.Empty(t, w.events.take())
		require.Empty(t, w.contents(ann, "lounge"))
	}
}
