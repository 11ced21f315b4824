package cassandra

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/clocktest"
	"github.com/confab-chat/confab/pkg/id"
)

// newClock stands in the middle of a default bucket, so that none ends while a test runs: the next one that the
// coordinators, which date what is written once, have not yet passed.
func newClock() *clocktest.Clock {
	now := time.Now()
	middle := time.UnixMilli(int64(id.DefaultWidths.Of(id.FirstAt(now)))).Add(84 * time.Hour)
	if middle.Before(now) {
		middle = middle.Add(7 * 24 * time.Hour)
	}
	return clocktest.New(middle)
}

// ownAt is a store of its own, with the clock for itself and the cluster.
func ownAt(t *testing.T, c *clocktest.Clock) *Store {
	s := own(t)
	s.setClock(c.Now)
	return s
}

// Two servers, and a third whose clock is 40 s ahead, write, read and change the width of one log in any
// order. Every server finds every message immediately, by its id and on its page.
func TestServersAgreeOnBuckets(t *testing.T) {
	t.Parallel()
	ctx := withTimeout(t)
	c := newClock()
	servers := []*Store{ownAt(t, c), ownAt(t, c), ownAt(t, c)}
	fast := func() time.Time { return c.Now().Add(40 * time.Second) }
	servers[2].now = fast
	makers := []*id.Generator{id.NewGenerator(c.Now), id.NewGenerator(c.Now), id.NewGenerator(fast)}
	l := chat.Log{Tenant: tenant(), ID: ids.New()}
	random := rand.New(rand.NewPCG(1, 2))
	var all []chat.Message
	for step := range 120 {
		c.Add(time.Duration(random.IntN(9000)) * time.Millisecond)
		var wg sync.WaitGroup
		if step%3 == 0 {
			decider, span := servers[random.IntN(2)], spans[1+random.IntN(len(spans)-1)]
			wg.Go(func() { _, _ = decider.setSpan(ctx, l, span) })
		}
		i := random.IntN(len(servers))
		m := chat.Message{ID: makers[i].New(), Author: person("ann"), Content: fmt.Sprint(step)}
		require.NoError(t, servers[i].Append(ctx, l, m))
		all = append(all, m)
		slices.SortFunc(all, func(a, b chat.Message) int { return a.ID.Compare(b.ID) })
		reader := servers[random.IntN(len(servers))]
		found, err := reader.Message(ctx, l, m.ID)
		require.NoError(t, err, "step %d: written by %d", step, i)
		require.Equal(t, m, found)
		wg.Wait()
		if step%10 == 9 {
			c.Add(time.Minute) // the time of all has come
			for _, s := range servers {
				ms, err := s.Newer(ctx, l, id.Min, true, len(all)+1)
				require.NoError(t, err)
				require.Equal(t, all, ms, "step %d", step)
				ms, err = s.Older(ctx, l, id.Max, len(all)+1)
				require.NoError(t, err)
				slices.Reverse(ms)
				require.Equal(t, all, ms, "step %d", step)
			}
		}
	}
	list, _, err := servers[0].widthsAt(ctx, l, c.Now().UnixMilli())
	require.NoError(t, err)
	require.Greater(t, len(list), 5, "widths have changed")
	for _, s := range servers {
		same, _, err := s.widthsAt(ctx, l, c.Now().UnixMilli())
		require.NoError(t, err)
		require.Equal(t, list, same)
	}
}

func TestOfConcurrentDecidersOneDecides(t *testing.T) {
	t.Parallel()
	ctx := withTimeout(t)
	c := newClock()
	servers := []*Store{ownAt(t, c), ownAt(t, c)}
	l := chat.Log{Tenant: tenant(), ID: ids.New()}
	for round := range 3 {
		var wg sync.WaitGroup
		changed := make([]bool, 8)
		for i := range changed {
			wg.Go(func() {
				span := spans[1+(round+i%2)]
				changed[i], _ = servers[i%2].setSpan(ctx, l, span)
			})
		}
		wg.Wait()
		n := 0
		for _, ok := range changed {
			if ok {
				n++
			}
		}
		require.LessOrEqual(t, n, 1)
		c.Add(2 * grace)
	}
}

// A decider that is late gives its epoch up; so does anybody who needs to know, and a
// seal that comes later changes nothing.
func TestALateDecisionNeverCounts(t *testing.T) {
	t.Parallel()
	ctx := withTimeout(t)
	c := newClock()
	a, b := ownAt(t, c), ownAt(t, c)
	l := chat.Log{Tenant: tenant(), ID: ids.New()}
	makers := id.NewGenerator(c.Now)
	post := func(s *Store) chat.Message {
		m := chat.Message{ID: makers.New(), Author: person("ann"), Content: "x"}
		require.NoError(t, s.Append(ctx, l, m))
		return m
	}
	post(b) // b remembers the widths

	// Slow between claim and seal.
	a.db.around.set(func(statement string, run func() error) error {
		if statement == announceEpoch {
			c.Add(grace)
		}
		return run()
	})
	changed, err := a.setSpan(ctx, l, time.Minute)
	require.NoError(t, err)
	require.False(t, changed)

	// Dead before the seal.
	dead := errors.New("dead")
	a.db.around.set(func(statement string, run func() error) error {
		if statement == sealEpoch {
			return dead
		}
		return run()
	})
	_, err = a.setSpan(ctx, l, time.Minute)
	require.ErrorIs(t, err, dead)
	c.Add(grace + time.Second)
	m := post(b)
	a.db.around.set(nil)
	sealed, err := a.seal(ctx, l, 2, true)
	require.NoError(t, err)
	require.False(t, sealed, "b has decided otherwise")
	for _, s := range []*Store{a, b} {
		_, err := s.Message(ctx, l, m.ID)
		require.NoError(t, err)
		list, _, err := s.widthsAt(ctx, l, c.Now().UnixMilli())
		require.NoError(t, err)
		require.Equal(t, id.DefaultWidths, list)
	}

	changed, err = a.setSpan(ctx, l, time.Minute)
	require.NoError(t, err)
	require.True(t, changed, "the next one goes well")
	c.Add(grace)
	m = post(b)
	w, _, err := b.widthsAt(ctx, l, m.ID.UnixMilli())
	require.NoError(t, err)
	require.Len(t, w, 2)
	_, err = a.Message(ctx, l, m.ID)
	require.NoError(t, err)
}

