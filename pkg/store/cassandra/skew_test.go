package cassandra

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// Two servers whose clocks are 30 s apart, one of which steps back an hour: their messages are on
// everyone's pages, and nothing is missed after the last message of a server.
func TestServersWithDifferentClocks(t *testing.T) {
	t.Parallel()
	ctx := withTimeout(t)
	c := newClock()
	right, fast := ownAt(t, c), ownAt(t, c)
	ahead := 30 * time.Second
	fast.now = func() time.Time { return c.Now().Add(ahead) }
	makers := []*id.Generator{id.NewGenerator(right.now), id.NewGenerator(fast.now)}
	servers := []*Store{right, fast}
	l := chat.Log{Tenant: tenant(), ID: ids.New()}
	var all []chat.Message
	last := make([]id.ID, 2)
	post := func(i int) {
		m := chat.Message{ID: makers[i].New(), Author: person("ann"), Content: fmt.Sprint(len(all))}
		require.Positive(t, m.ID.Compare(last[i]), "ids of a server rise")
		last[i] = m.ID
		require.NoError(t, servers[i].Append(ctx, l, m))
		all = append(all, m)
		slices.SortFunc(all, func(a, b chat.Message) int { return a.ID.Compare(b.ID) })
	}
	pages := func(what string) {
		for i, s := range servers {
			ms, err := s.Older(ctx, l, id.Max, len(all)+1)
			require.NoError(t, err)
			slices.Reverse(ms)
			require.Equal(t, all, ms, "%s: newest page of server %d", what, i)
			// Somebody who has seen the last message of a server, and looks back by the difference of the clocks.
			from := id.FirstAt(last[i].Time().Add(-ahead))
			ms, err = s.Newer(ctx, l, from, true, len(all)+1)
			require.NoError(t, err)
			want := slices.DeleteFunc(slices.Clone(all), func(m chat.Message) bool { return m.ID.Compare(from) < 0 })
			require.Equal(t, want, ms, "%s: resume at server %d", what, i)
		}
	}
	for step := range 8 {
		post(step % 2)
		pages("at once")
		c.Add(6 * time.Second)
	}
	ahead = -time.Hour // the clock is set right, and further back
	for step := range 4 {
		post(step % 2)
		pages("after a step back")
		c.Add(time.Second)
	}
	ahead = 30 * time.Second
	// In narrow buckets what is further ahead than clockSkew has its time first.
	changed, err := right.setSpan(ctx, l, time.Second)
	require.NoError(t, err)
	require.True(t, changed)
	c.Add(2 * time.Minute)
	for step := range 8 {
		post(step % 2)
		for _, s := range servers {
			found, err := s.Message(ctx, l, last[step%2])
			require.NoError(t, err)
			require.Equal(t, last[step%2], found.ID)
		}
		c.Add(6 * time.Second)
	}
	c.Add(30 * time.Second)
	pages("narrow buckets")
}
