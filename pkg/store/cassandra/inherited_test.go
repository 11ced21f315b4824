package cassandra

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
)

// What versions before pkg/jobs wrote.
const (
	oldSweep   = `INSERT INTO sweeps (shard, tenant, room_id, name, deleted_at) VALUES (?, ?, ?, ?, ?)`
	oldErasure = `INSERT INTO erasures (shard, tenant, login, names, keep_messages, started_at, updated_at, late, done, at, of_rooms, rooms, messages)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?`
	oldRename = `INSERT INTO renames (shard, tenant, login, rename_id) VALUES (?, ?, ?, ?) IF NOT EXISTS`
)

func renamesOf(t *testing.T, s *Store, of chat.Tenant) (logins []string) {
	all, err := s.InheritedRenames(t.Context(), 100_000)
	require.NoError(t, err)
	for _, who := range all {
		if who.Tenant == of {
			logins = append(logins, who.Login)
		}
	}
	return logins
}

func TestQueuesOfEarlierVersions(t *testing.T) {
	t.Parallel()
	s, ctx, of := shared(t), t.Context(), tenant()
	at := time.Date(2026, 2, 28, 23, 59, 59, 999e6, time.UTC)
	sweep := chat.Sweep{Tenant: of, Room: chat.RoomRef{ID: ids.New(), Name: "games"}, DeletedAt: at}
	require.NoError(t, s.db.exec(ctx, oldSweep, sweepShard(sweep.Room.ID), string(of), uuid(sweep.Room.ID), "games", at))
	erasure := chat.Erasure{Tenant: of, Login: "ann", Names: []string{"Ann Smith", "Other 😀"}, KeepMessages: true, StartedAt: at, UpdatedAt: at.Add(time.Hour),
		Late: true, Done: ids.New(), At: ids.New(), OfRooms: 3, Rooms: 2, Messages: 1_000_000}
	version, err := s.version(ctx, 0, of, erasureThing, "ann")
	require.NoError(t, err)
	require.NoError(t, s.db.exec(ctx, oldErasure, shardOf("ann"), string(of), "ann", erasure.Names, true, at, erasure.UpdatedAt, true,
		uuid(erasure.Done), uuid(erasure.At), 3, 2, 1_000_000, version))
	for _, login := range []string{"ann", "bob"} {
		_, err := s.db.apply(ctx, oldRename, shardOf(login), string(of), login, uuid(ids.New()))
		require.NoError(t, err)
	}

	sweeps, err := s.InheritedSweeps(ctx, 100_000)
	require.NoError(t, err)
	require.Contains(t, sweeps, sweep)
	erasures, err := s.InheritedErasures(ctx, 100_000)
	require.NoError(t, err)
	require.Contains(t, erasures, erasure)
	require.ElementsMatch(t, []string{"ann", "bob"}, renamesOf(t, s, of))
	one, err := s.InheritedRenames(ctx, 1)
	require.NoError(t, err)
	require.Len(t, one, 1)

	for range 2 {
		require.NoError(t, s.EndSweep(ctx, sweep))
		require.NoError(t, s.EndErasure(ctx, of, "ann"))
		require.NoError(t, s.EndRename(ctx, of, "ann"))
	}
	sweeps, err = s.InheritedSweeps(ctx, 100_000)
	require.NoError(t, err)
	require.NotContains(t, sweeps, sweep)
	erasures, err = s.InheritedErasures(ctx, 100_000)
	require.NoError(t, err)
	require.False(t, slices.ContainsFunc(erasures, func(e chat.Erasure) bool { return e.Tenant == of }))
	require.Equal(t, []string{"bob"}, renamesOf(t, s, of))
}
