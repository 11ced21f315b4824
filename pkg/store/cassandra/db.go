package cassandra

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/gocql/gocql"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
)

// db is the only place that calls the driver. The text of a statement is a constant, so that it is prepared once. The
// whole partition key is bound, so that the statement goes to a node that has the row.
type db struct {
	session     *gocql.Session
	consistency gocql.Consistency
	serial      gocql.SerialConsistency // of lightweight transactions, and of reads that see their outcome
	everywhere  gocql.Consistency       // of eachDC
	timeout     time.Duration
	around      hook
	slots       slots
}

// hook, if set, runs each statement, or skips it, and returns its error. Measurements and the failures of tests use it.
// Statements may run concurrently with the call that sets it.
type hook struct {
	atomic.Pointer[func(statement string, run func() error) error]
}

func (h *hook) set(around func(statement string, run func() error) error) { h.Store(&around) }

// do runs a statement as soon as fewer than maxInFlight are unanswered (see slots).
func (d *db) do(ctx context.Context, statement string, run func() error) error {
	if err := d.slots.take(ctx); err != nil {
		return err
	}
	defer d.slots.free()
	if around := d.around.Load(); around != nil && *around != nil {
		return (*around)(statement, run)
	}
	return run()
}

// bounded gives ctx a deadline if it has none.
func (d *db) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, d.timeout)
}

// query prepares a plain statement. All plain statements of this package may run twice: they are reads, writes of whole
// values and deletions.
func (d *db) query(ctx context.Context, statement string, args []any) *gocql.Query {
	return d.session.Query(statement, args...).WithContext(ctx).
		Consistency(d.consistencyOf(statement)).Idempotent(true).RetryPolicy(retryIdempotent{})
}

// eachDC are the statements on which servers of other data centres rely. Each is acknowledged only when a quorum of
// each data centre has it. All other statements need a quorum of one data centre.
var eachDC = map[string]bool{claimEpoch: true, announceEpoch: true, sealEpoch: true}

func (d *db) consistencyOf(statement string) gocql.Consistency {
	if eachDC[statement] && d.everywhere != 0 {
		return d.everywhere
	}
	return d.consistency
}

// exec runs a plain write. It returns nil only when it is durable.
func (d *db) exec(ctx context.Context, statement string, args ...any) error {
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	return asChat(d.do(ctx, statement, func() error { return d.query(ctx, statement, args).Exec() }))
}

// rowReader is row or decided.
type rowReader func(ctx context.Context, statement string, args []any, dest ...any) (found bool, err error)

// row reads at most one row into dest.
func (d *db) row(ctx context.Context, statement string, args []any, dest ...any) (found bool, err error) {
	return d.rowAt(ctx, d.consistency, statement, args, dest...)
}

// decided is row at serial consistency: it reads the outcome of all lightweight transactions so far, and finishes those
// that were interrupted. Concurrent transactions on the row can make each other time out; then decided tries again a
// few times.
func (d *db) decided(ctx context.Context, statement string, args []any, dest ...any) (found bool, err error) {
	for n := 0; ; n++ {
		found, err = d.rowAt(ctx, gocql.Consistency(d.serial), statement, args, dest...)
		if n == decidedTries || !timedOut(err) {
			return found, err
		}
		select {
		case <-ctx.Done():
			return found, err
		case <-time.After(time.Duration(rand.Int64N(int64(decidedPause)))):
		}
	}
}

const (
	decidedTries = 5
	decidedPause = 100 * time.Millisecond // at most
)

func (d *db) rowAt(ctx context.Context, c gocql.Consistency, statement string, args []any, dest ...any) (bool, error) {
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	err := d.do(ctx, statement, func() error { return d.query(ctx, statement, args).Consistency(c).Scan(dest...) })
	if errors.Is(err, gocql.ErrNotFound) {
		return false, nil
	}
	return err == nil, asChat(err)
}

// rows reads rows into dest, one after the other, and calls each for every row. It asks for at most size rows at a
// time. To read no more than that in all, give the statement a LIMIT.
func (d *db) rows(ctx context.Context, size int, each func(), statement string, args []any, dest ...any) error {
	return d.rowsWhile(ctx, size, func() bool { each(); return true }, statement, args, dest...)
}

