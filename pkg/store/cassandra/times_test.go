package cassandra

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/clocktest"
)

// A server whose clock is a year ahead removes nothing, as it does not go by it; nor does one whose cluster is, unless
// that goes on for a day.
func TestAClockAYearAheadRemovesNothing(t *testing.T) {
	t.Parallel()
	c := clocktest.New(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	year := 365 * 24 * time.Hour
	s := openStore(t, testConfig(t), Options{Now: func() time.Time { return time.Now().Add(year) }})
	defer func() { require.NoError(t, s.Close()) }()
	removal := func() time.Time {
		at, err := s.RemovalTime(withTimeout(t))
		require.NoError(t, err)
		return at.UTC()
	}
	require.True(t, removal().Before(time.Now().Add(year/2)), "the cluster's time")

	wrong := 0 // this many coordinators are
	asked := 0
	s.book.clock = func(context.Context) (time.Time, error) {
		asked++
		if asked%timeReads < wrong {
			return c.Now().Add(year), nil
		}
		return c.Now(), nil
	}
	c.Set(removal().Add(-time.Hour)) // set back
	start := c.Now()
	require.Equal(t, start, removal())
	wrong = 1
	c.Add(time.Hour)
	require.Equal(t, start.Add(time.Hour), removal(), "one that is wrong is outvoted")
	wrong = 2
	for range 24 {
		c.Add(time.Hour)
		require.Equal(t, start.Add(time.Hour), removal())
	}
	c.Add(time.Hour)
	require.Equal(t, c.Now().Add(year), removal(), "who goes on for a day is believed")
	wrong = 0
	require.Equal(t, c.Now(), removal())
}
