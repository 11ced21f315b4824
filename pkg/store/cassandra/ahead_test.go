package cassandra

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// A room has a message that is a year ahead, and as many after it as fill several buckets. They are not all in one, every
// server finds each of them, and when the clocks get there the room has the default width.
func TestALogThatIsAheadOfTimeHasMoreBucketsThanOne(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c := newClock()
	writer, reader := ownAt(t, c), ownAt(t, c)
	l := chat.Log{Tenant: tenant(), ID: ids.New()}
	at := c.Now().AddDate(1, 0, 0)
	made := id.NewGenerator(func() time.Time { return at })
	var all []chat.Message
	write := func(n int) {
		var ms []chat.Message
		for range n {
			ms = append(ms, chat.Message{ID: made.New(), Author: person("ann"), Content: "x"})
			at = at.Add(time.Microsecond)
		}
		require.NoError(t, writer.AppendBatch(ctx, l, ms))
		all = append(all, ms...)
		newest, err := reader.Older(ctx, l, id.Max, 1)
		require.NoError(t, err)
		require.Equal(t, all[len(all)-1:], newest, "another server shows what is newest")
	}
	buckets := func() int {
		found, err := reader.bucketsBefore(ctx, l, maxBucket, 100)
		require.NoError(t, err)
		return len(found)
	}
	for range 10 {
		write(fullBucket / 20)
	}
	require.Equal(t, 1, buckets())
	// Writing has asked for it by now, unless it came a moment too early.
	last := all[len(all)-1].ID
	b, err := writer.bucket(ctx, l, last)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		require.NoError(t, writer.narrowAhead(ctx, l, b, last))
		w, err := writer.readWidths(ctx, l)
		require.NoError(t, err)
		return len(w.list) == 3
	}, time.Minute, 10*time.Millisecond)
	at = at.Add(aheadLead)
	write(5000)
	require.Equal(t, 2, buckets())
	at = at.Add(aheadSpan)
	write(5000)
	require.Equal(t, 3, buckets())
	for _, m := range []chat.Message{all[0], all[len(all)-5001], all[len(all)-1]} {
		found, err := reader.Message(ctx, l, m.ID)
		require.NoError(t, err)
		require.Equal(t, m.ID, found.ID)
	}
	page, err := reader.Older(ctx, l, all[len(all)-4999].ID, 10)
	require.NoError(t, err)
	for i, m := range page {
		require.Equal(t, all[len(all)-5000-i].ID, m.ID, "pages go on over buckets")
	}
	w, err := reader.readWidths(ctx, l)
	require.NoError(t, err)
	require.Equal(t, id.DefaultWidths.Newest(), w.list.Newest())
}

func TestWhenToLookAtABucketAheadOfTime(t *testing.T) {
	var c aheadCount
	require.False(t, c.add(1, fewRows-1))
	require.True(t, c.add(1, 1))
	require.False(t, c.add(1, fewRows-1))
	require.False(t, c.add(2, fewRows-1), "another bucket")
	require.True(t, c.add(2, 1))
}
