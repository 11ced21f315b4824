package embedded

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/confab-chat/confab/pkg/nodes"
)

func nodeKey(node int) key {
	return table(tableNode).last(string(binary.BigEndian.AppendUint16(nil, uint16(node))))
}

// NodeLeases implements nodes.Store.
func (s *Store) NodeLeases(ctx context.Context) (all []nodes.Lease, err error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	prefix := table(tableNode)
	err = s.scan(ctx, prefix, prefix, func(last, value []byte) (bool, error) {
		l, err := decodeNode(value)
		if err == nil && len(last) == 2 {
			l.Node = int(binary.BigEndian.Uint16(last))
			all = append(all, l)
		}
		return true, s.corrupt(err)
	})
	return all, err
}

// LeaseNode implements nodes.Store.
func (s *Store) LeaseNode(ctx context.Context, was, now nodes.Lease) (present nodes.Lease, err error) {
	row := nodeKey(now.Node)
	err = s.change(ctx, &s.leases, row, func(b *pebble.Batch) error {
		v, found, err := s.find(row)
		if err != nil {
			return err
		}
		present = nodes.Lease{}
		if found {
			if present, err = decodeNode(v); err != nil {
				return s.corrupt(err)
			}
		}
		present.Node = now.Node
		if present == was {
			present = now
			set(b, row, encodeNode(now))
		}
		return nil
	})
	return present, err
}

func encodeNode(l nodes.Lease) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(l.Until)), l.Owner...)
}

func decodeNode(v []byte) (nodes.Lease, error) {
	if len(v) < 8 {
		return nodes.Lease{}, fmt.Errorf("a lease of a node number has %d bytes", len(v))
	}
	return nodes.Lease{Until: int64(binary.BigEndian.Uint64(v)), Owner: string(v[8:])}, nil
}
