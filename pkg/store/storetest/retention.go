package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

var retentionTests = map[string]func(*env){
	"a room's retention": func(e *env) {
		month := chat.Retention(30 * 24 * time.Hour)
		made := e.room("made")
		made.Retention = month
		require.NoError(e, e.s.CreateRoom(e.ctx, e.tenant, made))
		got, err := e.s.Room(e.ctx, e.tenant, "made")
		require.NoError(e, err)
		require.Equal(e, made, got)

		r := e.newRoom("games")
		for _, to := range []chat.Retention{month, chat.Forever, chat.MaxRetention, chat.MinRetention + chat.Retention(time.Second), chat.ServerRetention, chat.Forever} {
			require.NoError(e, e.s.SetRetention(e.ctx, e.tenant, r.Ref(), to))
			r.Retention = to
			got, err := e.s.Room(e.ctx, e.tenant, "games")
			require.NoError(e, err)
			require.Equal(e, r, got)
			require.Equal(e, map[id.ID]chat.Retention{made.ID: month, r.ID: to}, e.retentions())
		}
		rooms, err := e.s.Rooms(e.ctx, e.tenant, "", 10)
		require.NoError(e, err)
		require.Equal(e, []chat.Room{r, made}, rooms)

		// Other changes of a room do not affect its retention.
		r.Banner = ptr("be kind")
		require.NoError(e, e.s.SetBanner(e.ctx, e.tenant, r.Ref(), r.Banner, nil))
		require.NoError(e, e.s.DisownRoom(e.ctx, e.tenant, r.Ref(), chat.Erased))
		r.Creator = chat.Erased
		got, err = e.s.Room(e.ctx, e.tenant, "games")
		require.NoError(e, err)
		require.Equal(e, r, got)

		for _, gone := range []chat.RoomRef{{ID: e.ids.New(), Name: "games"}, {ID: r.ID, Name: "never"}} {
			e.isAbout(e.s.SetRetention(e.ctx, e.tenant, gone, month), chat.NotFound, chat.RoomEntity)
		}
		require.NoError(e, e.s.DeleteRoom(e.ctx, e.tenant, r))
		e.isAbout(e.s.SetRetention(e.ctx, e.tenant, r.Ref(), month), chat.NotFound, chat.RoomEntity)
		require.Equal(e, map[id.ID]chat.Retention{made.ID: month}, e.retentions())
	},
	"the walk over rooms ends with an error": func(e *env) {
		e.newRoom("games")
		stop := fmt.Errorf("enough")
		require.ErrorIs(e, e.s.EachRetention(e.ctx, func(chat.Tenant, id.ID, chat.Retention) error { return stop }), stop)
	},
	"between": func(e *env) {
		l, ms := e.newLog(), years()
		require.NoError(e, e.s.AppendBatch(e.ctx, l, ms))
		between := func(before, after id.ID, limit int, want ...chat.Message) {
			e.Helper()
			got, err := e.s.Between(e.ctx, l, before, after, limit)
			require.NoError(e, err)
			slices.Reverse(want)
			sameMessages(e, want, got)
		}
		between(id.Max, id.ID{}, 1000, slices.Clone(ms)...)
		between(id.Max, id.Min, 1000, slices.Clone(ms)...)
		between(ms[70].ID, ms[10].ID, 1000, slices.Clone(ms[11:70])...)
		between(ms[70].ID, ms[10].ID, 5, slices.Clone(ms[65:70])...)
		between(ms[70].ID.Before(), ms[68].ID.Before(), 1000, slices.Clone(ms[68:70])...)
		between(id.Max, ms[97].ID, 1000, slices.Clone(ms[98:])...)
		between(ms[1].ID, id.Min, 1000, ms[0])
		between(ms[70].ID, ms[69].ID, 10)
		between(ms[70].ID, ms[70].ID, 10)
		between(ms[10].ID, ms[70].ID, 10)
		between(id.Max, id.Max, 10)
		between(id.FirstAt(time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)), id.Min, 10)
	},
	"newest after a position": func(e *env) {
		l, m := e.newLog(), e.message("hello")
		e.append(l, m)
		for after, want := range map[id.ID]map[id.ID]chat.Message{
			{}: {l.ID: m}, m.ID.Before(): {l.ID: m}, m.ID: {}, id.Max: {},
		} {
			got, err := e.s.Newest(e.ctx, []chat.Position{{Log: l, After: after}})
			require.NoError(e, err)
			require.Equal(e, want, got)
		}
	},
	"trim": func(e *env) {
		l, other, ms := e.newLog(), e.newLog(), years()
		require.NoError(e, e.s.AppendBatch(e.ctx, l, ms))
		require.NoError(e, e.s.AppendBatch(e.ctx, other, ms))
		old := e.change(l, ms[10].ID, chat.Change{ID: idAt(ms[20].CreatedAt(), 1), Kind: chat.Edit, Content: "edited"})
		kept := e.change(l, ms[80].ID, chat.Change{ID: idAt(ms[81].CreatedAt(), 1), Kind: chat.Edit, Content: "edited"})
		e.change(l, ms[90].ID, chat.Change{ID: idAt(ms[91].CreatedAt(), 1), Kind: chat.React, Emoji: "👍", On: true})
		left := slices.Clone(ms)
		left[10].Content, left[10].EditedAt = "edited", chat.EditedAt(old.ID)
		left[80].Content, left[80].EditedAt = "edited", chat.EditedAt(kept.ID)
		left[90].Reactions = []chat.Reaction{{Emoji: "👍", Logins: []string{"changer"}}}

		require.NoError(e, e.s.Trim(e.ctx, l, id.Min))
		require.Len(e, e.allNewer(l, 500), len(ms))
		require.NoError(e, e.s.Trim(e.ctx, l, ms[0].ID)) // itself stays
		require.Len(e, e.allNewer(l, 500), len(ms))
		for _, at := range []int{1, 50, 50, 79} {
			require.NoError(e, e.s.Trim(e.ctx, l, ms[at].ID))
			e.holds(l, left[at:]...)
			_, err := e.s.Message(e.ctx, l, ms[at-1].ID)
			e.isAbout(err, chat.NotFound, chat.MessageEntity)
		}
		entries := e.allNewer(chat.ChangesOf(l), 10)
		require.Len(e, entries, 2)
		require.NotEqual(e, old.ID, entries[0].ID)
		e.holds(other, ms...)

		// Trim removes all changes too: a message that is imported again has its original state.
		e.append(l, ms[10])
		e.holds(l, append([]chat.Message{ms[10]}, left[79:]...)...)
		require.NoError(e, e.s.Trim(e.ctx, l, id.Max))
		e.holds(l)
		e.holds(chat.ChangesOf(l))
		require.NoError(e, e.s.Trim(e.ctx, e.newLog(), id.Max))
	},
	"a trimmed room goes on": func(e *env) {
		l := e.newLog()
		first, second := e.message("1"), e.message("2")
		e.append(l, first, second)
		require.NoError(e, e.s.Trim(e.ctx, l, second.ID))
		third := e.message("3")
		e.append(l, third)
		e.holds(l, second, third)
		_, err := e.s.ChangeMessage(e.ctx, l, first.ID, func(chat.Message) (chat.Change, error) {
			require.Fail(e, "asked about a message that is not there")
			return chat.Change{}, nil
		})
		e.isAbout(err, chat.NotFound, chat.MessageEntity)
	},
	"trimmed at once, while others write": func(e *env) {
		l, ms := e.newLog(), years()
		require.NoError(e, e.s.AppendBatch(e.ctx, l, ms))
		late := make([]chat.Message, 3)
		for i := range late {
			late[i] = e.message(fmt.Sprint(i))
		}
		race(3+len(late), func(i int) {
			err := error(nil)
			if i < 3 {
				err = e.s.Trim(e.ctx, l, ms[50+i].ID)
			} else {
				err = e.s.Append(e.ctx, l, late[i-3])
			}
			if err != nil {
				e.Errorf("%v", err)
			}
		})
		e.holds(l, append(slices.Clone(ms[52:]), late...)...)
	},
	"what is removed goes by the present time": func(e *env) {
		for range 2 {
			before := time.Now()
			at, err := e.s.RemovalTime(e.ctx)
			require.NoError(e, err)
			require.WithinRange(e, at, before.Add(-time.Minute), time.Now().Add(time.Minute))
		}
	},
	"a key still means its message when that is gone": func(e *env) {
		l, m := e.newLog(), e.message("hello")
		m.ID = idAt(time.Now().Add(-2*time.Hour), 7)
		horizon := id.FirstAt(time.Now().Add(-time.Hour))
		_, repeated, err := e.s.AppendOnce(e.ctx, l, "k", m, id.ID{})
		require.NoError(e, err)
		require.False(e, repeated)
		require.NoError(e, e.s.Trim(e.ctx, l, horizon))
		again := m
		again.ID = e.ids.New()
		first, repeated, err := e.s.AppendOnce(e.ctx, l, "k", again, horizon)
		require.NoError(e, err)
		require.True(e, repeated)
		require.Equal(e, m.ID, first.ID)
		e.holds(l)
		again.Content = "something else"
		_, _, err = e.s.AppendOnce(e.ctx, l, "k", again, horizon)
		e.isAbout(err, chat.Conflict, chat.KeyEntity)
	},
	"a retention that is lengthened keeps what it had not removed": lengthen,
}

