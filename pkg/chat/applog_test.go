package chat_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// appWorld is a world with the log of an app.
type appWorld struct {
	*world
	log  chat.Log
	from chat.Person
	ids  *id.Generator
	// reads serves read.
	reads *chat.Service
}

func newAppWorld(t *testing.T) *appWorld {
	ids := id.NewGenerator(time.Now)
	now := time.Now().UnixMicro()
	ids.Grant(id.Present, id.Span{Node: 7, From: now - 1, Until: now + time.Hour.Microseconds()})
	w := newWorldWith(t, func(o *chat.Options) { o.IDs = ids })
	return &appWorld{world: w, log: chat.Log{Tenant: tenant, ID: ids.New()}, from: chat.Person{FirstName: "shop"}, ids: ids, reads: w.Service}
}

// addressed sends a message to a user.
func (w *appWorld) addressed(text string) {
	w.t.Helper()
	_, err := w.SendTo(w.t.Context(), app, chat.Addressed{NewMessage: chat.NewMessage{Content: &text, From: &w.from}, Log: w.log,
		To: []chat.Receiver{{Name: "ann", Login: "ann"}}})
	require.NoError(w.t, err)
}

// said sends a message in a room.
func (w *appWorld) said(room, text string) chat.Message {
	w.t.Helper()
	m, err := w.Send(w.t.Context(), app, room, chat.NewMessage{Content: &text, From: &w.from, Index: w.log})
	require.NoError(w.t, err)
	return m
}

func (w *appWorld) read(q chat.AppQuery) (texts []string, page chat.AppPage) {
	w.t.Helper()
	q.Log = w.log
	page, err := w.reads.AppMessages(w.t.Context(), q)
	require.NoError(w.t, err)
	for _, m := range page.Messages {
		texts = append(texts, m.Content)
	}
	return texts, page
}

// counting counts reads of messages.
type counting struct {
	chat.Stores
	reads atomic.Int64
}

func (c *counting) MessagesByID(ctx context.Context, l chat.Log, ids []id.ID) (map[id.ID]chat.Message, error) {
	c.reads.Add(1)
	return c.Stores.MessagesByID(ctx, l, ids)
}

func (c *counting) Newer(ctx context.Context, l chat.Log, than id.ID, inclusive bool, limit int) ([]chat.Message, error) {
	c.reads.Add(1)
	return c.Stores.Newer(ctx, l, than, inclusive, limit)
}

func (c *counting) Between(ctx context.Context, l chat.Log, before, after id.ID, limit int) ([]chat.Message, error) {
	c.reads.Add(1)
	return c.Stores.Between(ctx, l, before, after, limit)
}

// A page of an app's log costs a few reads, however many messages its rooms and it have.
func TestThePageOfAnAppCostsFewReads(t *testing.T) {
	w := newAppWorld(t)
	ann := w.user("ann")
	rooms := []string{w.group(chat.RoomSettings{Kind: chat.GroupRoom}, ann), w.group(chat.RoomSettings{Kind: chat.ChatRoom}, ann)}
	var want []string
	for i := range 60 {
		text := fmt.Sprint(i)
		want = append(want, text)
		if i%3 == 2 {
			w.addressed(text)
		} else {
			w.said(rooms[i%3], text)
		}
	}
	c := &counting{Stores: w.store}
	w.reads, _ = w.nodeAt(c, time.Now, slog.New(slog.DiscardHandler))
	texts, page := w.read(chat.AppQuery{Limit: 30})
	require.Equal(t, want[:30], texts)
	require.True(t, page.More)
	require.LessOrEqual(t, c.reads.Load(), int64(3), "one of the app's log, one of each room")
	c.reads.Store(0)
	texts, page = w.read(chat.AppQuery{Limit: 30, After: page.Next})
	require.Equal(t, want[30:], texts)
	require.False(t, page.More)
	require.LessOrEqual(t, c.reads.Load(), int64(5))

	texts, _ = w.read(chat.AppQuery{Limit: 3, Descending: true, Match: func(m chat.AppMessage) bool { return m.In.Kind == chat.ChatRoom }})
	require.Equal(t, []string{"58", "55", "52"}, texts)
}

// One call reads a bounded number of rows. Its page may be empty, and says where to go on.
func TestThePageOfAnAppIsBounded(t *testing.T) {
	w := newAppWorld(t)
	ms := make([]chat.Message, 5200)
	for i := range ms {
		ms[i] = chat.Message{ID: w.ids.New(), Author: w.from, Content: fmt.Sprint(i), Payload: chat.Payload{To: "ann"}}
	}
	require.NoError(t, w.store.AppendBatch(t.Context(), w.log, ms))
	last := func(m chat.AppMessage) bool { return m.ID == ms[len(ms)-1].ID }
	texts, page := w.read(chat.AppQuery{Limit: 10, Match: last})
	require.Empty(t, texts)
	require.True(t, page.More)
	require.Equal(t, ms[4999].ID, page.Next)
	texts, page = w.read(chat.AppQuery{Limit: 10, Match: last, After: page.Next})
	require.Equal(t, []string{"5199"}, texts)
	require.False(t, page.More)
	// Nothing is shown that is too old.
	texts, _ = w.read(chat.AppQuery{Limit: 10, Keep: time.Nanosecond})
	require.Empty(t, texts)
}

// A reference without a message, as a crash leaves it, is not shown. Nobody takes back a message of a room through its
// reference.
func TestReferences(t *testing.T) {
	w := newAppWorld(t)
	ann := w.user("ann")
	room := w.group(chat.RoomSettings{Kind: chat.GroupRoom}, ann)
	m := w.said(room, "one")
	require.True(t, chat.IsKind(w.RecallFrom(t.Context(), app, w.log, m.ID, chat.Receiver{}, time.Hour), chat.NotFound))
	appends := 0
	w.store.on(func(_ context.Context, call string) error {
		if call != "Append" {
			return nil
		}
		if appends++; appends == 2 {
			return chat.ErrUnavailable(context.DeadlineExceeded)
		}
		return nil
	})
	_, err := w.Send(t.Context(), app, room, chat.NewMessage{Content: new("lost"), From: &w.from, Index: w.log})
	require.Error(t, err)
	w.store.on(nil)
	w.said(room, "two")
	texts, page := w.read(chat.AppQuery{Limit: 1})
	require.Equal(t, []string{"one"}, texts)
	texts, page = w.read(chat.AppQuery{Limit: 1, After: page.Next})
	require.Equal(t, []string{"two"}, texts)
	require.False(t, page.More)
}
