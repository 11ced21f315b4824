package storetest

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/chat/chattest"
	"github.com/confab-chat/confab/pkg/clocktest"
	"github.com/confab-chat/confab/pkg/id"
)

var idTests = map[string]func(*env){
	"the newest id is of a message or of a change": func(e *env) {
		l := e.newLog()
		newest := func() id.ID {
			u, err := e.s.NewestID(e.ctx, l)
			require.NoError(e, err)
			return u
		}
		require.Zero(e, newest())
		m := e.message("first")
		e.append(l, m)
		require.Equal(e, m.ID, newest())
		change := chat.Change{Kind: chat.Edit, ID: e.ids.New(), By: m.Author, Content: "edited"}
		_, err := e.s.ChangeMessage(e.ctx, l, m.ID, func(chat.Message) (chat.Change, error) { return change, nil })
		require.NoError(e, err)
		require.Equal(e, change.ID, newest())
		future := e.message("a year ahead")
		future.ID = id.FirstAt(time.Now().AddDate(1, 0, 0))
		e.append(l, future, e.message("now"))
		require.Equal(e, future.ID, newest())
	},
	"the latest noted time of ids stays": func(e *env) {
		at := time.Now().UTC().Truncate(time.Millisecond)
		require.NoError(e, e.s.NoteIDs(e.ctx, at))
		require.NoError(e, e.s.NoteIDs(e.ctx, at.Add(-time.Hour)))
		noted, err := e.s.NotedIDs(e.ctx)
		require.NoError(e, err)
		require.False(e, noted.Before(at), "it is %v", noted)
	},
	"a clock that was ahead": clockThatWasAhead,
	"a room is left and entered under a clock that was ahead": func(e *env) {
		clock, node := e.nodes()
		ahead := node()
		ann, bob := chattest.SignUp(e, ahead, e.tenant, "ann"), chattest.SignUp(e, ahead, e.tenant, "bob")
		chattest.Room(e, ahead, "games", ann, bob)
		chattest.Post(e, ahead, ann, "games", "before")
		clock.Set(time.Now())
		now := node()
		require.NoError(e, now.Leave(e.ctx, bob, "games", nil))
		require.NoError(e, now.Join(e.ctx, bob, "games", nil))
		require.Zero(e, e.unread(now, bob), "what was written before one joins is not unread")
		chattest.Post(e, now, ann, "games", "after")
		require.Equal(e, 1, e.unread(now, bob))
	},
	"a message of a clock that was ahead is deleted and erased": func(e *env) {
		clock, node := e.nodes()
		ahead := node()
		ann := chattest.SignUp(e, ahead, e.tenant, "ann")
		chattest.Room(e, ahead, "games", ann)
		m := chattest.Post(e, ahead, ann, "games", "written")
		_, err := ahead.EditMessage(e.ctx, ann, "games", m.ID, ptr("edited"))
		require.NoError(e, err)
		_, err = ahead.React(e.ctx, ann, "games", m.ID, "👍", true)
		require.NoError(e, err)
		clock.Set(time.Now())
		now := node()
		r, err := now.Room(e.ctx, ann.Principal(), "games")
		require.NoError(e, err)
		l := r.Log(e.tenant)
		require.NoError(e, now.DeleteMessage(e.ctx, ann, "games", m.ID))
		require.NoError(e, e.s.Disown(e.ctx, l, []chat.Disowned{{ID: m.ID, Author: chat.Erased}}))
		require.NoError(e, e.s.AppendBatch(e.ctx, l, []chat.Message{m})) // an import that is repeated
		got, err := now.Message(e.ctx, ann, "games", m.ID)
		require.NoError(e, err)
		require.Equal(e, chat.Message{ID: m.ID, Author: chat.Erased, Deleted: true}, got)
	},
}

// nodes returns a clock that is a year ahead, and a function that starts a node by it.
func (e *env) nodes() (*clocktest.Clock, func() *chat.Service) {
	clock := clocktest.New(time.Now().AddDate(1, 0, 0))
	return clock, func() *chat.Service { return e.node(clock.Now, slog.New(slog.DiscardHandler)) }
}

// node starts a node on the store, whose clock is now.
func (e *env) node(now func() time.Time, log *slog.Logger) *chat.Service {
	rd := chat.NewReader(chat.ReaderOptions{Store: e.s, Now: now})
	s := chat.NewService(chat.Options{Reader: rd, Hasher: chattest.PlainHasher{}, Log: log})
	e.Cleanup(func() {
		s.Close()
		rd.Close()
	})
	return s
}