// lengthen posts under a retention of an hour, lengthens it, and reads the messages when the hour is over.
func lengthen(e *env) {
	// The service's clock is behind, so that the hour is over soon.
	const left = time.Second
	began := time.Now()
	behind := e.service(func() time.Time { return time.Now().Add(left - time.Hour) })
	ann := chat.Identity{Tenant: e.tenant, Login: "ann"}
	require.NoError(e, e.s.CreateUser(e.ctx, e.tenant, user("ann")))
	r, err := behind.CreateRoom(e.ctx, ann, chat.NewRoom{Name: "lounge"})
	require.NoError(e, err)
	_, err = behind.SetRetention(e.ctx, ann, "lounge", chat.MinRetention)
	require.NoError(e, err)
	post := func(s *chat.Service, content string) chat.Message {
		m, err := s.Post(e.ctx, ann, "lounge", chat.NewMessage{Content: &content, Key: &content})
		require.NoError(e, err)
		return m
	}
	plain, edited, gone, reacted := post(behind, "plain"), post(behind, "first"), post(behind, "gone"), post(behind, "reacted")
	_, err = behind.EditMessage(e.ctx, ann, "lounge", edited.ID, ptr("edited"))
	require.NoError(e, err)
	require.NoError(e, behind.DeleteMessage(e.ctx, ann, "lounge", gone.ID))
	_, err = behind.React(e.ctx, ann, "lounge", reacted.ID, "👍", true)
	require.NoError(e, err)
	want, err := behind.Messages(e.ctx, ann, "lounge", chat.PageQuery{Limit: 10})
	require.NoError(e, err)
	require.Len(e, want.Messages, 4)
	_, err = behind.SetRetention(e.ctx, ann, "lounge", chat.Forever)
	require.NoError(e, err)

	// Two seconds of grace: stores may keep time in whole seconds, and rounded up.
	time.Sleep(time.Until(began.Add(left + 3*time.Second)))
	s := e.service(time.Now)
	got, err := s.Messages(e.ctx, ann, "lounge", chat.PageQuery{Limit: 10})
	require.NoError(e, err)
	require.Equal(e, want, got)
	changes, err := s.Changes(e.ctx, ann, "lounge", id.Min, 10)
	require.NoError(e, err)
	require.Len(e, changes.Changes, 3)
	require.Equal(e, plain.ID, post(s, "plain").ID)
	e.holds(r.Log(e.tenant), want.Messages...)
}

// service returns a service on the store, with a clock of its own.
func (e *env) service(now func() time.Time) *chat.Service {
	r := chat.NewReader(chat.ReaderOptions{Store: e.s, Now: now})
	e.Cleanup(r.Close)
	s := chat.NewService(chat.Options{Reader: r})
	e.Cleanup(s.Close)
	return s
}

// years returns a hundred messages over ten years, oldest first.
func years() []chat.Message {
	ms := make([]chat.Message, 100)
	for i := range ms {
		ms[i] = chat.Message{ID: idAt(time.Date(2010+i/10, time.Month(1+i%10), 1, 0, 0, i, 0, time.UTC), uint64(i)),
			Author: person("author"), Content: fmt.Sprint(i)}
	}
	return ms
}

// retentions returns those of the rooms of this test's tenant.
func (e *env) retentions() map[id.ID]chat.Retention {
	e.Helper()
	all := map[id.ID]chat.Retention{}
	require.NoError(e, e.s.EachRetention(e.ctx, func(t chat.Tenant, room id.ID, r chat.Retention) error {
		if t == e.tenant {
			all[room] = r
		}
		return nil
	}))
	return all
}
