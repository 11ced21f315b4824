package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

var changeTests = map[string]func(*env){
	"edit": func(e *env) {
		l, m := e.newLog(), e.message("hello")
		e.append(l, e.message("before"), m, e.message("after"))
		for _, content := range []string{"again", strings.Repeat("😀", 16<<10), "line\u2028\x01"} {
			c := e.change(l, m.ID, chat.Change{Kind: chat.Edit, Content: content})
			want := m
			want.Content, want.EditedAt = content, c.ID.Time().Truncate(time.Millisecond)
			e.shows(l, want)
		}
	},
	"delete is final": func(e *env) {
		l, m := e.newLog(), e.message("secret")
		m.ReplyTo = e.ids.New()
		e.append(l, m)
		e.change(l, m.ID, chat.Change{Kind: chat.Edit, Content: "edited"})
		e.change(l, m.ID, chat.Change{Kind: chat.React, Emoji: "👍", On: true})
		e.change(l, m.ID, chat.Change{Kind: chat.Delete})
		want := m
		want.Content, want.Deleted = "", true
		e.shows(l, want)
		// What was decided before the deletion was seen.
		e.change(l, m.ID, chat.Change{Kind: chat.Edit, Content: "resurrected"})
		e.change(l, m.ID, chat.Change{Kind: chat.React, Emoji: "👍", On: true})
		e.change(l, m.ID, chat.Change{Kind: chat.Delete})
		e.shows(l, want)
		// An import that is run again.
		e.append(l, m)
		require.NoError(e, e.s.AppendBatch(e.ctx, l, []chat.Message{m}))
		e.shows(l, want)
	},
	"appending again undoes nothing": func(e *env) {
		l, m := e.newLog(), e.message("hello")
		e.append(l, m)
		c := e.change(l, m.ID, chat.Change{Kind: chat.Edit, Content: "edited"})
		e.change(l, m.ID, chat.Change{Kind: chat.React, Emoji: "👍", On: true})
		e.append(l, m)
		want := m
		want.Content, want.EditedAt = "edited", c.ID.Time().Truncate(time.Millisecond)
		want.Reactions = []chat.Reaction{{Emoji: "👍", Logins: []string{"changer"}}}
		e.shows(l, want)
	},
	"an older edit does not undo a newer one": func(e *env) {
		l, m := e.newLog(), e.message("hello")
		e.append(l, m)
		old := e.ids.New()
		c := e.change(l, m.ID, chat.Change{Kind: chat.Edit, Content: "newer"})
		e.change(l, m.ID, chat.Change{ID: old, Kind: chat.Edit, Content: "older"})
		want := m
		want.Content, want.EditedAt = "newer", c.ID.Time().Truncate(time.Millisecond)
		e.shows(l, want)
	},
	"reply": func(e *env) {
		l, m := e.newLog(), e.message("question")
		a, b := e.message("answer"), e.message("answer once")
		a.ReplyTo, b.ReplyTo = m.ID, m.ID
		e.append(l, m)
		require.NoError(e, e.s.AppendBatch(e.ctx, l, []chat.Message{a}))
		first, repeated, err := e.s.AppendOnce(e.ctx, l, "k", b)
		require.NoError(e, err)
		require.False(e, repeated)
		require.Equal(e, b, first)
		e.holds(l, m, a, b)
		again := b
		again.ID = e.ids.New()
		first, repeated, err = e.s.AppendOnce(e.ctx, l, "k", again)
		require.NoError(e, err)
		require.True(e, repeated)
		require.Equal(e, b, first)
		again.ReplyTo = a.ID
		_, _, err = e.s.AppendOnce(e.ctx, l, "k", again)
		e.isAbout(err, chat.Conflict, chat.KeyEntity)
	},
	"a key stands for the message as it was said": func(e *env) {
		l, m := e.newLog(), e.message("hello")
		_, _, err := e.s.AppendOnce(e.ctx, l, "k", m)
		require.NoError(e, err)
		e.change(l, m.ID, chat.Change{Kind: chat.Delete})
		again := m
		again.ID = e.ids.New()
		first, repeated, err := e.s.AppendOnce(e.ctx, l, "k", again)
		require.NoError(e, err)
		require.True(e, repeated)
		require.True(e, first.Deleted)
		require.Equal(e, m.ID, first.ID)
	},
	"reactions": func(e *env) {
		l, m := e.newLog(), e.message("hello")
		e.append(l, m)
		react := func(login, emoji string, on bool) {
			e.change(l, m.ID, chat.Change{Kind: chat.React, By: person(login), Emoji: emoji, On: on})
		}
		react("bob", "👍", true)
		react("ann", "👩‍👩‍👧‍👦", true)
		react("ann", "👍", true)
		react("ann", "a", true)
		want := m
		want.Reactions = []chat.Reaction{{Emoji: "👍", Logins: []string{"bob", "ann"}},
			{Emoji: "👩‍👩‍👧‍👦", Logins: []string{"ann"}}, {Emoji: "a", Logins: []string{"ann"}}}
		e.shows(l, want)
		react("ann", "👩‍👩‍👧‍👦", false)
		react("bob", "a", false)
		want.Reactions = []chat.Reaction{{Emoji: "👍", Logins: []string{"bob", "ann"}}, {Emoji: "a", Logins: []string{"ann"}}}
		e.shows(l, want)
		react("bob", "👍", false)
		react("ann", "👍", false)
		react("ann", "a", false)
		e.shows(l, m)
	},
	"reactions at once": func(e *env) {
		l, m := e.newLog(), e.message("hello")
		e.append(l, m)
		ids := make([]id.ID, 3*racers)
		for i := range ids {
			ids[i] = e.ids.New()
		}
		race(len(ids), func(i int) {
			c := chat.Change{Kind: chat.React, ID: ids[i], By: person(fmt.Sprint("u", i)), Emoji: fmt.Sprint(i % 3), On: true}
			if _, err := e.s.ChangeMessage(e.ctx, l, m.ID, func(chat.Message) (chat.Change, error) { return c, nil }); err != nil {
				e.Errorf("%v", err)
			}
		})
		got, err := e.s.Message(e.ctx, l, m.ID)
		require.NoError(e, err)
		require.Len(e, got.Reactions, 3)
		for _, r := range got.Reactions {
			require.Len(e, r.Logins, racers, r.Emoji)
		}
	},
	"an edit and a deletion at once": func(e *env) {
		l := e.newLog()
		for range 10 {
			m := e.message("hello")
			e.append(l, m)
			deletion := e.ids.New()
			race(4, func(i int) {
				c := chat.Change{Kind: chat.Edit, ID: e.ids.New(), By: person("a"), Content: fmt.Sprint(i)}
				if i == 2 {
					c = chat.Change{Kind: chat.Delete, ID: deletion, By: person("a")}
				}
				if _, err := e.s.ChangeMessage(e.ctx, l, m.ID, func(chat.Message) (chat.Change, error) { return c, nil }); err != nil {
					e.Errorf("%v", err)
				}
			})
			got, err := e.s.Message(e.ctx, l, m.ID)
			require.NoError(e, err)
			m.Content, m.Deleted = "", true
			require.Equal(e, m, got)
		}
	},
	"deciding": func(e *env) {
		l, m := e.newLog(), e.message("hello")
		decide := func(chat.Message) (chat.Change, error) {
			require.Fail(e, "asked about a message that is not there")
			return chat.Change{}, nil
		}
		_, err := e.s.ChangeMessage(e.ctx, l, m.ID, decide)
		e.isAbout(err, chat.NotFound, chat.MessageEntity)
		e.append(l, m)
		no := errors.New("no")
		_, err = e.s.ChangeMessage(e.ctx, l, m.ID, func(now chat.Message) (chat.Change, error) {
			require.Equal(e, m, now)
			return chat.Change{}, no
		})
		require.ErrorIs(e, err, no)
		got, err := e.s.ChangeMessage(e.ctx, l, m.ID, func(chat.Message) (chat.Change, error) { return chat.Change{}, nil })
		require.NoError(e, err)
		require.Equal(e, m, got)
		e.holds(l, m)
		e.holds(chat.ChangesOf(l))
	},
	"the log of changes": func(e *env) {
		l := e.newLog()
		var ms []chat.Message
		for i := range 5 {
			ms = append(ms, e.message(fmt.Sprint(i)))
		}
		e.append(l, ms...)
		var want []chat.Message
		for i, c := range []chat.Change{{Kind: chat.Edit, Content: "x"}, {Kind: chat.React, Emoji: "x", On: true}, {Kind: chat.Delete}} {
			want = append(want, e.change(l, ms[4-i].ID, c).Entry(ms[4-i].ID))
		}
		e.holds(chat.ChangesOf(l), want...)
		for i, kind := range []chat.ChangeKind{chat.Edit, chat.React, chat.Delete} {
			k, m, ok := chat.ParseEntry(want[i])
			require.True(e, ok)
			require.Equal(e, kind, k)
			require.Equal(e, ms[4-i].ID, m)
		}
		cs, err := chat.ReadChanges(e.ctx, e.s, l, want[0].ID, 10)
		require.NoError(e, err)
		require.Len(e, cs, 2)
		require.Equal(e, "3", cs[0].Message.Content)
		require.True(e, cs[1].Message.Deleted)
	},
	"by id": func(e *env) {
		l := e.newLog()
		a, b := e.message("a"), e.message("b")
		e.append(l, a, b, e.message("c"))
		got, err := e.s.MessagesByID(e.ctx, l, []id.ID{b.ID, a.ID, e.ids.New()})
		require.NoError(e, err)
		require.Equal(e, map[id.ID]chat.Message{a.ID: a, b.ID: b}, got)
		got, err = e.s.MessagesByID(e.ctx, l, nil)
		require.NoError(e, err)
		require.Empty(e, got)
	},
	"swept": func(e *env) {
		r := e.newRoom("games")
		l, m, late := r.Log(e.tenant), e.message("hello"), e.message("late")
		e.join(r, "ann")
		e.append(l, m, late)
		e.change(l, m.ID, chat.Change{Kind: chat.Delete})
		require.NoError(e, e.s.SetRead(e.ctx, e.tenant, r.ID, "ann", m.ID))
		require.NoError(e, e.s.DeleteRoom(e.ctx, e.tenant, r))
		// A change that was under way.
		_, err := e.s.ChangeMessage(e.ctx, l, late.ID, func(chat.Message) (chat.Change, error) {
			return chat.Change{Kind: chat.Delete, ID: e.ids.New(), By: person("ann")}, nil
		})
		if err != nil {
			e.isAbout(err, chat.NotFound, chat.MessageEntity)
		}
		for range 2 {
			require.NoError(e, e.s.SweepRoom(e.ctx, e.sweepOf(r), nil))
			e.holds(l)
			e.holds(chat.ChangesOf(l))
			_, err := e.s.Message(e.ctx, l, m.ID)
			e.isAbout(err, chat.NotFound, chat.MessageEntity)
			e.read(r.ID, "ann", chat.Reading{})
		}
	},
}

