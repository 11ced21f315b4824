package cassandra

import (
	"context"
	"crypto/sha256"
	"strings"
	"time"

	"github.com/gocql/gocql"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// Of two plain writes of one cell Cassandra keeps the one with the greater timestamp, however they were acknowledged.
// A timestamp of a server's own clock therefore makes a deletion by a server whose clock is behind lose to what it
// deletes. CONTRIBUTING.md says for each table where its timestamps come from; none come from a server's clock:
//
//   - no timestamp is sent (see newCluster): the coordinator's clock;
//   - version: rises with every change of a thing, and is decided by a lightweight transaction on another row;
//   - finalTime: a permanent deletion of a row that is never written anew, dated after all writes that may still be
//     running;
//   - the data themselves: the id of a message or change, or the version of a membership.
//
// Lightweight transactions have no timestamps, and compete as well: the first attempt of one may be applied seconds after
// its repetition, by a coordinator that waited for others. See replace.
const (
	selectWriteVersion = `SELECT version FROM write_versions WHERE thing = ?`
	firstWriteVersion  = `INSERT INTO write_versions (thing, version) VALUES (?, ?) IF NOT EXISTS`
	nextWriteVersion   = `UPDATE write_versions SET version = ? WHERE thing = ? IF version = ?`
)

// The things that have versions.
const (
	roleThing    = "role"
	avatarThing  = "avatar"
	erasureThing = "erasure"
	readingThing = "reading"
	listThing    = "list"
)

// version returns the timestamp, in microseconds, for a change of a thing. It is at least least, and greater than each
// version that any server returned before for this thing.
func (s *Store) version(ctx context.Context, least int64, t chat.Tenant, thing ...string) (int64, error) {
	key := sha256.Sum256([]byte(string(t) + "\x00" + strings.Join(thing, "\x00")))
	for {
		now, err := s.book.clock(ctx)
		if err != nil {
			return 0, err
		}
		var old int64
		found, err := s.db.decided(ctx, selectWriteVersion, []any{key[:]}, &old)
		if err != nil {
			return 0, err
		}
		next := max(micros(now), old+1, least)
		var done bool
		if found {
			done, err = s.db.apply(ctx, nextWriteVersion, next, key[:], old)
		} else {
			done, err = s.db.apply(ctx, firstWriteVersion, key[:], next)
		}
		// Not applied means that another change, or an earlier attempt of this call, was faster. The next version is
		// greater.
		if err != nil || done {
			return next, err
		}
	}
}

// replace changes a part of a row of users or rooms that others may change too. The change is a lightweight transaction
// on the condition that nothing was changed since the row was read, for which the row has a column, change: a random
// value that each change replaces. Without it, an attempt that timed out could be applied after a later change was
// answered, and undo it.
//
// The first argument of the statement is the new value of change, the last one the value before; args are the others.
// look reads the value of change. Its error is NotFound or Stale if the row must not be changed. A concurrent change has
// replace read anew, so the change is made unless look refuses.
func (s *Store) replace(ctx context.Context, look func(ctx context.Context, read rowReader) (gocql.UUID, error), statement string, args ...any) error {
	return s.replaceBy(ctx, look, func() ([]any, error) { return args, nil }, statement)
}

// replaceBy is replace with arguments that depend on what look has read last: args is called after each read on which a
// change is based. An error of it ends the call.
func (s *Store) replaceBy(ctx context.Context, look func(ctx context.Context, read rowReader) (gocql.UUID, error),
	args func() ([]any, error), statement string) error {
	own := gocql.MustRandomUUID()
	for read := s.db.row; ; read = s.db.decided {
		before, err := look(ctx, read)
		if err != nil {
			return err
		}
		values, err := args()
		if err != nil {
			return err
		}
		verify := func(ctx context.Context) (outcome, error) {
			now, err := look(ctx, s.db.decided)
			switch {
			case now == own:
				return applied, nil
			case chat.IsKind(err, chat.NotFound), chat.IsKind(err, chat.Stale):
				return rejected, nil
			case err != nil || now == before:
				return undecided, err
			default:
				return rejected, nil
			}
		}
		bound := append(append([]any{own}, values...), orNone(before))
		if done, err := s.db.decide(ctx, verify, statement, bound...); err != nil || done {
			return err
		}
	}
}

// orNone binds a value of the column change; nothing has been changed in a row without one.
func orNone(change gocql.UUID) any {
	if change == (gocql.UUID{}) {
		return nil
	}
	return change
}

// present estimates the cluster's time without a read: the time of the last read plus the time elapsed since.
func (s *Store) present() time.Time {
	b := s.book
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.asOf == 0 {
		return s.now() // Open reads it
	}
	return time.UnixMilli(b.asOf).Add(s.now().Sub(b.polled))
}

// finalTime is the timestamp of the permanent deletion of a row whose key has an id that is never reused. It is an hour
// ahead, so that writes that are still running do not restore the row.
func (s *Store) finalTime() int64 { return micros(s.present().Add(time.Hour)) }

// ticks is a version as the timestamp of a write to readings_by_user.
func ticks(micros int64) int64 { return id.FirstAt(time.UnixMicro(micros)).Ticks() }

// microsOf is the first microsecond that is not before a timestamp of readings_by_user; 0 for none.
func microsOf(ticks int64) int64 {
	if ticks == 0 {
		return 0
	}
	return (ticks-id.FirstAt(time.UnixMicro(0)).Ticks())/10 + 1
}
