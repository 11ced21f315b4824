package cassandra

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// restart makes a store forget all that one which has just been opened does not know.
func (s *Store) restart() {
	s.calls.Wait() // for what is beside calls
	old := s.book
	s.book = s.newWidthBook(MostEntries)
	s.book.clock = old.clock
	s.indexed.InvalidateAll()
	s.newest.InvalidateAll()
	s.ahead.InvalidateAll()
}

// A room with one message a week, for years, on a server that is started again all the time; then it is
// hot, and quiet again.
func TestQuietYears(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	c := newClock()
	writer, reader := ownAt(t, c), ownAt(t, c)
	count := &counting{n: map[string]int{}}
	l := chat.Log{Tenant: tenant(), ID: ids.New()}
	makers := id.NewGenerator(c.Now)
	var all []chat.Message
	put := func(n int) {
		ms := make([]chat.Message, n)
		for i := range ms {
			ms[i] = chat.Message{ID: makers.New(), Author: person("ann"), Content: fmt.Sprint(len(all) + i)}
		}
		all = append(all, ms...)
		require.NoError(t, writer.AppendBatch(ctx, l, ms))
		waitAside(ctx, t, writer, l)
	}
	weeks := func(n int) {
		for range n {
			c.Add(7 * day)
			writer.restart()
			put(1)
		}
	}
	partitions := func() int {
		reader.db.around.set(count.around)
		ran := count.during(func() {
			ms, err := reader.Older(ctx, l, id.Max, 20)
			require.NoError(t, err)
			slices.Reverse(ms)
			require.Equal(t, all[len(all)-20:], ms)
		})
		reader.db.around.set(nil)
		return ran[olderMessages]
	}
	whole := func() {
		var reads [2]struct {
			ms     []chat.Message
			middle chat.Message
			err    error
		}
		var wg sync.WaitGroup
		for i, s := range []*Store{writer, reader} { // at the same time: reading everything waits for Cassandra for seconds
			wg.Go(func() {
				r := &reads[i]
				if r.ms, r.err = s.Newer(ctx, l, id.Min, true, len(all)+1); r.err == nil {
					r.middle, r.err = s.Message(ctx, l, all[len(all)/2].ID)
				}
			})
		}
		wg.Wait()
		for _, r := range reads {
			require.NoError(t, r.err)
			require.Equal(t, all, r.ms)
			require.Equal(t, all[len(all)/2], r.middle)
		}
	}
	width := func() time.Duration {
		w, _, err := reader.widthsAt(ctx, l, c.Now().UnixMilli())
		require.NoError(t, err)
		return w.Newest()
	}
	decided := func() int {
		epochs, err := reader.epochs(ctx, l)
		require.NoError(t, err)
		return len(epochs)
	}
	weeks(12)
	require.Zero(t, decided(), "nothing before a log is three buckets old")
	whole()
	weeks(60)
	require.Equal(t, 112*day, width())
	require.LessOrEqual(t, partitions(), 6)
	weeks(24)
	require.LessOrEqual(t, partitions(), 3)
	whole()
	weeks(66)
	require.Equal(t, 364*day, width())
	require.LessOrEqual(t, partitions(), 4)
	require.Equal(t, 3, decided())
	infos, err := reader.Buckets(ctx, l, 100, 10)
	require.NoError(t, err)
	require.Equal(t, 364*day, infos[0].Width)

	for range 35 { // hot
		c.Add(time.Second)
		put(1000)
	}
	require.Less(t, width(), time.Minute)
	weeks(1)
	whole()
	weeks(20)
	require.GreaterOrEqual(t, width(), 7*day)
	require.LessOrEqual(t, partitions(), 14, "still many short ones")
	require.Less(t, decided(), 15)
	whole()
}