// change makes a change that the store does not refuse; its ID and who makes it may be left out.
func (e *env) change(l chat.Log, m id.ID, c chat.Change) chat.Change {
	e.Helper()
	if c.ID.IsZero() {
		c.ID = e.ids.New()
	}
	if c.By.Login == "" {
		c.By = person("changer")
	}
	now, err := e.s.ChangeMessage(e.ctx, l, m, func(chat.Message) (chat.Change, error) { return c, nil })
	require.NoError(e, err)
	got, err := e.s.Message(e.ctx, l, m)
	require.NoError(e, err)
	require.Equal(e, got, now)
	return c
}

// shows requires that a message looks so, wherever it is read.
func (e *env) shows(l chat.Log, want chat.Message) {
	e.Helper()
	got, err := e.s.Message(e.ctx, l, want.ID)
	require.NoError(e, err)
	require.Equal(e, want, got)
	by, err := e.s.MessagesByID(e.ctx, l, []id.ID{want.ID})
	require.NoError(e, err)
	require.Equal(e, want, by[want.ID])
	for _, page := range [][]chat.Message{e.allOlder(l, 2), e.allNewer(l, 2)} {
		i := slices.IndexFunc(page, func(m chat.Message) bool { return m.ID == want.ID })
		require.GreaterOrEqual(e, i, 0)
		require.Equal(e, want, page[i])
	}
}

