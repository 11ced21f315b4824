package chat_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// long is a text of which few fit on a page: each character takes six bytes in an answer.
var long = "x" + strings.Repeat("\x01", chat.MaxContent/2)

// fill posts n messages, of which all but each third are long.
func (w *world) fill(who chat.Identity, room string, n int) (ms []chat.Message) {
	for i := range n {
		content := long
		if i%3 == 0 {
			content = "short"
		}
		ms = append(ms, w.post(who, room, content))
	}
	return ms
}

func Bytes(ms []chat.Message) (n int) {
	for _, m := range ms {
		n += m.Bytes()
	}
	return n
}

// Pages end before MaxRead. Who follows them sees each message once, and is told exactly whether there are more.
func TestPagesAreBoundedByBytes(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann")
	w.room("games", ann)
	want := w.fill(ann, "games", 40)
	walk := func(next func(p *chat.Page) chat.PageQuery, add func(all, page []chat.Message) []chat.Message) {
		var all []chat.Message
		q := next(nil)
		for {
			p, err := w.Messages(t.Context(), ann, "games", q)
			require.NoError(t, err)
			require.NotEmpty(t, p.Messages)
			require.Less(t, Bytes(p.Messages), chat.MaxRead)
			all = add(all, p.Messages)
			if !p.HasMore() {
				break
			}
			q = next(&p)
		}
		require.Equal(t, want, all)
	}
	walk(func(p *chat.Page) chat.PageQuery {
		if p == nil {
			return chat.PageQuery{Limit: 200}
		}
		return chat.PageQuery{Before: &p.Messages[0].ID, Limit: 200}
	}, func(all, page []chat.Message) []chat.Message { return append(page[:len(page):len(page)], all...) })
	walk(func(p *chat.Page) chat.PageQuery {
		if p == nil {
			return chat.PageQuery{After: &id.Min, Limit: 200}
		}
		return chat.PageQuery{After: &p.Messages[len(p.Messages)-1].ID, Limit: 200}
	}, func(all, page []chat.Message) []chat.Message { return append(all, page...) })

	for i, m := range want {
		p, err := w.Messages(t.Context(), ann, "games", chat.PageQuery{Around: &m.ID, Limit: 200})
		require.NoError(t, err)
		require.Contains(t, p.Messages, m)
		require.Less(t, Bytes(p.Messages), chat.MaxRead)
		from := max(0, i-len(p.Messages))
		for want[from].ID != p.Messages[0].ID {
			from++
		}
		require.Equal(t, want[from:from+len(p.Messages)], p.Messages)
		require.Equal(t, from > 0, p.HasMoreBefore)
		require.Equal(t, from+len(p.Messages) < len(want), p.HasMoreAfter)
		require.Greater(t, len(p.Messages), 3)
	}
}

func TestNewestInParts(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann")
	w.room("games", ann)
	all := w.fill(ann, "games", 40)
	read := func(q chat.PageQuery) (got []chat.Message, parts int) {
		ended := false
		require.NoError(t, w.NewestInParts(t.Context(), ann, "games", q, func(part []chat.Message, last bool) error {
			require.False(t, ended)
			require.Less(t, Bytes(part), chat.MaxRead)
			got, ended = append(got, part...), last
			if parts++; parts == 2 {
				w.post(ann, "games", "posted meanwhile")
			}
			return nil
		}))
		require.True(t, ended)
		return got, parts
	}
	for _, n := range []int{1, 3, 6, 17, 40, 200} {
		got, parts := read(chat.PageQuery{Before: &all[39].ID, Limit: n})
		require.Equal(t, all[max(0, 39-n):39], got)
		require.LessOrEqual(t, parts, 1+Bytes(got)/(chat.MaxRead/2))
	}
	got, parts := read(chat.PageQuery{Limit: 40})
	require.Len(t, got, 40)
	require.Greater(t, parts, 3)

	stop := errors.New("the client is gone")
	calls := 0
	require.Equal(t, stop, w.NewestInParts(t.Context(), ann, "games", chat.PageQuery{Limit: 40}, func([]chat.Message, bool) error {
		calls++
		return stop
	}))
	require.Equal(t, 1, calls)
	require.True(t, chat.IsKind(w.NewestInParts(t.Context(), w.user("eve"), "games", chat.PageQuery{Limit: 5}, nil), chat.Forbidden))
}

func TestListsOfRoomsWithLongMessagesAreBounded(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann")
	var want, got []string
	for i := range 12 {
		name := fmt.Sprintf("room%02d", i)
		w.room(name, ann)
		w.post(ann, name, long)
		want = append(want, name)
	}
	pages := 0
	for after, more := "", true; more; pages++ {
		var states []chat.RoomState
		var err error
		states, more, err = w.RoomStates(t.Context(), ann, ann.Login, after, 200)
		require.NoError(t, err)
		require.LessOrEqual(t, len(states), 5)
		for _, st := range states {
			got, after = append(got, st.Name), st.Name
		}
	}
	require.Equal(t, want, got)
	require.Equal(t, 3, pages)
}

// Pages of changes end when their messages take MaxRead. Who follows them sees each change.
func TestPagesOfChangesAreBoundedByBytes(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann")
	w.room("games", ann)
	var want, got []id.ID
	for _, m := range w.fill(ann, "games", 24) {
		_, err := w.React(t.Context(), ann, "games", m.ID, "👍", true)
		require.NoError(t, err)
		want = append(want, m.ID)
	}
	pages := 0
	for after, more := id.Min, true; more; pages++ {
		p, err := w.Changes(t.Context(), ann, "games", after, 200)
		require.NoError(t, err)
		size := 0
		for _, c := range p.Changes {
			size += c.Message.Bytes()
			got = append(got, c.Message.ID)
		}
		require.Less(t, size, chat.MaxRead*3/2)
		require.NotEmpty(t, p.Changes)
		after, more = p.Next, p.HasMore
	}
	require.Equal(t, want, got)
	require.Greater(t, pages, 2)
}
