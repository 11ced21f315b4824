package cassandra

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

func newLog() chat.Log {
	return chat.Log{Tenant: "retention", ID: id.NewGenerator(nil).New()}
}

// rawRows counts the rows of a log's present bucket, parts of messages too.
func rawRows(t *testing.T, s *Store, l chat.Log, m id.ID) int {
	t.Helper()
	b, err := s.bucket(t.Context(), l, m)
	require.NoError(t, err)
	n, err := s.rowsIn(t.Context(), l, b, 1000)
	require.NoError(t, err)
	return n
}

// What is written to the log of messages stays until Trim: a retention may be lengthened.
func TestNothingInALogHasATimeToLive(t *testing.T) {
	t.Parallel()
	s, ids, ctx := shared(t), id.NewGenerator(nil), t.Context()
	l, by := newLog(), chat.Person{Login: "ann", FirstName: "Ann"}
	ms := make([]chat.Message, 5)
	for i := range ms {
		ms[i] = chat.Message{ID: ids.New(), Author: by, Content: fmt.Sprint(i)}
	}
	ms[1].ReplyTo = ms[0].ID
	require.NoError(t, s.Append(ctx, l, ms[0]))
	require.NoError(t, s.AppendBatch(ctx, l, ms[1:4]))
	_, _, err := s.AppendOnce(ctx, l, "k", ms[4], id.ID{})
	require.NoError(t, err)
	changeAll(t, s, l, ids, ms)
	for _, l := range []chat.Log{l, chat.ChangesOf(l)} {
		list, _, err := s.widthsAt(ctx, l, ms[0].ID.UnixMilli())
		require.NoError(t, err)
		var columns [8]*int
		var elements []*int
		rows := 0
		err = s.db.rows(ctx, 100, func() {
			rows++
			for _, ttl := range append(columns[:], elements...) {
				require.Nil(t, ttl)
			}
		}, `SELECT TTL(author_login), TTL(author_first_name), TTL(author_last_name), TTL(content), TTL(system), TTL(edit), TTL(edited_content), TTL(deleted),
TTL(reactions) FROM messages WHERE tenant = ? AND log_id = ? AND bucket = ?`, []any{string(l.Tenant), uuid(l.ID), int64(list.Of(ms[0].ID))},
			&columns[0], &columns[1], &columns[2], &columns[3], &columns[4], &columns[5], &columns[6], &columns[7], &elements)
		require.NoError(t, err)
		require.NotZero(t, rows)
	}
}

// What a change leaves of a message that was removed meanwhile is no message, and hides none that follows it.
func TestPagesPastWhatIsLeftOfMessages(t *testing.T) {
	t.Parallel()
	s, ids, ctx := shared(t), id.NewGenerator(nil), t.Context()
	l, start := newLog(), ids.New()
	first := ids.New()
	b, err := s.bucket(ctx, l, first)
	require.NoError(t, err)
	var want []id.ID
	for i := range 30 {
		m := chat.Message{ID: ids.New(), Content: fmt.Sprint(i)}
		if i%3 > 0 {
			w := s.change(l, b, m.ID, chat.Change{Kind: chat.React, ID: ids.New(), Emoji: "x", On: true})
			require.NoError(t, s.db.exec(ctx, w.statement, w.args...))
			continue
		}
		require.NoError(t, s.Append(ctx, l, m))
		want = append(want, m.ID)
	}
	idsOf := func(ms []chat.Message, err error) (out []id.ID) {
		t.Helper()
		require.NoError(t, err)
		for _, m := range ms {
			out = append(out, m.ID)
		}
		return out
	}
	reversed := slices.Clone(want)
	slices.Reverse(reversed)
	for limit := 1; limit <= len(want); limit++ {
		require.Equal(t, want[:limit], idsOf(s.Newer(ctx, l, start, false, limit)))
		require.Equal(t, want[:limit], idsOf(s.Newer(ctx, l, first, true, limit)))
		require.Equal(t, reversed[:limit], idsOf(s.Older(ctx, l, id.Max, limit)))
		require.Equal(t, reversed[:limit], idsOf(s.Between(ctx, l, id.Max, start, limit)))
	}
	counts, err := s.CountUnread(ctx, []chat.Span{{Position: chat.Position{Log: l, After: start}, UpTo: id.Max}}, "nobody", 100)
	require.NoError(t, err)
	require.Equal(t, len(want), counts[l.ID])
}

// changeAll edits, deletes, disowns and reacts.
func changeAll(t *testing.T, s *Store, l chat.Log, ids *id.Generator, ms []chat.Message) {
	t.Helper()
	for i, c := range []chat.Change{{Kind: chat.Edit, Content: "edited"}, {Kind: chat.React, Emoji: "👍", On: true},
		{Kind: chat.React, Emoji: "🎉", On: true}, {Kind: chat.Delete}} {
		c.ID, c.By = ids.New(), ms[i].Author
		_, err := s.ChangeMessage(t.Context(), l, ms[i].ID, func(chat.Message) (chat.Change, error) { return c, nil })
		require.NoError(t, err)
	}
	require.NoError(t, s.Disown(t.Context(), l, []chat.Disowned{{ID: ms[4].ID, Author: chat.Erased, Content: new("who?")}}))
}

