package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// A cursor is an iterator. In a store opened with Options.Salvage it skips rows that cannot be read.
type cursor struct {
	*pebble.Iterator
	ctx  context.Context
	s    *Store
	o    pebble.IterOptions
	last key   // the last row it was at, or where the search for one began
	done bool  // it ended before the iterator did
	err  error // of a cursor that is done
}

func (s *Store) cursor(ctx context.Context, o pebble.IterOptions) (*cursor, error) {
	it, err := s.db.NewIter(&o)
	if err != nil {
		return nil, err
	}
	return &cursor{Iterator: it, ctx: ctx, s: s, o: o, last: o.LowerBound}, nil
}

// First goes to the first row that can be read.
func (c *cursor) First() bool { return c.readable(c.Iterator.First()) }

// Next goes to the next row that can be read.
func (c *cursor) Next() bool { return c.readable(c.Iterator.Next()) }

// Error returns why the cursor ended before the last row. Skipped damage is no error: Lost reports it.
func (c *cursor) Error() error {
	if c.done {
		return c.err
	}
	return c.Iterator.Error()
}

// Close returns what Error does.
func (c *cursor) Close() error {
	err := c.Iterator.Close()
	if c.done {
		return c.err
	}
	return err
}

func (c *cursor) readable(ok bool) bool {
	for c.s.salvage && !c.done {
		if ok {
			c.last = append(c.last[:0:0], c.Key()...)
			if _, err := c.ValueAndErr(); !pebble.IsCorruptionError(err) {
				return true
			}
			c.s.lose(c.last, c.last.after())
			ok = c.Iterator.Next()
		} else {
			if !pebble.IsCorruptionError(c.Iterator.Error()) {
				return false
			}
			ok = c.pass()
		}
		if err := c.ctx.Err(); err != nil {
			c.done, c.err = true, err
		}
	}
	return ok && !c.done
}

// pass goes to the first row after the damage. If there is none, the cursor is done. A missing table file hides the
// upper bound too, so another iterator would find the same damage.
func (c *cursor) pass() bool {
	to, err := c.s.nextReadable(c.ctx, c.last, c.o.UpperBound)
	if err == nil {
		c.s.lose(c.last, to)
	}
	if err != nil || bytes.Compare(to, c.o.UpperBound) >= 0 {
		c.done, c.err = true, err
		return false
	}
	c.o.LowerBound, c.last = to, to // each search begins after the one before
	it, err := c.s.db.NewIter(&c.o)
	if err != nil {
		c.done, c.err = true, err
		return false
	}
	_ = c.Iterator.Close() // its error is known
	c.Iterator = it
	return it.First()
}

// nextReadable returns approximately the first readable key after from; upper if there is none. It tries keys at
// distances from from that double, and then bisects the last distance. It fails only if ctx ends.
func (s *Store) nextReadable(ctx context.Context, from, upper key) (key, error) {
	width := len(from) + 2
	base := new(big.Int).SetBytes(append(slices.Clone(from), 0, 0))
	at := func(distance *big.Int) (key, bool) {
		sum := new(big.Int).Add(base, distance)
		if sum.BitLen() > 8*width {
			return upper, false
		}
		k := key(sum.FillBytes(make([]byte, width)))
		return k, bytes.Compare(k, upper) < 0
	}
	low, high := big.NewInt(0), big.NewInt(1)
	for ctx.Err() == nil {
		k, below := at(high)
		if !below {
			k = upper
		}
		if !below || s.canRead(k, upper) {
			break
		}
		low, high = high, new(big.Int).Lsh(high, 1)
	}
	found := upper
	for ctx.Err() == nil && new(big.Int).Sub(high, low).Cmp(big.NewInt(1)) > 0 {
		middle := new(big.Int).Add(low, high)
		middle.Rsh(middle, 1)
		if k, below := at(middle); !below || s.canRead(k, upper) {
			high = middle
		} else {
			low = middle
		}
	}
	if k, below := at(high); below {
		found = k
	}
	return found, ctx.Err()
}

