package cassandra

import (
	"context"
)

const (
	insertBeat  = `INSERT INTO servers (shard, server, beat) VALUES (?, ?, ?)`
	selectBeats = `SELECT server, beat FROM servers WHERE shard = ? LIMIT ?`

	serverShard = 0
	mostServers = 1000
)

// Beat implements store.Registry. The row expires by the table's TTL.
func (s *Store) Beat(ctx context.Context, server string, n int64) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	return asChat(s.db.do(ctx, insertBeat, func() error {
		return s.db.query(ctx, insertBeat, []any{serverShard, server, n}).DefaultTimestamp(false).Exec()
	}))
}

// Beats implements store.Registry.
func (s *Store) Beats(ctx context.Context) (map[string]int64, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	last := map[string]int64{}
	var server string
	var n int64
	err = s.db.rows(ctx, mostServers, func() { last[server] = n }, selectBeats, []any{serverShard, mostServers}, &server, &n)
	return last, err
}