// Looks at the past are no more than a few at a time, fail without harm, and come again.
func TestLooksAtThePastAreBounded(t *testing.T) {
	t.Parallel()
	ctx := withTimeout(t)
	c := newClock()
	s := ownAt(t, c)
	makers := id.NewGenerator(c.Now)
	logs := make([]chat.Log, 10)
	old := id.NewSequence([8]byte{1})
	for i := range logs {
		logs[i] = chat.Log{Tenant: tenant(), ID: ids.New()}
		require.NoError(t, s.AppendBatch(ctx, logs[i], []chat.Message{{ID: old.At(c.Now().Add(-100 * day)), Author: person("ann"), Content: "old"}}))
	}
	var mu sync.Mutex
	counted, hang := 0, make(chan struct{})
	s.db.around.set(func(statement string, run func() error) error {
		if statement == newestIDs {
			mu.Lock()
			counted++
			mu.Unlock()
			<-hang
		}
		return run()
	})
	post := func() {
		for _, l := range logs {
			require.NoError(t, s.Append(ctx, l, chat.Message{ID: makers.New(), Author: person("ann"), Content: "x"}))
		}
	}
	widened := func() (n int) {
		for _, l := range logs {
			epochs, err := s.epochs(ctx, l)
			require.NoError(t, err)
			n += len(epochs)
		}
		return n
	}
	post()
	require.Eventually(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return counted == maxLooks
	}, 10*time.Second, time.Millisecond, "a message does not wait for looks, and the others are not begun")
	close(hang)
	for _, l := range logs {
		waitAside(ctx, t, s, l)
	}
	require.Equal(t, maxLooks, widened())
	s.db.around.set(nil)
	for range len(logs) {
		c.Add(lookAgain)
		post()
		for _, l := range logs {
			waitAside(ctx, t, s, l)
		}
	}
	require.Equal(t, len(logs), widened(), "each in its time")
}

// Three servers write to one log concurrently, together more than a bucket takes: one of them is hit hardest,
// one is started again meanwhile. The log had the widest buckets until then.
func TestManyServersWriteAtOnce(t *testing.T) {
	t.Parallel()
	ctx := t.Context() // 120,000 messages take more than a minute where other tests need the processors too
	c := newClock()
	servers := []*Store{ownAt(t, c), ownAt(t, c), ownAt(t, c)}
	l := chat.Log{Tenant: tenant(), ID: ids.New()}
	changed, err := servers[0].setSpan(ctx, l, 364*day)
	require.NoError(t, err)
	require.True(t, changed)
	c.Add(time.Hour)
	var all []id.ID
	makers := make([]*id.Generator, len(servers))
	for i := range makers {
		makers[i] = id.NewGenerator(c.Now)
	}
	for second := range 60 {
		if second == 20 {
			servers[2].restart()
		}
		var wg sync.WaitGroup
		for i, n := range []int{1100, 600, 300} {
			ms := make([]chat.Message, n)
			for k := range ms {
				ms[k] = chat.Message{ID: makers[i].New(), Author: person("ann"), Content: "x"}
				all = append(all, ms[k].ID)
			}
			wg.Go(func() {
				if err := servers[i].AppendBatch(ctx, l, ms); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, s := range servers {
			waitAside(ctx, t, s, l)
		}
		c.Add(time.Second)
	}
	infos, err := servers[1].Buckets(ctx, l, 100, 120_000)
	require.NoError(t, err)
	require.Greater(t, len(infos), 2)
	total := 0
	for _, i := range infos {
		require.Less(t, i.Messages, 70_000, "%v", i)
		total += i.Messages
	}
	require.Equal(t, len(all), total, "each is there once")
	slices.SortFunc(all, id.ID.Compare)
	for _, s := range []*Store{servers[0], servers[2]} {
		var read []id.ID
		for at := id.Min; ; {
			ms, err := s.Newer(ctx, l, at, false, 10_000)
			require.NoError(t, err)
			if len(ms) == 0 {
				break
			}
			for _, m := range ms {
				read = append(read, m.ID)
			}
			at = ms[len(ms)-1].ID
		}
		require.True(t, slices.Equal(all, read), "%d of %d", len(read), len(all))
	}
}