// Earlier versions wrote messages with a TTL. They expire at that time. What happened to them since then has none and stays on disk until Trim:
// no reader sees it, and it does not end a page too early.
func TestRowsThatEarlierVersionsWroteWithATTL(t *testing.T) {
	t.Parallel()
	s, ids, ctx := shared(t), id.NewGenerator(nil), t.Context()
	l := newLog()
	ms := make([]chat.Message, 12)
	for i := range ms {
		ms[i] = chat.Message{ID: ids.New(), Content: fmt.Sprint(i)}
	}
	require.NoError(t, s.AppendBatch(ctx, l, append(ms[:4:4], ms[9:]...)))
	b, err := s.bucket(ctx, l, ms[0].ID)
	require.NoError(t, err)
	for _, m := range ms[4:9] {
		w := insert(l, b, m)
		require.NoError(t, s.db.exec(ctx, w.statement+" USING TTL 2", w.args...))
	}
	changeAll(t, s, l, ids, ms[4:9])
	require.Eventually(t, func() bool {
		_, found, err := s.message(ctx, l, ms[8].ID)
		return err == nil && !found
	}, 30*time.Second, 50*time.Millisecond)
	require.Equal(t, len(ms), rawRows(t, s, l, ms[0].ID), "parts are left")

	left := append(ms[:4:4], ms[9:]...)
	older, err := s.Older(ctx, l, id.Max, 6)
	require.NoError(t, err)
	newer, err := s.Newer(ctx, l, id.Min, false, 6)
	require.NoError(t, err)
	between, err := s.Between(ctx, l, id.Max, ms[0].ID, 6)
	require.NoError(t, err)
	for i := range 6 {
		require.Equal(t, left[i].ID, newer[i].ID)
		require.Equal(t, left[len(left)-1-i].ID, older[i].ID)
		require.Equal(t, older[i].ID, between[i].ID)
	}
	n, err := s.CountUnread(ctx, []chat.Span{{Position: chat.Position{Log: l}, UpTo: id.Max}}, "nobody", 100)
	require.NoError(t, err)
	require.Equal(t, len(left), n[l.ID])
}

// Trimmed buckets leave the index too, once no server can be writing to them.
func TestTrimForgetsBuckets(t *testing.T) {
	t.Parallel()
	s, ctx := shared(t), t.Context()
	l := newLog()
	week := 7 * 24 * time.Hour
	start := time.UnixMilli(int64(id.DefaultWidths.Of(id.FirstAt(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)))))
	var ms []chat.Message
	for i := range 3 * indexWindow {
		ms = append(ms, chat.Message{ID: id.FirstAt(start.Add(time.Duration(i)*week + time.Hour)), Content: fmt.Sprint(i)})
	}
	require.NoError(t, s.AppendBatch(ctx, l, ms))
	buckets := func() int {
		all, err := s.bucketsAfter(ctx, l, minBucket, 1000)
		require.NoError(t, err)
		return len(all)
	}
	messages := func(before id.ID) int {
		all, err := s.Older(ctx, l, before, 1000)
		require.NoError(t, err)
		return len(all)
	}
	n := 2*indexWindow + 10
	first := start.Add(time.Duration(n) * week) // of the bucket that stays
	require.NoError(t, s.Trim(ctx, l, id.FirstAt(first.Add(30*time.Minute))))
	require.Equal(t, len(ms)-n, messages(id.Max))
	require.Equal(t, len(ms)-n+1, buckets(), "the last one that is removed may yet get something")
	require.NoError(t, s.Trim(ctx, l, id.FirstAt(first.Add(59*time.Minute))))
	require.Equal(t, len(ms)-n, messages(id.Max))
	require.NoError(t, s.Trim(ctx, l, id.FirstAt(first.Add(2*time.Hour))))
	require.Equal(t, len(ms)-n-1, messages(id.Max), "a part of a bucket goes too")
	require.Equal(t, len(ms)-n, buckets())
}

// A reader of a room with a retention does not look at what lies before.
func TestReadingEndsAtTheHorizon(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("opens a store of its own")
	}
	c := testConfig(t)
	s := openStore(t, c, Options{})
	defer s.Close()
	ctx, l := t.Context(), newLog()
	var ms []chat.Message
	now := time.Now()
	for i := range 100 {
		ms = append(ms, chat.Message{ID: id.FirstAt(now.Add(-time.Duration(i) * 7 * 24 * time.Hour)), Content: fmt.Sprint(i)})
	}
	require.NoError(t, s.AppendBatch(ctx, l, ms))
	var pages atomic.Int32
	s.db.around.set(func(statement string, run func() error) error {
		if statement == betweenMessages { // the width is looked after beside
			pages.Add(1)
		}
		return run()
	})
	got, err := s.Between(ctx, l, id.Max, ms[3].ID, 50)
	require.NoError(t, err)
	require.Len(t, got, 3)
	require.LessOrEqual(t, pages.Load(), int32(4))
}

// A server whose clock was a year ahead edited, deleted and reacted. Trim removes that too, of buckets that end and of the
// one that goes on.
func TestTrimOfChangesThatAreAheadOfTime(t *testing.T) {
	t.Parallel()
	s, ctx := shared(t), t.Context()
	l := newLog()
	years := func(n int) *id.Generator {
		at := time.Now().AddDate(n, 0, 0)
		return id.NewGenerator(func() time.Time { return at })
	}
	old, present, ahead := years(-1), id.NewGenerator(nil), years(1)
	var ms []chat.Message
	for _, made := range []*id.Generator{old, present} {
		var some []chat.Message
		for i := range 5 {
			some = append(some, chat.Message{ID: made.New(), Author: chat.Person{Login: "ann"}, Content: fmt.Sprint(i)})
		}
		require.NoError(t, s.AppendBatch(ctx, l, some))
		changeAll(t, s, l, ahead, some)
		ms = append(ms, some...)
	}
	last := chat.Message{ID: present.New(), Content: "stays"}
	require.NoError(t, s.Append(ctx, l, last))
	require.Equal(t, 5, rawRows(t, s, l, ms[0].ID))
	require.NoError(t, s.Trim(ctx, l, last.ID))
	require.Zero(t, rawRows(t, s, l, ms[0].ID))
	require.Equal(t, 1, rawRows(t, s, l, last.ID))
}
