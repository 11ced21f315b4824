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

func TestTimeToLive(t *testing.T) {
	t.Parallel()
	s, ids := shared(t), id.NewGenerator(nil)
	now := time.Now()
	at := func(age, keep time.Duration) chat.Message {
		return chat.Message{ID: id.FirstAt(now.Add(-age)), Keep: keep}
	}
	clocked := &Store{now: func() time.Time { return now }}
	for _, c := range []struct {
		m       chat.Message
		seconds int
		over    bool
	}{
		{at(0, 0), 0, false},
		{at(100*365*24*time.Hour, 0), 0, false},
		{at(0, time.Hour), 3602, false}, // never less than is left
		{at(30*time.Minute, time.Hour), 1802, false},
		{at(time.Hour-time.Millisecond, time.Hour), 2, false},
		{at(time.Hour+time.Millisecond, time.Hour), 0, true},
		{at(0, time.Duration(chat.MaxRetention)), 0, false}, // further than Cassandra can say
	} {
		seconds, over := clocked.messageTTL(c.m)
		require.InDelta(t, c.seconds, seconds, 1)
		require.Equal(t, c.over, over)
	}

	// What is over is not written at all.
	l := newLog()
	late := chat.Message{ID: id.FirstAt(now.Add(-time.Hour)), Keep: time.Minute}
	require.NoError(t, s.Append(t.Context(), l, late))
	require.NoError(t, s.AppendBatch(t.Context(), l, []chat.Message{late, {ID: ids.New()}, late}))
	require.NoError(t, s.AppendBatch(t.Context(), newLog(), []chat.Message{late}))
	require.Equal(t, 1, rawRows(t, s, l, late.ID))
}

// Whatever is written to a message with a time to live goes with it, and nothing of it is left.
func TestMessagesExpireWithAllThatHappened(t *testing.T) {
	t.Parallel()
	s, ids, ctx := shared(t), id.NewGenerator(nil), t.Context()
	l, by := newLog(), chat.Person{Login: "ann", FirstName: "Ann"}
	message := func(content string) chat.Message {
		return chat.Message{ID: ids.New(), Author: by, Content: content, Keep: 2 * time.Second}
	}
	stays := message("stays")
	stays.Keep = 0
	ms := []chat.Message{message("edited"), message("reacted"), message("deleted"), message("disowned"), message("once")}
	require.NoError(t, s.Append(ctx, l, ms[0]))
	require.NoError(t, s.AppendBatch(ctx, l, append([]chat.Message{stays}, ms[1:4]...)))
	_, _, err := s.AppendOnce(ctx, l, "k", ms[4])
	require.NoError(t, err)
	change := func(m chat.Message, c chat.Change) {
		t.Helper()
		c.ID, c.By = ids.New(), by
		_, err := s.ChangeMessage(ctx, l, m.ID, func(chat.Message) (chat.Change, error) { return c, nil })
		require.NoError(t, err)
	}
	change(ms[0], chat.Change{Kind: chat.Edit, Content: "again"})
	change(ms[1], chat.Change{Kind: chat.React, Emoji: "👍", On: true})
	change(ms[1], chat.Change{Kind: chat.React, Emoji: "🎉", On: true})
	change(ms[1], chat.Change{Kind: chat.React, Emoji: "🎉"})
	change(ms[2], chat.Change{Kind: chat.Delete})
	require.NoError(t, s.Disown(ctx, l, []chat.Disowned{{ID: ms[3].ID, Author: chat.Erased, Content: new("who?")}}))
	change(stays, chat.Change{Kind: chat.Edit, Content: "stays too"})
	require.Equal(t, 6, rawRows(t, s, l, ms[0].ID))

	require.Eventually(t, func() bool { return rawRows(t, s, l, ms[0].ID) == 1 }, 30*time.Second, 100*time.Millisecond)
	left, err := s.Older(ctx, l, id.Max, 10)
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.Equal(t, "stays too", left[0].Content)
	require.Eventually(t, func() bool {
		entries, err := s.Older(ctx, chat.ChangesOf(l), id.Max, 10)
		return err == nil && len(entries) == 1
	}, 30*time.Second, 100*time.Millisecond)
	again := ms[4]
	again.ID = ids.New()
	first, repeated, err := s.AppendOnce(ctx, l, "k", again)
	require.NoError(t, err)
	require.True(t, repeated)
	require.Equal(t, ms[4].ID, first.ID)
	require.Equal(t, 1, rawRows(t, s, l, ms[0].ID))
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
			w := s.change(l, b, m.ID, chat.Change{Kind: chat.React, ID: ids.New(), Emoji: "x", On: true}, 0)
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
	counts, err := s.CountNewer(ctx, []chat.Position{{Log: l, After: start}}, "nobody", 100)
	require.NoError(t, err)
	require.Equal(t, len(want), counts[l.ID])
}

// A change has as long to live as its message: not longer, and not less, or it would undo itself.
func TestAChangeLivesAsLongAsItsMessage(t *testing.T) {
	t.Parallel()
	s, ids, ctx := shared(t), id.NewGenerator(nil), t.Context()
	l := newLog()
	m := chat.Message{ID: ids.New(), Content: "hello", Keep: time.Hour}
	require.NoError(t, s.Append(ctx, l, m))
	for _, c := range []chat.Change{{Kind: chat.Edit, Content: "x"}, {Kind: chat.Delete}} {
		c.ID = ids.New()
		_, err := s.ChangeMessage(ctx, l, m.ID, func(chat.Message) (chat.Change, error) { return c, nil })
		require.NoError(t, err)
	}
	b, err := s.bucket(ctx, l, m.ID)
	require.NoError(t, err)
	var row, edit, deleted int
	_, err = s.db.row(ctx, `SELECT TTL(system), TTL(edit), TTL(deleted) FROM messages WHERE tenant = ? AND log_id = ? AND bucket = ? AND message_id = ?`,
		[]any{string(l.Tenant), uuid(l.ID), int64(b), uuid(m.ID)}, &row, &edit, &deleted)
	require.NoError(t, err)
	require.Greater(t, row, 3000)
	require.InDelta(t, row, edit, 1)
	require.InDelta(t, row, deleted, 1)
	entries, err := s.Older(ctx, chat.ChangesOf(l), id.Max, 10)
	require.NoError(t, err)
	require.Len(t, entries, 2)
	b, err = s.bucket(ctx, chat.ChangesOf(l), entries[0].ID)
	require.NoError(t, err)
	var entry int
	_, err = s.db.row(ctx, `SELECT TTL(system) FROM messages WHERE tenant = ? AND log_id = ? AND bucket = ? AND message_id = ?`,
		[]any{string(l.Tenant), uuid(chat.ChangesOf(l).ID), int64(b), uuid(entries[0].ID)}, &entry)
	require.NoError(t, err)
	require.InDelta(t, row, entry, 5)
}

// Of trimmed buckets not even their names are left, once nobody can be writing to them.
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
