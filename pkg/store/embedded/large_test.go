package embedded

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// A room is deleted in one batch, however many are in it: the batch is larger than what
// the database keeps in memory.
func TestDeletingALargeRoom(t *testing.T) {
	const people = 20_000
	s := open(t, t.TempDir(), quiet())
	ctx := t.Context()
	r, other := room("large"), room("other")
	require.NoError(t, s.CreateRoom(ctx, "t", r))
	require.NoError(t, s.CreateRoom(ctx, "t", other))
	for n := 0; n < people; n += 1000 {
		b := s.db.NewBatch()
		for i := range 1000 {
			addParticipant(b, "t", r, chat.Member{Person: chat.Person{Login: fmt.Sprintf("%s-%06d", strings.Repeat("x", 1000), n+i)}, Since: ids.New()})
		}
		require.NoError(t, b.Commit(pebble.NoSync))
	}
	require.NoError(t, s.AppendBatch(ctx, r.Log("t"), fill(10_000, func(int) id.ID { return ids.New() })))
	require.Equal(t, people+2, rows(t, s, tableParticipant))

	require.NoError(t, s.DeleteRoom(ctx, "t", r))
	require.Equal(t, 1, rows(t, s, tableParticipant))
	require.Equal(t, 1, rows(t, s, tableRoomOf))
	require.Equal(t, 1, rows(t, s, tableJoining))
	require.Equal(t, 1, rows(t, s, tableJoined))
	require.Zero(t, rows(t, s, tableMessage))
	requireMembers(t, s, other, author.Login)
}
