package chat_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

func TestPost(t *testing.T) {
	w := newWorld(t)
	jdoe, stranger := w.user("jdoe"), w.user("stranger")
	w.room("Dallas", jdoe)
	text := " <b>\u2028e\u0301" + astral + "\u0085 "
	m := w.post(jdoe, "Dallas", text)
	require.Equal(t, text, m.Content)
	require.Equal(t, "First-jdoe", m.Author.FirstName)
	require.False(t, m.System)
	got, err := w.Message(t.Context(), jdoe, "Dallas", m.ID)
	require.NoError(t, err)
	require.Equal(t, m, got)
	require.Equal(t, []string{"message: " + text}, w.events.take())

	post := func(who chat.Identity, room string, n chat.NewMessage) error {
		_, err := w.Post(t.Context(), who, room, n)
		return err
	}
	requireKind(t, chat.Invalid, post(jdoe, "nowhere", chat.NewMessage{}))
	requireKind(t, chat.NotFound, post(jdoe, "nowhere", chat.NewMessage{Content: new("x")}))
	requireKind(t, chat.Forbidden, post(stranger, "Dallas", chat.NewMessage{Content: new("x")}))
	requireKind(t, chat.Forbidden, post(jdoe, "Dallas", chat.NewMessage{Content: new("x"), Author: new("stranger")}))
	requireKind(t, chat.TooLarge, post(jdoe, "Dallas", chat.NewMessage{Content: new(strings.Repeat("x", chat.MaxContent+1))}))
	require.NoError(t, post(jdoe, "Dallas", chat.NewMessage{Content: new(strings.Repeat("é", chat.MaxContent/2)), Author: new("jdoe")}))
	requireKind(t, chat.TooLarge, post(jdoe, "Dallas", chat.NewMessage{Content: new(strings.Repeat("é", chat.MaxContent/2) + "x")}))
	_, err = w.Messages(t.Context(), stranger, "Dallas", chat.PageQuery{Limit: 1})
	requireKind(t, chat.Forbidden, err)
	_, err = w.Message(t.Context(), stranger, "Dallas", m.ID)
	requireKind(t, chat.Forbidden, err)
	require.Len(t, w.contents(jdoe, "Dallas"), 2)
	require.Len(t, w.events.take(), 1)
}

func TestIdempotencyKeys(t *testing.T) {
	w := newWorld(t)
	jdoe, other := w.user("jdoe"), w.user("other")
	w.room("Dallas", jdoe, other)
	w.room("Houston", jdoe)
	w.events.take()
	post := func(who chat.Identity, room, key, content string) (chat.Message, error) {
		return w.Post(t.Context(), who, room, chat.NewMessage{Content: &content, Key: &key})
	}
	for _, bad := range []string{"", strings.Repeat("k", 256), "tab\t", "é", "\x7f", "\x00"} {
		_, err := post(jdoe, "Dallas", bad, "x")
		requireKind(t, chat.Invalid, err)
	}
	for _, good := range []string{"k", strings.Repeat("k", 255), " ~!", "0"} {
		_, err := post(jdoe, "Houston", good, "x")
		require.NoError(t, err)
	}
	w.events.take()

	// Refused requests use up nothing.
	_, err := post(jdoe, "Dallas", "key", "\x00")
	requireKind(t, chat.Invalid, err)
	_, err = post(jdoe, "Dallas", "key", strings.Repeat("x", chat.MaxContent+1))
	requireKind(t, chat.TooLarge, err)
	_, err = w.Post(t.Context(), jdoe, "Dallas", chat.NewMessage{Content: new("x"), Key: new("key"), Author: new("other")})
	requireKind(t, chat.Forbidden, err)

	first, err := post(jdoe, "Dallas", "key", "hello")
	require.NoError(t, err)
	again, err := post(jdoe, "Dallas", "key", "hello")
	require.NoError(t, err)
	require.Equal(t, first, again)
	_, err = post(jdoe, "Dallas", "key", "hello!")
	requireKind(t, chat.Conflict, err)
	var e *chat.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, chat.KeyEntity, e.Entity)
	require.Equal(t, []string{"message: hello", "again: hello"}, w.events.take(), "a retry is told as one")

	for _, elsewhere := range []struct {
		who  chat.Identity
		room string
	}{{other, "Dallas"}, {jdoe, "Houston"}} {
		m, err := post(elsewhere.who, elsewhere.room, "key", "hello")
		require.NoError(t, err)
		require.NotEqual(t, first.ID, m.ID, "a key is one user's in one room")
	}
}