func (e *env) unread(s *chat.Service, who chat.Identity) int {
	e.Helper()
	rooms, _, err := s.RoomStates(e.ctx, who, who.Login, "", 1)
	require.NoError(e, err)
	require.Len(e, rooms, 1)
	return rooms[0].Unread
}

// clockThatWasAhead writes to a room by a clock that is a year ahead, and then by a right one. What is written then
// comes after what is there, wherever it is read.
func clockThatWasAhead(e *env) {
	clock, node := e.nodes()
	ahead := node()
	ann, bob := chattest.SignUp(e, ahead, e.tenant, "ann"), chattest.SignUp(e, ahead, e.tenant, "bob")
	chattest.Room(e, ahead, "games", ann, bob)
	var want []string
	post := func(s *chat.Service, n int) (last chat.Message) {
		for range n {
			want = append(want, fmt.Sprintf("message %d", len(want)))
			last = chattest.Post(e, s, ann, "games", want[len(want)-1])
		}
		return last
	}
	old := post(ahead, 7)
	_, err := ahead.EditMessage(e.ctx, ann, "games", old.ID, ptr("edited ahead"))
	require.NoError(e, err)
	_, err = ahead.React(e.ctx, bob, "games", old.ID, "👍", true)
	require.NoError(e, err)
	require.NoError(e, ahead.MarkRead(e.ctx, bob, "games", old.ID))

	clock.Set(time.Now())
	now := node()
	require.Zero(e, e.unread(now, bob))
	newest := post(now, 7)
	require.Positive(e, newest.ID.Compare(old.ID))
	require.Equal(e, 7, e.unread(now, bob), "new messages are unread")
	rooms, _, err := now.RoomStates(e.ctx, bob, "bob", "", 1)
	require.NoError(e, err)
	require.Equal(e, newest.ID, rooms[0].Last.ID, "the room's newest message")
	page, err := now.Messages(e.ctx, bob, "games", chat.PageQuery{Limit: 3})
	require.NoError(e, err)
	require.Equal(e, want[len(want)-3:], contents(page.Messages), "the newest page")
	page, err = now.Messages(e.ctx, bob, "games", chat.PageQuery{After: &old.ID, Limit: 200})
	require.NoError(e, err)
	require.Equal(e, want[7:], contents(page.Messages), "the messages to replay after the last one seen")

	edited, err := now.EditMessage(e.ctx, ann, "games", old.ID, ptr("edited now"))
	require.NoError(e, err)
	require.Equal(e, "edited now", edited.Content, "the last edit counts")
	reacted, err := now.React(e.ctx, bob, "games", old.ID, "👍", false)
	require.NoError(e, err)
	require.Empty(e, reacted.Reactions, "the reaction was withdrawn last")
	want[6] = "edited now"
	changes, err := now.Changes(e.ctx, bob, "games", newest.ID, 10)
	require.NoError(e, err)
	require.Len(e, changes.Changes, 2, "changes to replay after the newest message")
	require.NoError(e, now.MarkRead(e.ctx, bob, "games", newest.ID))
	require.Zero(e, e.unread(now, bob))

	for name, s := range map[string]*chat.Service{"the same node": now, "a new node": node()} {
		require.Equal(e, want, e.paged(s, ann, true), "%s: back from the newest page", name)
		require.Equal(e, want, e.paged(s, ann, false), "%s: on from the oldest", name)
	}
	// Other rooms keep the time of the clock.
	chattest.Room(e, now, "new", ann)
	require.Less(e, chattest.Post(e, now, ann, "new", "x").CreatedAt().Sub(clock.Now()), time.Minute)
}

// paged reads the users' messages of a room in pages of three, in one direction, and returns them oldest first.
func (e *env) paged(s *chat.Service, who chat.Identity, back bool) (all []string) {
	e.Helper()
	var ms []chat.Message
	q := chat.PageQuery{Limit: 3}
	if !back {
		q.After = &id.Min
	}
	for {
		page, err := s.Messages(e.ctx, who, "games", q)
		require.NoError(e, err)
		if back {
			ms = append(append([]chat.Message{}, page.Messages...), ms...)
		} else {
			ms = append(ms, page.Messages...)
		}
		if !page.HasMore() {
			break
		}
		if q = (chat.PageQuery{Limit: 3, Before: &ms[0].ID}); !back {
			q = chat.PageQuery{Limit: 3, After: &ms[len(ms)-1].ID}
		}
	}
	for _, m := range ms {
		if !m.System {
			all = append(all, m.Content)
		}
	}
	return all
}

func contents(ms []chat.Message) []string {
	out := make([]string, len(ms))
	for i, m := range ms {
		out[i] = m.Content
	}
	return out
}
