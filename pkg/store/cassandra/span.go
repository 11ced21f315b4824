package cassandra

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/gocql/gocql"

	"github.com/confab-chat/confab/pkg/id"
)

// listed is a position in a list: rows are ordered by name, then by id where a list has ids.
type listed struct {
	name string
	id   id.ID
}

func (a listed) before(b listed) bool {
	if a.name != b.name {
		return a.name < b.name
	}
	return a.id.Compare(b.id) < 0
}

// afterName is the position after all rows of that name; the first one if it is empty.
func afterName(name string) listed {
	if name == "" {
		return listed{id: id.Min}
	}
	return listed{name: name, id: id.Max}
}

// listEnd is a position after all rows of a list.
var listEnd = afterName("\U0010FFFF")

// span is a part of a list: the rows after a position, up to another one and with it.
type span struct{ after, to listed }

// divisible is a part of a list that can be read in smaller parts, in order.
type divisible[S any] interface{ divided() []S }

var (
	_ divisible[span]   = span{}
	_ divisible[hashes] = hashes{}
)

// inSpan reads up to limit rows of a span, in order, with one statement. Cassandra refuses a statement that passes more
// than 100,000 deleted or expired rows (tombstone_failure_threshold). Then inSpan divides the span until each part can
// be read. So a list can be read regardless of how many rows were deleted from it. 100,000 deleted rows cost about as
// much as a page of some thousand rows. The table's gc_grace_seconds bounds their number.
func inSpan[S divisible[S], R any](ctx context.Context, sp S, limit int,
	read func(ctx context.Context, sp S, limit int) ([]R, error)) ([]R, error) {
	rows, err := read(ctx, sp, limit)
	if !tooManyTombstones(err) {
		return rows, err
	}
	parts := sp.divided()
	if len(parts) < 2 {
		return nil, err
	}
	rows = nil
	for len(parts) > 0 && len(rows) < limit {
		some := parts[:min(len(parts), parallelism)]
		parts = parts[len(some):]
		pages := make([][]R, len(some))
		missing := limit - len(rows)
		err := forEach(ctx, len(some), func(ctx context.Context, i int) (err error) {
			pages[i], err = inSpan(ctx, some[i], missing, read)
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, p := range pages {
			rows = append(rows, p[:min(len(p), limit-len(rows))]...)
		}
	}
	return rows, nil
}

// tooManyTombstones reports whether Cassandra refused to read because of deleted and expired rows.
func tooManyTombstones(err error) bool {
	var answer gocql.RequestError
	return errors.As(err, &answer) && answer.Code() == gocql.ErrCodeReadFailure &&
		strings.Contains(answer.Message(), "READ_TOO_MANY_TOMBSTONES")
}

// letters are those that names are made of, in the order of their bytes.
const letters = "-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"

// divided returns parts that make up the span, in order; one if it cannot be divided.
func (sp span) divided() []span {
	cuts := sp.times
	if sp.after.name != sp.to.name {
		cuts = sp.names
	}
	var parts []span
	after := sp.after
	for _, c := range cuts() {
		parts = append(parts, span{after, c})
		after = c
	}
	return append(parts, span{after, sp.to})
}

// names returns positions inside the span at the first letter at which its names can differ: names often begin alike.
// The rows of a name that ends there get their own part, because there may have been many rooms of one name.
func (sp span) names() (cuts []listed) {
	if end := afterName(sp.after.name); sp.after.name != "" && sp.after.before(end) {
		cuts = append(cuts, end)
	}
	for n, before := 0, len(cuts); n <= len(sp.after.name) && len(cuts) == before; n++ {
		for _, c := range letters {
			if name := sp.after.name[:n] + string(c); sp.after.name < name && name < sp.to.name {
				cuts = append(cuts, listed{name, id.Min}, afterName(name))
			}
		}
	}
	return cuts
}

const (
	// idParts is how many parts ids of one name are divided into.
	idParts = 64
	// shortest is the shortest time whose ids are divided.
	shortest = time.Millisecond
)

// oldest is before all ids of rooms.
var oldest = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// times returns positions inside a span of one name, at equal times.
func (sp span) times() (cuts []listed) {
	from, to := sp.after.id.Time(), sp.to.id.Time()
	if from.Before(oldest) {
		from = oldest
	}
	if ahead := time.Now().Add(24 * time.Hour); to.After(ahead) {
		to = ahead
	}
	step := to.Sub(from) / idParts
	if step < shortest {
		return nil
	}
	for i := range time.Duration(idParts) {
		if cut := (listed{sp.to.name, id.FirstAt(from.Add(i * step))}); sp.after.before(cut) && cut.before(sp.to) {
			cuts = append(cuts, cut)
		}
	}
	return cuts
}