var readingTests = map[string]func(*env){
	"positions only move forward": func(e *env) {
		room := e.ids.New()
		e.read(room, "ann", chat.Reading{})
		var ids []id.ID
		for range 20 {
			ids = append(ids, e.ids.New())
		}
		for _, i := range []int{5, 2, 5, 6, 0} {
			require.NoError(e, e.s.SetRead(e.ctx, e.tenant, room, "ann", ids[i]))
			e.read(room, "ann", chat.Reading{Read: ids[max(5, min(i, 6))]})
			if i == 6 {
				break
			}
		}
		race(len(ids), func(i int) {
			if err := e.s.SetRead(e.ctx, e.tenant, room, "ann", ids[(i*7)%len(ids)]); err != nil {
				e.Errorf("%v", err)
			}
		})
		e.read(room, "ann", chat.Reading{Read: ids[19]})
	},
	"positions of one moment are in the order of ids": func(e *env) {
		at := time.Now()
		lows := []uint64{0x8080808080808080, 0xff00000000000000, 0, 1, 0x80, 0x7f, 0x7f7f7f7f7f7f7f7f}
		ids := make([]id.ID, len(lows))
		for i, low := range lows {
			ids[i] = idAt(at, low)
		}
		newest := slices.MaxFunc(ids, id.ID.Compare)
		for shift := range ids {
			room := e.ids.New()
			for i := range ids {
				require.NoError(e, e.s.SetRead(e.ctx, e.tenant, room, "ann", ids[(i+shift)%len(ids)]))
			}
			e.read(room, "ann", chat.Reading{Read: newest})
		}
	},
	"kept apart": func(e *env) {
		a, b, m := e.ids.New(), e.ids.New(), e.ids.New()
		require.NoError(e, e.s.SetRead(e.ctx, e.tenant, a, "ann", m))
		require.NoError(e, e.s.SetMuted(e.ctx, e.tenant, b, "ann", true))
		require.NoError(e, e.s.SetMuted(e.ctx, e.tenant, a, "bob", true))
		e.read(a, "ann", chat.Reading{Read: m})
		e.read(b, "ann", chat.Reading{Muted: true})
		e.read(a, "bob", chat.Reading{Muted: true})
		e.read(b, "bob", chat.Reading{})
		got, err := e.s.Readings(e.ctx, e.tenant, "ann", []id.ID{a, b, e.ids.New()})
		require.NoError(e, err)
		require.Equal(e, chat.Reading{Read: m}, got[a])
		require.Equal(e, chat.Reading{Muted: true}, got[b])
		got, err = e.s.Readings(e.ctx, newTenant(), "ann", []id.ID{a})
		require.NoError(e, err)
		require.Zero(e, got[a])
		got, err = e.s.Readings(e.ctx, e.tenant, "ann", nil)
		require.NoError(e, err)
		require.Empty(e, got)
	},
	"many rooms": func(e *env) {
		rooms := make([]id.ID, 250)
		for i := range rooms {
			rooms[i] = e.ids.New()
		}
		race(len(rooms), func(i int) {
			if err := e.s.SetRead(e.ctx, e.tenant, rooms[i], "ann", rooms[i]); err != nil {
				e.Errorf("%v", err)
			}
		})
		got, err := e.s.Readings(e.ctx, e.tenant, "ann", rooms)
		require.NoError(e, err)
		for _, r := range rooms {
			require.Equal(e, r, got[r].Read)
		}
	},
	"mute": func(e *env) {
		room, m := e.ids.New(), e.ids.New()
		for _, muted := range []bool{true, true, false, true, false} {
			require.NoError(e, e.s.SetMuted(e.ctx, e.tenant, room, "ann", muted))
			e.read(room, "ann", chat.Reading{Muted: muted})
		}
		require.NoError(e, e.s.SetRead(e.ctx, e.tenant, room, "ann", m))
		require.NoError(e, e.s.SetMuted(e.ctx, e.tenant, room, "ann", true))
		e.read(room, "ann", chat.Reading{Read: m, Muted: true})
	},
	"forgotten": func(e *env) {
		room, other := e.ids.New(), e.ids.New()
		for range 2 {
			m := e.ids.New()
			require.NoError(e, e.s.SetRead(e.ctx, e.tenant, room, "ann", m))
			require.NoError(e, e.s.SetRead(e.ctx, e.tenant, other, "ann", m))
			require.NoError(e, e.s.SetMuted(e.ctx, e.tenant, room, "ann", true))
			require.NoError(e, e.s.ForgetReading(e.ctx, e.tenant, room, "ann"))
			e.read(room, "ann", chat.Reading{})
			e.read(other, "ann", chat.Reading{Read: m})
		}
		require.NoError(e, e.s.CreateUser(e.ctx, e.tenant, user("ann")))
		require.NoError(e, e.s.DeleteUser(e.ctx, e.tenant, "ann"))
		e.read(other, "ann", chat.Reading{})
	},
}