func TestOneKeyManyTimesAtOnce(t *testing.T) {
	w := newWorld(t)
	jdoe := w.user("jdoe")
	w.room("Dallas", jdoe)
	const n = 16
	got := make([]chat.Message, n)
	for _, err := range together(n, func(i int) (err error) {
		got[i], err = w.Post(t.Context(), jdoe, "Dallas", chat.NewMessage{Content: new("once"), Key: new("key")})
		return err
	}) {
		require.NoError(t, err)
	}
	for _, m := range got {
		require.Equal(t, got[0], m)
	}
	require.Equal(t, []string{"once"}, w.contents(jdoe, "Dallas"))
	require.ElementsMatch(t, append(slices.Repeat([]string{"again: once"}, n-1), "message: once"), w.events.take())
}

func TestEventsOfManyPostersComeInTheOrderOfTheLog(t *testing.T) {
	w := newWorld(t)
	jdoe := w.user("jdoe")
	w.room("Dallas", jdoe)
	for _, err := range together(64, func(i int) error {
		_, err := w.Post(t.Context(), jdoe, "Dallas", chat.NewMessage{Content: new(fmt.Sprint(i))})
		return err
	}) {
		require.NoError(t, err)
	}
	var want []string
	for _, c := range w.contents(jdoe, "Dallas") {
		want = append(want, "message: "+c)
	}
	require.Len(t, want, 64)
	require.Equal(t, want, w.events.take())
}

// When a post is answered, it has been published to other nodes: the next post, on any node, is delivered later.
func TestOtherNodesAreToldBeforeTheAnswer(t *testing.T) {
	w := newWorld(t)
	w.events.others = true
	ann := w.user("ann")
	w.room("games", ann)
	for _, key := range []*string{nil, new("k"), new("k")} {
		_, err := w.Post(t.Context(), ann, "games", chat.NewMessage{Content: new("hello"), Key: key})
		require.NoError(t, err)
		require.Equal(t, len(w.events.events), w.events.flushed)
	}
}