func (s *Store) canRead(from, upper key) bool {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: upper})
	if err != nil {
		return false
	}
	it.First()
	return it.Close() == nil
}

func (s *Store) lose(from, to key) {
	s.lostMu.Lock()
	defer s.lostMu.Unlock()
	for _, l := range s.lost {
		if bytes.Equal(l.from, from) {
			return
		}
	}
	s.lost = append(s.lost, lostRange{slices.Clone(from), slices.Clone(to)})
}

// lostRange are the rows from a key, inclusive, to another, exclusive.
type lostRange struct{ from, to key }

// Lost describes, in sentences, what could not be read so far of a store opened with Options.Salvage.
func (s *Store) Lost() []string {
	s.lostMu.Lock()
	lost := slices.Clone(s.lost)
	s.lostMu.Unlock()
	rooms := map[id.ID]string{}
	_ = s.EachRoom(context.Background(), func(_ chat.Tenant, r chat.Room) error {
		rooms[r.ID] = r.Name
		return nil
	})
	out := slices.Clone(s.lostLogs)
	unknown := false
	for _, l := range lost {
		from, to := describe(l.from, rooms), describe(l.to, rooms)
		all := len(l.from) == 1
		switch toEnd := bytes.Equal(l.to, l.from[:1].end()); {
		case all && toEnd && tableNames[l.from[0]] == "":
			unknown = true // there may be no rows: a missing file hides what lies between others
		case all && toEnd:
			out = append(out, "all "+from)
		case toEnd:
			out = append(out, from+" to the end of the "+tableNames[l.from[0]])
		case bytes.Equal(l.from.after(), l.to), from == to:
			out = append(out, from)
		default:
			out = append(out, from+" to before "+to)
		}
	}
	if unknown && len(out) == 0 {
		out = append(out, "rows that this version does not know")
	}
	return slices.Compact(out)
}

var tableNames = map[byte]string{
	tableMeta: "the format", tableUser: "accounts", tableDeletedUser: "deleted accounts", tableLogin: "claims of logins", tableRole: "roles", tableRoom: "rooms", tableClosedRoom: "rooms that are not open",
	tableParticipant: "participants", tableRoomOf: "rooms of users", tableListed: "lists of rooms", tableListedIn: "invitations and requests of users", tableCount: "numbers of participants", tableJoining: "participants by joining", tableJoined: "rooms of users by joining", tableMessage: "messages", tableFate: "changes of messages",
	tableReading: "read positions", tableAvatar: "pictures", tableFootprint: "footprints", tableErasure: "erasures", tableRename: "renames",
	tableKey: "idempotency keys", tableSweep: "deleted rooms", tableSession: "sessions", tableSessionOf: "sessions of users",
	tableRemembered: "remembered logins", tableRememberedOf: "remembered logins of users", tableToken: "API tokens",
	tableTokenOf: "API tokens of users", tableSecret: "the server's secrets", tableExpiry: "times of expiry",
	tableExport: "exports", tableExportOf: "exports of rooms", tableExportPart: "files of exports", tableAudit: "audit trail", tableJob: "jobs", tableJobDue: "times of jobs",
	tableInbox: "mailboxes", tableInboxPage: "waiting messages", tableInboxNote: "places of messages in mailboxes",
	tableNode: "node numbers", tableEntry: "organisations, apps and their accounts", tableEntryName: "names of organisations, apps and their accounts",
}

// describe says where a key is, without secrets.
func describe(k key, rooms map[id.ID]string) string {
	if len(k) == 0 || tableNames[k[0]] == "" {
		return "the end"
	}
	name := tableNames[k[0]]
	c := columns{rest: k[1:]}
	switch k[0] {
	case tableUser, tableRoom:
		if c.text(); c.err == nil && len(c.rest) > 0 {
			return fmt.Sprintf("%s at %q", name, strings.ToValidUTF8(string(c.rest), "?"))
		}
	case tableMessage, tableFate, tableParticipant:
		c.text()
		room := c.id()
		if c.err != nil {
			return name
		}
		name += " of the room " + room.String()
		if called, ok := rooms[room]; ok {
			name = tableNames[k[0]] + " of the room " + called
		}
		if k[0] != tableParticipant && len(c.rest) >= len(id.Key{}) {
			name += " at " + id.Key(c.rest[:len(id.Key{})]).ID().Time().UTC().Format(time.RFC3339)
		}
	}
	return name
}