// Messages far ahead of time, in an import say, are found whatever is decided meanwhile.
func TestMessagesAheadOfTimeStayReachable(t *testing.T) {
	t.Parallel()
	ctx := withTimeout(t)
	c := newClock()
	writer, decider := ownAt(t, c), ownAt(t, c)
	l := chat.Log{Tenant: tenant(), ID: ids.New()}
	seq := id.NewSequence([8]byte{1})
	m := chat.Message{ID: seq.At(c.Now().Add(50 * time.Hour)), Author: person("ann"), Content: "x"}
	// The whole decision falls between the writer's look at the widths and its write.
	writer.db.around.set(func(statement string, run func() error) error {
		if statement == insertMessage {
			writer.db.around.set(nil)
			changed, err := decider.setSpan(ctx, l, time.Hour)
			require.NoError(t, err)
			require.True(t, changed)
		}
		return run()
	})
	require.NoError(t, writer.AppendBatch(ctx, l, []chat.Message{m}))
	for _, s := range []*Store{writer, decider} {
		found, err := s.Message(ctx, l, m.ID)
		require.NoError(t, err)
		require.Equal(t, m, found)
	}
	c.Add(51 * time.Hour)
	ms, err := decider.Older(ctx, l, id.Max, 10)
	require.NoError(t, err)
	require.Equal(t, []chat.Message{m}, ms, "once, not twice")
	// One that is there when a width is decided puts it off.
	late := chat.Message{ID: seq.At(c.Now().Add(time.Hour)), Author: person("ann"), Content: "y"}
	require.NoError(t, writer.Append(ctx, l, late))
	changed, err := decider.setSpan(ctx, l, day)
	require.NoError(t, err)
	require.False(t, changed, "a wider one waits")
	changed, err = decider.setSpan(ctx, l, time.Minute)
	require.NoError(t, err)
	require.True(t, changed)
	w, _, err := decider.widthsAt(ctx, l, c.Now().UnixMilli())
	require.NoError(t, err)
	require.Greater(t, w[len(w)-1].From, late.ID.UnixMilli())
}

// A server narrows a busy log by itself, and announces it to the others.
func TestABusyLogGetsNarrowBuckets(t *testing.T) {
	t.Parallel()
	ctx := withTimeout(t)
	c := newClock()
	a, b := ownAt(t, c), ownAt(t, c)
	l := chat.Log{Tenant: tenant(), ID: ids.New()}
	makers := id.NewGenerator(c.Now)
	var all []chat.Message
	for range 45 {
		ms := make([]chat.Message, 1500)
		for i := range ms {
			ms[i] = chat.Message{ID: makers.New(), Author: person("ann"), Content: "x"}
		}
		all = append(all, ms...)
		require.NoError(t, a.AppendBatch(ctx, l, ms))
		waitAside(ctx, t, a, l)
		c.Add(time.Second)
	}
	w, _, err := b.widthsAt(ctx, l, c.Now().UnixMilli())
	require.NoError(t, err)
	require.Len(t, w, 2)
	require.Equal(t, (15 * time.Second).Milliseconds(), w[1].Span)
	ms, err := b.Older(ctx, l, id.Max, 3000)
	require.NoError(t, err)
	slices.Reverse(ms)
	require.Equal(t, all[len(all)-3000:], ms)
	infos, err := b.Buckets(ctx, l, 10, 100_000)
	require.NoError(t, err)
	total := 0
	for _, i := range infos {
		require.Less(t, i.Messages, 50_000)
		require.False(t, i.More)
		total += i.Messages
	}
	require.Equal(t, len(all), total)
	require.Equal(t, 15*time.Second, infos[0].Width)
	require.Equal(t, 7*day, infos[len(infos)-1].Width)
	require.Equal(t, time.UnixMilli(w[1].From).UTC(), infos[len(infos)-1].End, "cut where the width changed")
}

// waitAside waits until s has no question about the log.
func waitAside(ctx context.Context, t *testing.T, s *Store, l chat.Log) {
	require.Eventually(t, func() bool {
		p, ok := s.book.paces.GetIfPresent(l)
		if !ok {
			return true
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		return !p.asking && !p.looking
	}, 30*time.Second, time.Millisecond)
	require.NoError(t, ctx.Err())
}
