package cassandra

import (
	"fmt"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/stretchr/testify/require"
)

// Servers that were started and ended by the hundred thousand do not keep those that run from being seen.
func TestDeadServersAreNotInTheWay(t *testing.T) {
	t.Parallel()
	s, ctx := own(t), withTimeout(t)
	const dead, each = 120_000, 500
	for n := 0; n < dead; n += each {
		b := s.db.session.NewBatch(gocql.UnloggedBatch).WithContext(ctx)
		for i := range each {
			b.Query(`INSERT INTO servers (shard, server, beat) VALUES (?, ?, 1) USING TTL 1`, serverShard, fmt.Sprintf("dead %06d", n+i))
		}
		require.NoError(t, s.db.session.ExecuteBatch(b))
	}
	require.Eventually(t, func() bool {
		require.NoError(t, s.Beat(ctx, "one", 1))
		beats, err := s.Beats(ctx)
		return err == nil && len(beats) == 1 && beats["one"] == 1
	}, time.Minute, 100*time.Millisecond)
}
