package cassandra

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/clocktest"
	"github.com/confab-chat/confab/pkg/id"
)

// counting counts how often each statement ran.
type counting struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *counting) around(statement string, run func() error) error {
	switch statement {
	case selectClock, selectChanges: // once a second and server
		return run()
	case setRead: // once a second and reader, behind the answers
		return run()
	}
	c.mu.Lock()
	c.n[statement]++
	c.mu.Unlock()
	return run()
}

// during returns what f ran.
func (c *counting) during(f func()) map[string]int {
	c.mu.Lock()
	c.n = map[string]int{}
	c.mu.Unlock()
	f()
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.n) // what is beside calls goes on
}

// setClock gives a store, and the cluster as it sees it, another clock.
func (s *Store) setClock(now func() time.Time) {
	s.now = now
	s.book.asOf, s.book.polled = 0, time.Time{}
	s.book.clock = func(context.Context) (time.Time, error) { return now(), nil }
}

func TestUsualRequestsAreOneStatement(t *testing.T) {
	t.Parallel()
	s, ctx := ownAt(t, newClock()), withTimeout(t)
	gen := id.NewGenerator(s.now)
	c := &counting{n: map[string]int{}}
	s.db.around.set(c.around)
	l := chat.Log{Tenant: tenant(), ID: gen.New()}
	var last chat.Message
	post := func() {
		last = chat.Message{ID: gen.New(), Author: person("ann"), Content: "x"}
		require.NoError(t, s.Append(ctx, l, last))
		waitAside(ctx, t, s, l)
	}
	read := func(want int) func() {
		return func() {
			ms, err := s.Older(ctx, l, id.Max, 20)
			require.NoError(t, err)
			require.Len(t, ms, want)
		}
	}
	require.Equal(t, map[string]int{selectWidths: 1, insertBucket: 1, insertMessage: 1, newestIDs: 2, olderBuckets: 1}, c.during(post),
		"the first of a bucket, and beside it a look at the past")
	for range 30 {
		require.Equal(t, map[string]int{insertMessage: 1}, c.during(post))
	}
	c.during(read(20))
	require.Equal(t, map[string]int{olderMessages: 1}, c.during(read(20)), "the newest page")
	require.Equal(t, map[string]int{newerMessages: 1}, c.during(func() {
		ms, err := s.Newer(ctx, l, last.ID, false, 20)
		require.NoError(t, err)
		require.Empty(t, ms)
	}), "a client that is up to date")
}

// History with holes of years is read in as few statements as dense history.
func TestSparseHistory(t *testing.T) {
	t.Parallel()
	s, ctx := own(t), withTimeout(t)
	l := chat.Log{Tenant: tenant(), ID: ids.New()}
	seq := id.NewSequence([8]byte{1})
	var all []chat.Message
	for i, date := range []string{"1999-01-01", "2004-12-31", "2005-01-01", "2012-06-01", "2025-02-03"} {
		at, err := time.Parse(time.DateOnly, date)
		require.NoError(t, err)
		for range 10 {
			all = append(all, chat.Message{ID: seq.At(at), Author: person("ann"), Content: fmt.Sprint(i)})
		}
	}
	require.NoError(t, s.AppendBatch(ctx, l, all))
	c := &counting{n: map[string]int{}}
	s.db.around.set(c.around)
	ran := c.during(func() {
		ms, err := s.Older(ctx, l, id.Max, 50)
		require.NoError(t, err)
		require.Len(t, ms, 50)
		require.Equal(t, all[49], ms[0])
		require.Equal(t, all[0], ms[49])
		ms, err = s.Newer(ctx, l, id.Min, true, 50)
		require.NoError(t, err)
		require.Equal(t, all, ms)
	})
	require.LessOrEqual(t, ran[olderMessages], 6, "one for now, and one for each bucket with messages")
	require.LessOrEqual(t, ran[newerMessagesAnd], 6)
	require.LessOrEqual(t, ran[olderBuckets]+ran[newerBuckets], 3)
}

// A message in a bucket that is new to this server is seen immediately.
func TestANewBucketIsSeenAtOnce(t *testing.T) {
	t.Parallel()
	start := time.UnixMilli(int64(id.DefaultWidths.Of(id.FirstAt(time.Now())))).Add(7 * 24 * time.Hour)
	c := clocktest.New(start.Add(-time.Second)) // the last second of a bucket
	writer, reader, ctx := ownAt(t, c), ownAt(t, c), withTimeout(t)
	l := chat.Log{Tenant: tenant(), ID: ids.New()}
	seq := id.NewSequence([8]byte{1})
	var all []chat.Message
	for _, at := range []time.Time{start.Add(-time.Minute), start.Add(-time.Second), start, start.Add(5 * time.Second),
		start.Add(8 * 24 * time.Hour), start.Add(-100 * 24 * time.Hour)} {
		if at.After(c.Now().Add(clockSkew)) {
			c.Set(at) // a moment that has come for the reader too
		}
		m := chat.Message{ID: seq.At(at), Author: person("ann"), Content: at.String()}
		if at.Before(start.Add(-time.Hour)) { // somebody imports old messages
			m.ID = id.NewSequence([8]byte{2}).At(at)
			all = append([]chat.Message{m}, all...)
		} else {
			all = append(all, m)
		}
		require.NoError(t, writer.Append(ctx, l, m))
		ms, err := reader.Newer(ctx, l, id.Min, true, 10)
		require.NoError(t, err)
		require.Equal(t, all, ms)
		ms, err = reader.Older(ctx, l, id.Max, 10)
		require.NoError(t, err)
		require.Len(t, ms, len(all))
		require.Equal(t, all[0], ms[len(ms)-1])
	}
}

func TestBatchesAreBounded(t *testing.T) {
	big := chat.Message{Content: string(make([]byte, 60<<10))}
	var ms []chat.Message
	for range 5 {
		ms = append(ms, big)
	}
	for range 250 {
		ms = append(ms, chat.Message{Content: "x"})
	}
	total := 0
	for _, b := range split(chat.Log{}, 0, ms) {
		size := 0
		for _, w := range b {
			size += len(w.args[7].(string))
		}
		require.LessOrEqual(t, len(b), batchRows)
		require.LessOrEqual(t, size, batchBytes)
		total += len(b)
	}
	require.Equal(t, len(ms), total)
}
