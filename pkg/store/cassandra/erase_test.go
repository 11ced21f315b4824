package cassandra

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Servers of an earlier version, which keep no footprints, may run for a day after the schema has them.
func TestSinceWhenThereAreFootprints(t *testing.T) {
	s := shared(t)
	var applied time.Time
	found, err := s.db.row(t.Context(), footprintsSince, []any{component, footprintsVersion}, &applied)
	require.NoError(t, err)
	require.True(t, found)
	require.WithinRange(t, applied, time.Now().Add(-time.Hour), time.Now().Add(time.Minute))
	since, err := s.FootprintsSince(t.Context())
	require.NoError(t, err)
	require.Equal(t, applied.Add(24*time.Hour), since)
}