func (e *env) read(room id.ID, login string, want chat.Reading) {
	e.Helper()
	got, err := e.s.Readings(e.ctx, e.tenant, login, []id.ID{room})
	require.NoError(e, err)
	require.Equal(e, want, got[room])
}

var digestTests = map[string]func(*env){
	"newest": func(e *env) {
		var logs []chat.Log
		want := map[id.ID]chat.Message{}
		for i := range 20 {
			l := e.newLog()
			logs = append(logs, l)
			for j := range i % 4 {
				m := e.message(fmt.Sprint(i, j))
				e.append(l, m)
				want[l.ID] = m
			}
		}
		got, err := e.s.Newest(e.ctx, logs)
		require.NoError(e, err)
		require.Equal(e, want, got)
	},
	"count": func(e *env) {
		l := e.newLog()
		ms := make([]chat.Message, 300)
		at := time.Date(2012, 1, 1, 0, 0, 0, 0, time.UTC)
		for i := range ms {
			ms[i] = chat.Message{ID: idAt(at.Add(time.Duration(i)*24*time.Hour), uint64(i)), Author: person("ann"), Content: "x"}
			switch i % 3 {
			case 1:
				ms[i].Author = person("bob")
			case 2:
				ms[i].Author, ms[i].System = chat.System, true
			}
		}
		require.NoError(e, e.s.AppendBatch(e.ctx, l, ms))
		count := func(after id.ID, but string, bound int) int {
			other := e.newLog()
			got, err := e.s.CountNewer(e.ctx, []chat.Position{{Log: other, After: after}, {Log: l, After: after}}, but, bound)
			require.NoError(e, err)
			require.Zero(e, got[other.ID])
			return got[l.ID]
		}
		require.Equal(e, 50, count(id.ID{}, "ann", 50))
		require.Equal(e, 100, count(id.ID{}, "bob", 1000))
		require.Equal(e, 100, count(ms[0].ID, "ann", 1000))
		require.Equal(e, 199, count(ms[0].ID, "nobody", 1000))
		require.Equal(e, 3, count(ms[290].ID, "bob", 1000))
		require.Equal(e, 0, count(ms[299].ID, "bob", 1000))
		require.Equal(e, 0, count(id.Max, "bob", 1000))
		e.change(l, ms[297].ID, chat.Change{Kind: chat.Delete})
		require.Equal(e, 2, count(ms[290].ID, "bob", 1000))
		got, err := e.s.CountNewer(e.ctx, nil, "ann", 1)
		require.NoError(e, err)
		require.Empty(e, got)
	},
}

