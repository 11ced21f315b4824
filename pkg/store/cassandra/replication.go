package cassandra

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gocql/gocql"

	"github.com/confab-chat/confab/pkg/chat"
)

const networkTopology = ".NetworkTopologyStrategy"

// replication is that of the keyspace; nil if there is no such keyspace.
func (m *migrator) replication(ctx context.Context) (r map[string]string, err error) {
	_, err = m.system().row(ctx, selectKeyspace, []any{m.config.Keyspace}, &r)
	return r, err
}

// copiesOf reads a number of copies as Cassandra shows it; 0 if there is none.
func copiesOf(s string) int {
	full, _, _ := strings.Cut(s, "/") // of which some are transient
	n, _ := strconv.Atoi(full)
	return n
}

// alter is the statement that makes a keyspace have n copies in dc, and in other data centres as many as now.
func alter(keyspace string, r map[string]string, dc string, n int) string {
	options := map[string]string{dc: strconv.Itoa(n)}
	if strings.HasSuffix(r["class"], networkTopology) {
		for name, copies := range r {
			if name != "class" && name != dc {
				options[name] = copies
			}
		}
	}
	s := fmt.Sprintf("ALTER KEYSPACE %s WITH replication = {'class': 'NetworkTopologyStrategy'", keyspace)
	for _, name := range slices.Sorted(maps.Keys(options)) {
		s += fmt.Sprintf(", '%s': '%s'", name, options[name])
	}
	return s + "}"
}

// fits compares the replication of a keyspace with dc and rf of the URL; asked is dc there. c.DC is the data centre that
// the server uses.
func (c Config) fits(asked string, r map[string]string) error {
	class := r["class"][strings.LastIndexByte(r["class"], '.')+1:]
	if !strings.HasSuffix(r["class"], networkTopology) {
		n := copiesOf(r["replication_factor"])
		if asked == "" && (c.RF == 0 || c.RF == n) {
			return nil
		}
		return fmt.Errorf("the Cassandra keyspace %s has %s with %d copies, which knows no data centres: take dc and rf out of the URL, or run `%s` and, on each node, `nodetool repair -full %s`",
			c.Keyspace, class, n, alter(c.Keyspace, r, c.DC, max(c.RF, n, 1)), c.Keyspace)
	}
	n := copiesOf(r[c.DC])
	if n == 0 {
		var others []string
		for _, dc := range slices.Sorted(maps.Keys(r)) {
			if dc != "class" {
				others = append(others, fmt.Sprintf("%s (%s)", dc, r[dc]))
			}
		}
		return fmt.Errorf("the Cassandra keyspace %s has no copies in the data centre %s; it has them in %s: name one of these with dc in the URL, or run `%s` and, on each node of %s, `nodetool rebuild`",
			c.Keyspace, c.DC, strings.Join(others, ", "), alter(c.Keyspace, r, c.DC, max(c.RF, 1)), c.DC)
	}
	if c.RF != 0 && c.RF != n {
		return fmt.Errorf("the Cassandra keyspace %s has %d copies in the data centre %s, and the URL says rf=%d: write rf=%d or leave it out, or run `%s` and, on each node, `nodetool repair -full %s`",
			c.Keyspace, n, c.DC, c.RF, n, alter(c.Keyspace, r, c.DC, c.RF), c.Keyspace)
	}
	return nil
}

// enough returns a temporary error if the data centre has fewer nodes than the new keyspace is to have copies: nothing
// could be written to it.
func (m *migrator) enough(ctx context.Context) error {
	nodes, dc := 0, ""
	// A node is not its own peer. It does not matter if two nodes answer: both are of the data centre.
	for _, statement := range []string{selectLocalDC, selectPeerDCs} {
		iter := m.admin.Query(statement).WithContext(ctx).Consistency(gocql.One).Iter()
		for iter.Scan(&dc) {
			if dc == m.config.DC {
				nodes++
			}
		}
		if err := iter.Close(); err != nil {
			return asChat(err)
		}
	}
	if nodes < m.config.RF {
		return chat.ErrUnavailable(fmt.Errorf("rf=%d in the Cassandra URL needs as many nodes, and the data centre %s has %d: start more, or write a smaller rf",
			m.config.RF, m.config.DC, nodes))
	}
	return nil
}