// A Report is the result of Check and Repair.
type Report struct {
	Rows int64    // that can be read
	Lost []string // what cannot, in sentences; empty if all is well
}

// Check reads all rows of a store and reports the damage. It does not change the folder. No server may have it open.
func Check(ctx context.Context, dir string, opts Options) (Report, error) {
	d, err := openDamaged(ctx, dir, opts)
	if err != nil {
		return Report{}, err
	}
	defer d.Close()
	return d.salvageAll(ctx, opts.Progress, func(key, []byte) error { return nil })
}

// Repair copies all readable rows of the store in dir, and the files that people sent, into a new folder, with which a server
// can be started. It does not change dir. No server may have it open.
func Repair(ctx context.Context, dir, into string, opts Options) (report Report, err error) {
	if _, err := os.Lstat(into); err == nil {
		return Report{}, fmt.Errorf("%s is there already: name a new folder", into)
	}
	// The source first: if it cannot be opened, no folder is made.
	from, err := openDamaged(ctx, dir, opts)
	if err != nil {
		return Report{}, err
	}
	defer from.Close()
	to, err := OpenPatiently(ctx, into, Options{Logger: opts.Logger, CacheBytes: 8 << 20})
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	b := to.db.NewBatch()
	apply := func() error {
		full := b
		b = to.db.NewBatch()
		return to.write(ctx, full, func() {})
	}
	since := false
	report, err = from.salvageAll(ctx, opts.Progress, func(k key, v []byte) error {
		since = since || bytes.Equal(k, footprintsSinceKey())
		set(b, k, v)
		if b.Len() < batchBytes {
			return nil
		}
		return apply()
	})
	err = errors.Join(err, apply())
	if !since {
		// The new folder says that there always were footprints.
		err = errors.Join(err, to.db.Delete(footprintsSinceKey(), pebble.Sync), to.noteFootprints())
	}
	if err = errors.Join(err, to.db.Flush()); err != nil {
		return report, err
	}
	err = copyFiles(dir, into, func(name string, err error) error {
		report.Lost = append(report.Lost, fmt.Sprintf("the file %s that somebody has sent: %v", name, err))
		return nil
	})
	return report, err
}

// damaged is a store that may be damaged, for reading.
type damaged interface {
	salvageAll(ctx context.Context, progress func(rows int64), visit func(k key, v []byte) error) (Report, error)
	Close() error
}

func openDamaged(ctx context.Context, dir string, opts Options) (damaged, error) {
	opts.Salvage = true
	s, err := OpenPatiently(ctx, dir, opts)
	if errors.Is(err, errUnlisted) {
		return openUnlisted(ctx, dir, opts)
	}
	return s, err
}

// salvageAll visits all readable rows, including those of tables that this version does not know.
func (s *Store) salvageAll(ctx context.Context, progress func(rows int64), visit func(k key, v []byte) error) (report Report, err error) {
	// One table at a time, so that damage whose end is unknown hides no other table.
	for t := range byte(math.MaxUint8) {
		prefix := table(t)
		err := s.scan(ctx, prefix, prefix, func(last, v []byte) (bool, error) {
			report.Rows++
			if progress != nil && report.Rows%1024 == 0 {
				progress(report.Rows)
			}
			return true, visit(append(slices.Clone(prefix), last...), v)
		})
		if err != nil {
			return report, err
		}
	}
	report.Lost = s.Lost()
	return report, nil
}

var _ io.Closer = (*cursor)(nil)
