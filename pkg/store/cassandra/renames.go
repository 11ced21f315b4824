package cassandra

import (
	"context"

	"github.com/confab-chat/confab/pkg/chat"
)

const (
	// All writes are lightweight transactions, so that the newest rename does not depend on a server's clock.
	putRename    = `UPDATE renames SET rename_id = ? WHERE shard = ? AND tenant = ? AND login = ? IF rename_id != ?`
	endRename    = `DELETE FROM renames WHERE shard = ? AND tenant = ? AND login = ? IF rename_id = ?`
	forgetRename = `DELETE FROM renames WHERE shard = ? AND tenant = ? AND login = ? IF EXISTS`
	listRenames  = `SELECT tenant, login, rename_id FROM renames WHERE shard = ? LIMIT ?`
)

// PutRename implements chat.RenameStore.
func (s *Store) PutRename(ctx context.Context, r chat.Rename) error {
	return s.decideRename(ctx, putRename, uuid(r.ID), shardOf(r.Login), string(r.Tenant), r.Login, uuid(r.ID))
}

// EndRename implements chat.RenameStore.
func (s *Store) EndRename(ctx context.Context, r chat.Rename) error {
	return s.decideRename(ctx, endRename, shardOf(r.Login), string(r.Tenant), r.Login, uuid(r.ID))
}

func (s *Store) decideRename(ctx context.Context, statement string, args ...any) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	_, err = s.db.apply(ctx, statement, args...)
	return err
}

// Renames implements chat.RenameStore.
func (s *Store) Renames(ctx context.Context, limit int) ([]chat.Rename, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	var all []chat.Rename
	for shard := 0; shard < listShards && len(all) < limit; shard++ {
		var r chat.Rename
		n := limit - len(all)
		err := s.db.rows(ctx, min(n, pageRows), func() { all = append(all, r) }, listRenames, []any{shard, n},
			(*string)(&r.Tenant), &r.Login, into(&r.ID))
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}
