package cassandra

import (
	"context"
	"hash/fnv"

	"github.com/confab-chat/confab/pkg/chat"
)

// listShards is the number of partitions a tenant's long lists are spread over. Rows
// on disk depend on it: it never changes.
const listShards = 16

// shardOf returns the partition of a name. Rows on disk depend on it too.
func shardOf(name string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	return int(h.Sum32() % listShards)
}

// lister merges the shards of a tenant's list into one ascending order.
type lister struct {
	db        *db
	statement string // binds tenant, shard, (position), (last position), limit; selects the row
	tenant    chat.Tenant
	withID    bool
	shards    [listShards]shard
}

type shard struct {
	at   listed // read up to here
	rows []listed
	done bool
}

func (d *db) lister(statement string, t chat.Tenant, withID bool, after string) *lister {
	l := &lister{db: d, statement: statement, tenant: t, withID: withID}
	for i := range l.shards {
		l.shards[i].at = afterName(after)
	}
	return l
}

// next returns up to n rows; fewer mean the end of the list. It reads about n rows: a hash spreads names evenly, so it
// reads from each shard an equal part of n and a few more.
func (l *lister) next(ctx context.Context, n int) ([]listed, error) {
	out := make([]listed, 0, n)
	for len(out) < n {
		if err := l.fill(ctx, (n-len(out))/listShards+2); err != nil {
			return nil, err
		}
		first := -1
		for i := range l.shards {
			if r := l.shards[i].rows; len(r) > 0 && (first < 0 || r[0].before(l.shards[first].rows[0])) {
				first = i
			}
		}
		if first < 0 {
			break
		}
		out = append(out, l.shards[first].rows[0])
		l.shards[first].rows = l.shards[first].rows[1:]
	}
	return out, nil
}

// fill reads more rows of each shard that has none left.
func (l *lister) fill(ctx context.Context, n int) error {
	var dry []int
	for i := range l.shards {
		if len(l.shards[i].rows) == 0 && !l.shards[i].done {
			dry = append(dry, i)
		}
	}
	if len(dry) == 0 {
		return nil
	}
	return forEach(ctx, len(dry), func(ctx context.Context, i int) error {
		s := &l.shards[dry[i]]
		rows, err := inSpan(ctx, span{s.at, listEnd}, n, func(ctx context.Context, sp span, n int) ([]listed, error) {
			return l.read(ctx, dry[i], sp, n)
		})
		if err != nil {
			return err
		}
		s.rows = rows
		s.done = len(s.rows) < n
		if len(s.rows) > 0 {
			s.at = s.rows[len(s.rows)-1]
		}
		return nil
	})
}

// read reads rows of a shard.
func (l *lister) read(ctx context.Context, shard int, sp span, n int) (rows []listed, err error) {
	var row listed
	dest := []any{&row.name}
	args := []any{string(l.tenant), shard, sp.after.name, sp.to.name, n}
	if l.withID {
		dest = append(dest, into(&row.id))
		args = []any{string(l.tenant), shard, sp.after.name, uuid(sp.after.id), sp.to.name, uuid(sp.to.id), n}
	}
	err = l.db.rows(ctx, n, func() { rows = append(rows, row) }, l.statement, args, dest...)
	return rows, err
}

// pageRows is how many rows of an index are looked up at a time.
const pageRows = 500

// named returns up to limit values of the names in l. get reads the value of a name; take may omit the value.
func named[V, T any](ctx context.Context, l *lister, limit int, get func(context.Context, string) (V, bool, error),
	take func(listed, V) (T, bool)) ([]T, error) {
	out := make([]T, 0, min(limit, 1000))
	for len(out) < limit {
		want := min(limit-len(out), pageRows)
		page, err := l.next(ctx, want)
		if err != nil {
			return nil, err
		}
		names := make([]string, len(page))
		for i, row := range page {
			names[i] = row.name
		}
		byName, err := lookUp(ctx, distinct(names), get)
		if err != nil {
			return nil, err
		}
		for _, row := range page {
			if v, ok := byName[row.name]; ok {
				if t, ok := take(row, v); ok {
					out = append(out, t)
				}
			}
		}
		if len(page) < want {
			break
		}
	}
	return out, nil
}

// lookUp reads the value of each key, several concurrently. It omits keys for which get finds nothing.
func lookUp[K comparable, V any](ctx context.Context, keys []K, get func(context.Context, K) (V, bool, error)) (map[K]V, error) {
	values, there := make([]V, len(keys)), make([]bool, len(keys))
	err := forEach(ctx, len(keys), func(ctx context.Context, i int) (err error) {
		values[i], there[i], err = get(ctx, keys[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	byKey := make(map[K]V, len(keys))
	for i, k := range keys {
		if there[i] {
			byKey[k] = values[i]
		}
	}
	return byKey, nil
}

// distinct returns names without repetitions.
func distinct(names []string) []string {
	seen := make(map[string]bool, len(names))
	out := make([]string, 0, len(names))
	for _, n := range names {
		if !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	return out
}
