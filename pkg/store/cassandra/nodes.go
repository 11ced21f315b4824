package cassandra

import (
	"context"

	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/nodes"
)

const (
	selectNodes = `SELECT node, owner, until FROM node_leases WHERE shard = 0`
	selectNode  = `SELECT owner, until FROM node_leases WHERE shard = 0 AND node = ?`
	insertNode  = `INSERT INTO node_leases (shard, node, owner, until) VALUES (0, ?, ?, ?) IF NOT EXISTS`
	updateNode  = `UPDATE node_leases SET owner = ?, until = ? WHERE shard = 0 AND node = ? IF owner = ? AND until = ?`
)

// NodeLeases implements nodes.Store. The partition has a row for each number, which is overwritten.
func (s *Store) NodeLeases(ctx context.Context) (all []nodes.Lease, err error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	var l nodes.Lease
	err = s.db.rows(ctx, id.Nodes, func() { all = append(all, l) }, selectNodes, nil, &l.Node, &l.Owner, &l.Until)
	return all, err
}

// LeaseNode implements nodes.Store by transactions.
func (s *Store) LeaseNode(ctx context.Context, was, now nodes.Lease) (nodes.Lease, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nodes.Lease{}, err
	}
	defer end()
	verify := func(ctx context.Context) (outcome, error) {
		present, err := s.nodeLease(ctx, now.Node)
		switch {
		case err != nil || present == was:
			return undecided, err
		case present == now:
			return applied, nil
		default:
			return rejected, nil
		}
	}
	statement, args := updateNode, []any{now.Owner, now.Until, now.Node, was.Owner, was.Until}
	if was == (nodes.Lease{Node: now.Node}) {
		statement, args = insertNode, []any{now.Node, now.Owner, now.Until}
	}
	if done, err := s.db.decide(ctx, verify, statement, args...); done || err != nil {
		return now, err
	}
	return s.nodeLease(ctx, now.Node)
}

func (s *Store) nodeLease(ctx context.Context, node int) (nodes.Lease, error) {
	l := nodes.Lease{Node: node}
	_, err := s.db.decided(ctx, selectNode, []any{node}, &l.Owner, &l.Until)
	return l, err
}
