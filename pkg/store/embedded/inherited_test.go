package embedded

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// What versions before pkg/jobs wrote.
func TestQueuesOfEarlierVersions(t *testing.T) {
	s, err := Open(t.TempDir(), Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	ctx, ids := t.Context(), id.NewGenerator(nil)
	at := time.Date(2026, 2, 28, 23, 59, 59, 999e6, time.UTC)
	sweep := chat.Sweep{Tenant: "t", Room: chat.RoomRef{ID: ids.New(), Name: "games"}, DeletedAt: at}
	erasure := chat.Erasure{Tenant: "t", Login: "ann", Names: []string{"Ann Smith"}, KeepMessages: true, StartedAt: at, UpdatedAt: at.Add(time.Hour),
		Late: true, Done: ids.New(), At: ids.New(), OfRooms: 3, Rooms: 2, Messages: 1_000_000}
	rename := chat.Identity{Tenant: "t", Login: "bob"}
	require.NoError(t, s.put(ctx, func(b *pebble.Batch) {
		set(b, sweepKey(sweep), newRecord().text(1, "games"))
		set(b, erasureKey("t", "ann"), newRecord().bytes(1, []byte("Ann Smith")).flag(2, true).time(3, at).time(4, erasure.UpdatedAt).flag(5, true).
			someID(6, erasure.Done).someID(7, erasure.At).number(8, 3).number(9, 2).number(10, 1_000_000))
		set(b, renameKey("t", "bob"), newRecord().id(1, ids.New()))
	}))
	read := func() (sweeps []chat.Sweep, erasures []chat.Erasure, renames []chat.Identity) {
		sweeps, err := s.InheritedSweeps(ctx, 10)
		require.NoError(t, err)
		erasures, err = s.InheritedErasures(ctx, 10)
		require.NoError(t, err)
		renames, err = s.InheritedRenames(ctx, 10)
		require.NoError(t, err)
		return sweeps, erasures, renames
	}
	sweeps, erasures, renames := read()
	require.Equal(t, []chat.Sweep{sweep}, sweeps)
	require.Equal(t, []chat.Erasure{erasure}, erasures)
	require.Equal(t, []chat.Identity{rename}, renames)
	for range 2 {
		require.NoError(t, s.EndSweep(ctx, sweep))
		require.NoError(t, s.EndErasure(ctx, "t", "ann"))
		require.NoError(t, s.EndRename(ctx, "t", "bob"))
		sweeps, erasures, renames = read()
		require.Empty(t, sweeps)
		require.Empty(t, erasures)
		require.Empty(t, renames)
	}
}
