package cassandra

import (
	"context"

	"github.com/gocql/gocql"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// The queues of versions that did not have pkg/jobs. Servers of this version only remove rows.
const (
	listSweeps  = `SELECT tenant, room_id, name, deleted_at FROM sweeps WHERE shard = ? LIMIT ?`
	deleteSweep = `DELETE FROM sweeps USING TIMESTAMP ? WHERE shard = ? AND tenant = ? AND room_id = ?`

	listErasures = `SELECT tenant, login, names, keep_messages, started_at, updated_at, late, done, at, of_rooms, rooms, messages
FROM erasures WHERE shard = ? LIMIT ?`
	deleteErasure = `DELETE FROM erasures USING TIMESTAMP ? WHERE shard = ? AND tenant = ? AND login = ?`

	// Versions that wrote to renames did so by transactions.
	listRenames = `SELECT tenant, login FROM renames WHERE shard = ? LIMIT ?`
	endRename   = `DELETE FROM renames WHERE shard = ? AND tenant = ? AND login = ? IF EXISTS`
)

func sweepShard(room id.ID) int { return shardOf(string(room[:])) }

// inheritedRows reads up to limit rows of all shards of a table.
func (s *Store) inheritedRows(ctx context.Context, limit int, each func(), statement string, dest ...any) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	n := 0
	for shard := 0; shard < listShards && n < limit; shard++ {
		err := s.db.rows(ctx, min(limit, pageRows), func() { n++; each() }, statement, []any{shard, limit - n}, dest...)
		if err != nil {
			return err
		}
	}
	return nil
}

// InheritedSweeps implements chat.Inherited.
func (s *Store) InheritedSweeps(ctx context.Context, limit int) (all []chat.Sweep, err error) {
	var w chat.Sweep
	err = s.inheritedRows(ctx, limit, func() { all = append(all, w) }, listSweeps,
		(*string)(&w.Tenant), into(&w.Room.ID), &w.Room.Name, &w.DeletedAt)
	return all, err
}

// InheritedErasures implements chat.Inherited.
func (s *Store) InheritedErasures(ctx context.Context, limit int) (all []chat.Erasure, err error) {
	var e chat.Erasure
	var done, at gocql.UUID
	err = s.inheritedRows(ctx, limit, func() {
		e.Done, e.At = id.ID(done), id.ID(at)
		all = append(all, e)
		e.Names = nil // the driver fills an array that is there
	}, listErasures, (*string)(&e.Tenant), &e.Login, &e.Names, &e.KeepMessages, &e.StartedAt, &e.UpdatedAt,
		&e.Late, &done, &at, &e.OfRooms, &e.Rooms, &e.Messages)
	return all, err
}

// EndErasure implements chat.Inherited.
func (s *Store) EndErasure(ctx context.Context, t chat.Tenant, login string) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	version, err := s.version(ctx, 0, t, erasureThing, login)
	if err != nil {
		return err
	}
	return s.db.exec(ctx, deleteErasure, version, shardOf(login), string(t), login)
}

// InheritedRenames implements chat.Inherited.
func (s *Store) InheritedRenames(ctx context.Context, limit int) (all []chat.Identity, err error) {
	var who chat.Identity
	err = s.inheritedRows(ctx, limit, func() { all = append(all, who) }, listRenames, (*string)(&who.Tenant), &who.Login)
	return all, err
}

// EndRename implements chat.Inherited.
func (s *Store) EndRename(ctx context.Context, t chat.Tenant, login string) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	_, err = s.db.apply(ctx, endRename, shardOf(login), string(t), login)
	return err
}