// rowsWhile is rows until each returns false.
func (d *db) rowsWhile(ctx context.Context, size int, each func() bool, statement string, args []any, dest ...any) error {
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	return asChat(d.do(ctx, statement, func() error {
		iter := d.query(ctx, statement, args).PageSize(size).Iter()
		for iter.Scan(dest...) && each() {
		}
		return iter.Close()
	}))
}

// decidedRows is rows of one partition at serial consistency, as decided.
func (d *db) decidedRows(ctx context.Context, each func(), statement string, args []any, dest ...any) error {
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	return asChat(d.do(ctx, statement, func() error {
		iter := d.query(ctx, statement, args).Consistency(gocql.Consistency(d.serial)).Iter()
		for iter.Scan(dest...) {
			each()
		}
		return iter.Close()
	}))
}

// casTogether runs the lightweight transactions of one partition in one step: all or none. The error is not translated.
func (d *db) casTogether(ctx context.Context, writes []write) (done bool, err error) {
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	err = d.do(ctx, writes[len(writes)-1].statement, func() (err error) {
		b := d.session.NewBatch(gocql.UnloggedBatch).WithContext(ctx).RetryPolicy(nil).SerialConsistency(d.serial)
		b.SetConsistency(d.consistency)
		for _, w := range writes {
			b.Entries = append(b.Entries, gocql.BatchEntry{Stmt: w.statement, Args: w.args})
		}
		var rows *gocql.Iter
		done, rows, err = d.session.MapExecuteBatchCAS(b, map[string]any{})
		if err == nil {
			err = rows.Close()
		}
		return err
	})
	return done && err == nil, err
}

// outcome is the outcome of a lightweight transaction, as its row shows it.
type outcome int

const (
	undecided outcome = iota // the row is as it was before: the transaction may be repeated
	applied
	rejected // its condition does not hold
)

// decide runs a lightweight transaction until its outcome is certain, and reports whether it was applied. It repeats
// the transaction when Cassandra's answer is lost (a timeout). verify rereads the row with decided and returns the
// outcome for this caller. decide calls it
//
//  1. when an answer is lost. Otherwise decide would repeat a transaction that was applied, or cannot be any more.
//  2. when a repetition is not applied. An attempt that timed out may still run at its coordinator, and be applied
//     after verify has read the row. Then the repetition fails because of this caller's own attempt. Without the second
//     verify, decide would report that as not applied.
func (d *db) decide(ctx context.Context, verify func(ctx context.Context) (outcome, error), statement string, args ...any) (bool, error) {
	for repeated := false; ; repeated = true {
		done, err := d.cas(ctx, statement, args)
		if err == nil && (done || !repeated) {
			return done, nil
		}
		if err != nil && (!uncertain(err) || ctx.Err() != nil) {
			return false, asChat(err)
		}
		o, verifyErr := verify(ctx)
		if verifyErr != nil {
			return false, asChat(errors.Join(err, verifyErr))
		}
		if o != undecided {
			return o == applied, nil
		}
	}
}

// seen is what a value is when it is read again.
type seen int

const (
	isOther seen = iota
	isOld        // as the caller read it before
	isNew        // as the caller writes it
	isGone       // what has the value is not there
)

// swap runs a lightweight transaction that replaces a value only while it is what the caller read before. look rereads
// the value with decided. swap returns nil if the transaction was applied, gone if there is nothing to change any more,
// and otherwise stale.
func (d *db) swap(ctx context.Context, look func(ctx context.Context) (seen, error), gone, stale error, statement string, args ...any) error {
	done, err := d.decide(ctx, func(ctx context.Context) (outcome, error) {
		s, err := look(ctx)
		if err != nil {
			return undecided, err
		}
		return map[seen]outcome{isOther: rejected, isGone: rejected, isOld: undecided, isNew: applied}[s], nil
	}, statement, args...)
	if err != nil || done {
		return err
	}
	switch s, err := look(ctx); {
	case err != nil:
		return err
	case s == isGone:
		return gone
	default:
		return stale
	}
}