var avatarTests = map[string]func(*env){
	"kept, replaced, deleted": func(e *env) {
		_, err := e.s.Avatar(e.ctx, e.tenant, "ann")
		e.isAbout(err, chat.NotFound, chat.AvatarEntity)
		for _, a := range []chat.Avatar{{Type: "image/png", Data: []byte{0, 1, 0xff}},
			{Type: "image/jpeg", Data: []byte(strings.Repeat("\x00\xfe", 100<<10))}} {
			require.NoError(e, e.s.SetAvatar(e.ctx, e.tenant, "ann", a))
			got, err := e.s.Avatar(e.ctx, e.tenant, "ann")
			require.NoError(e, err)
			require.Equal(e, a, got)
			_, err = e.s.Avatar(e.ctx, newTenant(), "ann")
			e.isAbout(err, chat.NotFound, chat.AvatarEntity)
		}
		for range 2 {
			require.NoError(e, e.s.DeleteAvatar(e.ctx, e.tenant, "ann"))
			_, err = e.s.Avatar(e.ctx, e.tenant, "ann")
			e.isAbout(err, chat.NotFound, chat.AvatarEntity)
		}
	},
	"deleted with the user": func(e *env) {
		require.NoError(e, e.s.CreateUser(e.ctx, e.tenant, user("ann")))
		require.NoError(e, e.s.SetAvatar(e.ctx, e.tenant, "ann", chat.Avatar{Type: "image/png", Data: []byte("x")}))
		require.NoError(e, e.s.DeleteUser(e.ctx, e.tenant, "ann"))
		_, err := e.s.Avatar(e.ctx, e.tenant, "ann")
		e.isAbout(err, chat.NotFound, chat.AvatarEntity)
	},
	"set at once": func(e *env) {
		var mu sync.Mutex
		set := map[string]bool{}
		race(racers, func(i int) {
			a := chat.Avatar{Type: fmt.Sprint(i), Data: []byte(fmt.Sprint(i))}
			if err := e.s.SetAvatar(e.ctx, e.tenant, "ann", a); err != nil {
				e.Errorf("%v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			set[a.Type] = true
		})
		got, err := e.s.Avatar(e.ctx, e.tenant, "ann")
		require.NoError(e, err)
		require.True(e, set[got.Type])
		require.Equal(e, got.Type, string(got.Data))
	},
}