func TestPages(t *testing.T) {
	w := newWorld(t)
	jdoe := w.user("jdoe")
	w.room("Dallas", jdoe)
	ids := map[string]id.ID{}
	for i := range 10 {
		c := fmt.Sprint(i)
		ids[c] = w.post(jdoe, "Dallas", c).ID
	}
	at := func(c string) *id.ID { return new(ids[c]) }
	first, last := id.Min, id.Max
	for name, c := range map[string]struct {
		q             chat.PageQuery
		want          string
		before, after bool
	}{
		"newest":                           {chat.PageQuery{Limit: 3}, "7 8 9", true, false},
		"newest, all exactly":              {chat.PageQuery{Limit: 10}, "0 1 2 3 4 5 6 7 8 9", false, false},
		"newest, more than there are":      {chat.PageQuery{Limit: 500}, "0 1 2 3 4 5 6 7 8 9", false, false},
		"newest, all but one":              {chat.PageQuery{Limit: 9}, "1 2 3 4 5 6 7 8 9", true, false},
		"before the middle":                {chat.PageQuery{Limit: 2, Before: at("5")}, "3 4", true, false},
		"before, ends at the first":        {chat.PageQuery{Limit: 2, Before: at("2")}, "0 1", false, false},
		"before the first":                 {chat.PageQuery{Limit: 2, Before: at("0")}, "", false, false},
		"before all time":                  {chat.PageQuery{Limit: 2, Before: &first}, "", false, false},
		"after the middle":                 {chat.PageQuery{Limit: 2, After: at("5")}, "6 7", false, true},
		"after, ends at the last":          {chat.PageQuery{Limit: 2, After: at("7")}, "8 9", false, false},
		"after the last":                   {chat.PageQuery{Limit: 2, After: at("9")}, "", false, false},
		"after nothing":                    {chat.PageQuery{Limit: 2, After: &first}, "0 1", false, true},
		"around, odd":                      {chat.PageQuery{Limit: 5, Around: at("5")}, "3 4 5 6 7", true, true},
		"around, even":                     {chat.PageQuery{Limit: 4, Around: at("5")}, "4 5 6 7", true, true},
		"around, one":                      {chat.PageQuery{Limit: 1, Around: at("5")}, "5", true, true},
		"around the first, window moves":   {chat.PageQuery{Limit: 5, Around: at("0")}, "0 1 2 3 4", false, true},
		"around the last, window moves":    {chat.PageQuery{Limit: 5, Around: at("9")}, "5 6 7 8 9", true, false},
		"around the last but one":          {chat.PageQuery{Limit: 5, Around: at("8")}, "5 6 7 8 9", true, false},
		"around, all exactly":              {chat.PageQuery{Limit: 10, Around: at("5")}, "0 1 2 3 4 5 6 7 8 9", false, false},
		"around, window shrinks":           {chat.PageQuery{Limit: 50, Around: at("5")}, "0 1 2 3 4 5 6 7 8 9", false, false},
		"around a time after everything":   {chat.PageQuery{Limit: 3, Around: &last}, "7 8 9", true, false},
		"around a time before all of them": {chat.PageQuery{Limit: 3, Around: &first}, "0 1 2", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := w.Messages(t.Context(), jdoe, "Dallas", c.q)
			require.NoError(t, err)
			require.Equal(t, c.want, strings.Join(said(p.Messages), " "))
			require.Equal(t, c.before, p.HasMoreBefore, "more before")
			require.Equal(t, c.after, p.HasMoreAfter, "more after")
			require.Equal(t, c.before || c.after, p.HasMore())
		})
	}
}

func TestAPageHasAnUpperBound(t *testing.T) {
	w := newWorld(t)
	jdoe := w.user("jdoe")
	w.room("Dallas", jdoe)
	room, err := w.Room(t.Context(), app, "Dallas")
	require.NoError(t, err)
	ids := id.NewGenerator(nil)
	var ms []chat.Message
	for range chat.MaxPage + 1 {
		ms = append(ms, chat.Message{ID: ids.New(), Author: chat.System, Content: "x"})
	}
	require.NoError(t, w.store.AppendBatch(t.Context(), room.Log(tenant), ms))
	p, err := w.Messages(t.Context(), jdoe, "Dallas", chat.PageQuery{Limit: 100_000})
	require.NoError(t, err)
	require.Len(t, p.Messages, chat.MaxPage)
	require.True(t, p.HasMoreBefore)
}

// A room's older change that is stuck in the store neither stops a later post nor its event for long.
func TestAStuckAppendDoesNotStopTheRoom(t *testing.T) {
	w := newWorld(t)
	jdoe := w.user("jdoe")
	w.room("Dallas", jdoe)
	w.post(jdoe, "Dallas", "warm")
	stuck, goOn := make(chan struct{}), make(chan struct{})
	w.store.on(func(_ context.Context, call string) error {
		if call == "AppendOnce" {
			close(stuck)
			<-goOn
		}
		return nil
	})
	ended := make(chan error, 1)
	go func() {
		_, err := w.Post(t.Context(), jdoe, "Dallas", chat.NewMessage{Content: new("slow"), Key: new("k")})
		ended <- err
	}()
	<-stuck
	w.post(jdoe, "Dallas", "fast")
	require.NoError(t, w.Join(t.Context(), w.user("other"), "Dallas", nil), "it waits a bounded time for order")
	require.Equal(t, []string{"message: warm", "message: fast", "joined: other",
		"message: First-other Last-other joins the room"}, w.events.take())
	close(goOn)
	require.NoError(t, <-ended)
	require.Equal(t, []string{"message: slow"}, w.events.take())
}