// apply runs a lightweight transaction that may be applied more than once, and also late, after others: what it writes
// must be right as long as its condition holds. Its condition must not depend on what it writes, unless the caller needs
// no more than that the condition does not hold afterwards. apply repeats the transaction while the answer is lost, and
// returns the first answer it receives.
func (d *db) apply(ctx context.Context, statement string, args ...any) (bool, error) {
	for {
		done, err := d.cas(ctx, statement, args)
		if err == nil || !uncertain(err) || tooFew(err) || ctx.Err() != nil {
			return done, asChat(err)
		}
	}
}

func (d *db) cas(ctx context.Context, statement string, args []any) (bool, error) {
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	done := false
	err := d.do(ctx, statement, func() (err error) {
		done, err = d.session.Query(statement, args...).WithContext(ctx).
			Consistency(d.consistencyOf(statement)).SerialConsistency(d.serial).
			Idempotent(false).RetryPolicy(nil).
			MapScanCAS(map[string]any{})
		return err
	})
	return done && err == nil, err
}

// write is one statement of a batch.
type write struct {
	statement string
	args      []any
}

// together applies writes to several tables in a logged batch: eventually all of them are applied, or none. Each has to
// have a timestamp, or to be a write of whole values.
func (d *db) together(ctx context.Context, writes ...write) error {
	return d.batch(ctx, gocql.LoggedBatch, writes)
}

// samePartition applies writes to one partition in one step.
func (d *db) samePartition(ctx context.Context, writes []write) error {
	return d.batch(ctx, gocql.UnloggedBatch, writes)
}

func (d *db) batch(ctx context.Context, kind gocql.BatchType, writes []write) error {
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	return asChat(d.do(ctx, writes[0].statement, func() error {
		b := d.session.NewBatch(kind).WithContext(ctx).RetryPolicy(retryIdempotent{})
		b.SetConsistency(d.consistency)
		for _, w := range writes {
			b.Entries = append(b.Entries, gocql.BatchEntry{Stmt: w.statement, Args: w.args, Idempotent: true})
		}
		return d.session.ExecuteBatch(b)
	}))
}

// parallelism bounds the statements that one call runs concurrently.
const parallelism = 16

// forEach calls f for 0 to n-1, a bounded number at a time, and returns the first
// error, after which the others' context is cancelled.
func forEach(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	if n == 1 {
		return f(ctx, 0)
	}
	g, ctx := guard.WithContext(ctx)
	g.SetLimit(parallelism)
	for i := range n {
		g.Go(func() error { return f(ctx, i) })
	}
	return g.Wait()
}

// micros is t as the timestamp of a write.
func micros(t time.Time) int64 { return t.UnixMicro() }

// uuid spells an id for the driver.
func uuid(u id.ID) [16]byte { return u }

// into is where the driver puts an id.
func into(u *id.ID) *[16]byte { return (*[16]byte)(u) }

// optional binds p, and leaves the column alone when there is nothing: an INSERT of
// null would write a tombstone.
func optional(p *string) any {
	if p == nil {
		return gocql.UnsetValue
	}
	return *p
}

// optionalBytes is optional for bytes.
func optionalBytes(b []byte) any {
	if b == nil {
		return gocql.UnsetValue
	}
	return b
}

// maybe is where the driver puts an id that may be null.
func maybe(u *id.ID) *gocql.UUID { return (*gocql.UUID)(u) }

// optionalID is optional for an id.
func optionalID(u id.ID) any {
	if u.IsZero() {
		return gocql.UnsetValue
	}
	return uuid(u)
}

// optionalFlag binds a flag of a new row. False is not written.
func optionalFlag(f bool) any {
	if !f {
		return gocql.UnsetValue
	}
	return true
}

// replacing binds p where it replaces an older value. No value is bound as null, because only a tombstone removes the
// older one.
func replacing(p *string) any {
	if p == nil {
		return nil
	}
	return *p
}

var errClosed = chat.ErrUnavailable(errors.New("the store is closed"))
