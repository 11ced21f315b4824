package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
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
		// A change that was decided before the deletion was seen.
		e.change(l, m.ID, chat.Change{Kind: chat.Edit, Content: "resurrected"})
		e.change(l, m.ID, chat.Change{Kind: chat.React, Emoji: "👍", On: true})
		e.change(l, m.ID, chat.Change{Kind: chat.Delete})
		e.shows(l, want)
		// A repeated import.
		require.NoError(e, e.s.AppendBatch(e.ctx, l, []chat.Message{m}))
		e.shows(l, want)
	},
	"appending again undoes nothing": func(e *env) {
		l, m := e.newLog(), e.message("hello")
		e.append(l, m)
		c := e.change(l, m.ID, chat.Change{Kind: chat.Edit, Content: "edited"})
		e.change(l, m.ID, chat.Change{Kind: chat.React, Emoji: "👍", On: true})
		require.NoError(e, e.s.AppendBatch(e.ctx, l, []chat.Message{m}))
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
	"payloads": func(e *env) {
		l, plain, m, once := e.newLog(), e.message("hello"), e.message("[image] a.png"), e.message("[file] b")
		m.Payload = chat.Payload{Kind: chat.ImageKind, Body: jsontext.Value(`{"name":"é\u0000","url":"/1"}`), Ext: jsontext.Value(`{"n":1.0}`)}
		m.ReplyTo = plain.ID
		once.Payload = chat.Payload{Kind: chat.FileKind, Body: jsontext.Value(`{"url":"/2"}`)}
		told := chat.Notice{Type: chat.NoticeRemoved, Who: person("bob"), By: person("ann")}.Message(e.ids.New())
		require.NoError(e, e.s.AppendBatch(e.ctx, l, []chat.Message{plain, m}))
		for range 2 {
			first, _, err := e.s.AppendOnce(e.ctx, l, "k", once, id.ID{})
			require.NoError(e, err)
			require.Equal(e, once, first)
		}
		some, none := e.message("psst"), e.message("hush")
		some.Payload, none.Payload = chat.Payload{To: "7", Only: []string{"ann", "bob"}}, chat.Payload{Only: []string{}}
		require.NoError(e, e.s.AppendBatch(e.ctx, l, []chat.Message{told, some, none}))
		e.holds(l, plain, m, once, told, some, none)
		other := once
		other.Ext = jsontext.Value(`{}`)
		_, _, err := e.s.AppendOnce(e.ctx, l, "k", other, id.ID{})
		e.isAbout(err, chat.Conflict, chat.KeyEntity)

		e.change(l, m.ID, chat.Change{Kind: chat.React, Emoji: "👍", On: true})
		want := m
		want.Reactions = []chat.Reaction{{Emoji: "👍", Logins: []string{"changer"}}}
		e.shows(l, want)
		to := chat.Payload{Kind: chat.ImageKind, Body: jsontext.Value(`{"url":"/3"}`)}
		c := e.change(l, m.ID, chat.Change{Kind: chat.Edit, Content: "[image]", Payload: to})
		want.Content, want.Payload, want.EditedAt = "[image]", to, chat.EditedAt(c.ID)
		e.shows(l, want)
		c = e.change(l, plain.ID, chat.Change{Kind: chat.Edit, Content: "hi", Payload: chat.Payload{Ext: jsontext.Value(`{"a":[]}`)}})
		said := plain
		said.Content, said.Ext, said.EditedAt = "hi", jsontext.Value(`{"a":[]}`), chat.EditedAt(c.ID)
		e.shows(l, said)
		c = e.change(l, plain.ID, chat.Change{Kind: chat.Edit, Content: "hi there"})
		said.Content, said.Payload, said.EditedAt = "hi there", chat.Payload{}, chat.EditedAt(c.ID)
		e.shows(l, said)
		e.change(l, m.ID, chat.Change{Kind: chat.Delete})
		require.NoError(e, e.s.AppendBatch(e.ctx, l, []chat.Message{m}))
		want.Content, want.Payload, want.EditedAt, want.Reactions, want.Deleted = "", chat.Payload{}, time.Time{}, nil, true
		e.holds(l, said, want, once, told, some, none)

		gone, _ := told.WithoutUser(func(login string) bool { return login == "ann" }, nil)
		require.NoError(e, e.s.Disown(e.ctx, l, []chat.Disowned{{ID: told.ID, Author: chat.System, Content: &gone.Content,
			Payload: gone.Payload, Subject: gone.Subject}}))
		require.NoError(e, e.s.AppendBatch(e.ctx, l, []chat.Message{told}))
		e.holds(l, said, want, once, gone, some, none)
	},
	"reply": func(e *env) {
		l, m := e.newLog(), e.message("question")
		a, b := e.message("answer"), e.message("answer once")
		a.ReplyTo, b.ReplyTo = m.ID, m.ID
		e.append(l, m)
		require.NoError(e, e.s.AppendBatch(e.ctx, l, []chat.Message{a}))
		first, repeated, err := e.s.AppendOnce(e.ctx, l, "k", b, id.ID{})
		require.NoError(e, err)
		require.False(e, repeated)
		require.Equal(e, b, first)
		e.holds(l, m, a, b)
		again := b
		again.ID = e.ids.New()
		first, repeated, err = e.s.AppendOnce(e.ctx, l, "k", again, id.ID{})
		require.NoError(e, err)
		require.True(e, repeated)
		require.Equal(e, b, first)
		again.ReplyTo = a.ID
		_, _, err = e.s.AppendOnce(e.ctx, l, "k", again, id.ID{})
		e.isAbout(err, chat.Conflict, chat.KeyEntity)
	},
	"a key stands for the message as it was said": func(e *env) {
		l, m := e.newLog(), e.message("hello")
		_, _, err := e.s.AppendOnce(e.ctx, l, "k", m, id.ID{})
		require.NoError(e, err)
		e.change(l, m.ID, chat.Change{Kind: chat.Delete})
		again := m
		again.ID = e.ids.New()
		first, repeated, err := e.s.AppendOnce(e.ctx, l, "k", again, id.ID{})
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
	"reactions that were taken back": func(e *env) {
		l, m := e.newLog(), e.message("hello")
		e.append(l, m)
		asked := func() []chat.ReactionBy {
			var withdrawn []chat.ReactionBy
			now, err := e.s.ChangeMessage(e.ctx, l, m.ID, func(now chat.Message) (chat.Change, error) {
				withdrawn = now.Withdrawn
				return chat.Change{}, nil
			})
			require.NoError(e, err)
			require.Empty(e, now.Withdrawn, "that is for deciding only")
			return withdrawn
		}
		require.Empty(e, asked())
		react := func(emoji string, on, forget bool) chat.ReactionBy {
			c := e.change(l, m.ID, chat.Change{Kind: chat.React, Emoji: emoji, On: on, Forget: forget})
			return chat.ReactionBy{Emoji: emoji, Login: c.By.Login, At: c.ID.Time().UnixMicro()}
		}
		react("a", true, false)
		react("b", true, false)
		require.Empty(e, asked())
		a, b := react("a", false, false), react("b", false, false)
		e.shows(l, m)
		require.ElementsMatch(e, []chat.ReactionBy{a, b}, asked())
		react("a", true, false)
		require.Equal(e, []chat.ReactionBy{b}, asked())
		react("a", false, true)
		react("b", false, true)
		e.shows(l, m)
		require.Empty(e, asked())
		react("a", true, false)
		react("a", false, false)
		e.change(l, m.ID, chat.Change{Kind: chat.Delete})
		require.Empty(e, asked())
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
		page, err := chat.ReadChanges(e.ctx, e.s, l, want[0].ID, 10)
		require.NoError(e, err)
		require.Len(e, page.Changes, 2)
		require.Equal(e, "3", page.Changes[0].Message.Content)
		require.True(e, page.Changes[1].Message.Deleted)
	},
	"a message changed often": func(e *env) {
		l := e.newLog()
		a, b := e.message("a"), e.message("b")
		e.append(l, a, b)
		var reacted, edited chat.Change
		for i := range 300 {
			reacted = e.change(l, a.ID, chat.Change{Kind: chat.React, Emoji: "x", On: i%2 == 0})
			if i == 150 {
				edited = e.change(l, b.ID, chat.Change{Kind: chat.Edit, Content: "y"})
			}
		}
		page, err := chat.ReadChanges(e.ctx, e.s, l, b.ID, 2)
		require.NoError(e, err)
		require.False(e, page.HasMore)
		require.Len(e, page.Changes, 2)
		require.Equal(e, edited.ID, page.Changes[0].ID)
		require.Equal(e, reacted.ID, page.Changes[1].ID)
		byID, err := chat.ChangesByID(e.ctx, e.s, l, []id.ID{edited.ID, e.ids.New()})
		require.NoError(e, err)
		require.Len(e, byID, 1)
		require.Equal(e, "y", byID[0].Message.Content)
		require.Equal(e, edited.ID, byID[0].ID)
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
		// A change that was running.
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

// shows requires that all ways to read a message return it like this.
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
