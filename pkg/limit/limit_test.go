package limit_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/clocktest"
	"github.com/confab-chat/confab/pkg/limit"
)

func newLimits(t *testing.T, set limit.Set) (*limit.Limits, *clocktest.Clock) {
	clock := clocktest.New(time.Unix(1_000_000, 0))
	l := limit.New(set, clock.Now, limit.MostKeys)
	t.Cleanup(l.Close)
	return l, clock
}

func TestAClientHasAWholeNetwork(t *testing.T) {
	for address, want := range map[string]string{"192.0.2.1": "192.0.2.1", "::1": "::/64", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "odd": "odd", "": ""} {
		require.Equal(t, want, limit.Network(address))
		require.Equal(t, want, limit.Network(want), "once more changes nothing")
	}
}

func TestABurstThenARate(t *testing.T) {
	l, clock := newLimits(t, limit.Set{limit.Posts: 60})
	for range 60 {
		require.Zero(t, l.Take(limit.Of(limit.Posts, "ann")))
	}
	require.Equal(t, time.Second, l.Take(limit.Of(limit.Posts, "ann")))
	require.Zero(t, l.Take(limit.Of(limit.Posts, "bob")), "others are not concerned")
	require.Zero(t, l.Take(limit.Of(limit.Reactions, "ann")), "nor is what has no limit")
	clock.Add(time.Second)
	require.Zero(t, l.Take(limit.Of(limit.Posts, "ann")))
	require.Equal(t, time.Second, l.Take(limit.Of(limit.Posts, "ann")))
	clock.Add(time.Hour)
	for range 60 {
		require.Zero(t, l.Take(limit.Of(limit.Posts, "ann")))
	}
	require.Positive(t, l.Take(limit.Of(limit.Posts, "ann")), "what was not used is not added up")
}

func TestActionsAreTakenTogether(t *testing.T) {
	l, _ := newLimits(t, limit.Set{limit.Reactions: 3, limit.MessageReactions: 1})
	react := func(message string) time.Duration {
		return l.Take(limit.Of(limit.Reactions, "ann"), limit.Of(limit.MessageReactions, "ann", message))
	}
	require.Zero(t, react("one"))
	for range 10 { // none of these counts as one of the three
		require.Positive(t, react("one"))
	}
	require.Zero(t, react("two"))
	require.Zero(t, react("three"))
	require.Positive(t, react("four"))
}

// The parts of a key are not confused: no login has a NUL.
func TestKeysOfSeveralParts(t *testing.T) {
	l, _ := newLimits(t, limit.Set{limit.MessageReactions: 1})
	require.Zero(t, l.Take(limit.Of(limit.MessageReactions, "ann", "x")))
	require.Zero(t, l.Take(limit.Of(limit.MessageReactions, "an", "nx")))
	require.Zero(t, l.Take(limit.Of(limit.Posts, "ann", "x")))
}

func TestNoLimits(t *testing.T) {
	var none *limit.Limits
	for range 10_000 {
		require.Zero(t, none.Take(limit.Of(limit.SignUps, "::")))
	}
	require.Zero(t, none.Most(limit.Sockets))
}

func TestARateOfAnHour(t *testing.T) {
	l, clock := newLimits(t, limit.Set{limit.SignUps: 2})
	for range 2 {
		require.Zero(t, l.Take(limit.Of(limit.SignUps, "10.0.0.1")))
	}
	clock.Add(20 * time.Minute)
	require.Equal(t, 10*time.Minute, l.Take(limit.Of(limit.SignUps, "10.0.0.1")).Round(time.Second))
}

func TestEveryKindHasADefault(t *testing.T) {
	require.Len(t, limit.Kinds(), len(limit.Defaults()))
	for k, most := range limit.Defaults() {
		require.Positive(t, most, k)
	}
}
