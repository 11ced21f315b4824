package jobs

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
)

const (
	// leaseFor is how long a server owns a job without renewing the lease; it renews the lease three times as often.
	leaseFor = 15 * time.Second
	// maxAttempts is how many failures in a row, without progress, make a job dead: after about two hours.
	maxAttempts = 16
	// firstPause is the pause after the first failure. It doubles up to mostPause.
	firstPause = time.Second
	mostPause  = 15 * time.Minute
	// awayPause is the pause after a failure of the store.
	awayPause = 15 * time.Second
	// endTimeout bounds the write that ends a run.
	endTimeout = 5 * time.Second
	// maxFailure is how many bytes of a failure are kept.
	maxFailure = 1000
)

// ErrLost is the cause of the end of a handler's context, and the error of Save, when the job is no longer this
// worker's: another one has it, or the job was replaced. The handler returns without a further write.
var ErrLost = errors.New("jobs: another worker has the job")

// Run is a job while a worker runs it. Its Cursor, Done and Total are those that were saved last. Methods are for the
// handler's goroutine.
type Run struct {
	Job
	// Begun reports whether Begin was called for the job. If it is false, the call may have come and this server may not know
	// of it: the handler finds out whether the change was made.
	Begun bool
	store Store
	lost  context.CancelCauseFunc

	mu   sync.Mutex
	held Job // as it is stored, with the version that this worker has
}

// Save stores how far the job is. ErrLost if the job is no longer this worker's; nothing is stored then.
func (r *Run) Save(ctx context.Context, cursor []byte, done, total int64) error {
	if len(cursor) > MaxPayload {
		return errors.New("jobs: the cursor is too large")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	next := r.held
	next.Cursor, next.Done, next.Total, next.Attempts = cursor, done, total, 0
	saved, err := r.store.SaveJob(ctx, next)
	if err != nil {
		return err
	}
	if !saved {
		r.lost(ErrLost)
		return ErrLost
	}
	r.held = next
	r.Cursor, r.Done, r.Total = cursor, done, total
	return nil
}

// later is the error of After and Postpone.
type later struct {
	wait    time.Duration
	cursor  []byte // nil: it stays
	failure string
}

func (l later) Error() string { return "to go on after " + l.wait.String() }

// After returns an error for a handler to return: the job is well, and goes on from its cursor after that time.
func After(wait time.Duration) error { return later{wait: wait} }

// Postpone is After for a handler that counts its failures itself: the job goes on from another cursor, and failure is
// shown to operators.
func Postpone(wait time.Duration, cursor []byte, failure string) error {
	return later{wait, cursor, failure}
}

// run takes a job and runs its handler.
func (q *Queue) run(j Job, h Handler) {
	taken := j
	taken.State, taken.Owner, taken.Due = Running, q.name, q.store.JobTime().Add(leaseFor)
	taken, mine, err := q.store.ChangeJob(q.ctx, j, taken)
	if err != nil || !mine {
		if err != nil && q.ctx.Err() == nil {
			q.log.Debug("a job was not taken", "kind", j.Kind, "error", err)
		}
		return
	}
	ctx, lost := context.WithCancelCause(q.ctx)
	defer lost(nil)
	r := &Run{Job: taken, Begun: j.begun, store: q.store, lost: lost, held: taken}
	renewed := make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(renewed)
		if !guard.Run(q.log, "renewing a lease", func() { r.renew(ctx, stop) }) {
			lost(ErrLost)
		}
	}()
	err = guard.Try(func() error { return h(ctx, r) })
	close(stop)
	<-renewed
	if context.Cause(ctx) != ErrLost { //nolint:errorlint // it is the cause itself
		q.end(r, err)
	}
}

// renew renews the lease until stop is closed.
func (r *Run) renew(ctx context.Context, stop <-chan struct{}) {
	tick := time.NewTicker(leaseFor / 3)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !r.renewOnce(ctx) {
			r.lost(ErrLost)
			return
		}
	}
}

// renewOnce returns false if the job may be another worker's.
func (r *Run) renewOnce(ctx context.Context) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := r.held
	next.Due = r.store.JobTime().Add(leaseFor)
	now, changed, err := r.store.ChangeJob(ctx, r.held, next)
	if !changed {
		// The answer to an earlier renewal may have been lost.
		var readErr error
		now, readErr = r.store.Job(ctx, r.Ref)
		changed = readErr == nil && now.Owner == r.held.Owner && now.State == Running
		err = errors.Join(err, readErr)
	}
	if changed {
		r.held = now
		return true
	}
	return chat.IsKind(err, chat.Unavailable) && r.store.JobTime().Before(r.held.Due)
}

// end stores the outcome of a run.
func (q *Queue) end(r *Run, outcome error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(q.ctx), endTimeout)
	defer cancel()
	var err error
	if outcome == nil {
		_, err = q.store.RemoveJob(ctx, r.held)
	} else {
		err = q.postpone(ctx, r.held, outcome)
	}
	if err != nil {
		// The lease runs out, and the job runs once more.
		q.log.Warn("the outcome of a job was not stored", "kind", r.Kind, "tenant", r.Tenant, "error", err)
	}
}

// postpone stores when a job goes on, or that it does not.
func (q *Queue) postpone(ctx context.Context, j Job, outcome error) error {
	next := j
	next.State, next.Owner, next.Failure, next.begun = Waiting, "", "", false
	pause := time.Duration(0)
	var l later
	switch {
	case errors.As(outcome, &l):
		pause, next.Attempts, next.Failure = l.wait, 0, l.failure
		if l.cursor != nil {
			next.Cursor = l.cursor
		}
	case q.ctx.Err() != nil: // Close gives the lease back
	case chat.IsKind(outcome, chat.Unavailable):
		pause, next.Failure = jittered(awayPause), shortened(outcome)
		q.log.Warn("a job waits for the store", "kind", j.Kind, "tenant", j.Tenant, "error", outcome)
	default:
		next.Attempts, next.Failure = j.Attempts+1, shortened(outcome)
		pause = pauseAfter(next.Attempts)
		if next.Attempts >= maxAttempts {
			next.State = Dead
			q.log.Error("a job is dead: it failed too often. Look at it with `confab admin jobs show`, and have it tried once more with `confab admin jobs retry`",
				"kind", j.Kind, "tenant", j.Tenant, "key", j.Key, "error", outcome)
		} else {
			q.log.Warn("a job failed and is tried anew", "kind", j.Kind, "tenant", j.Tenant, "failures", next.Attempts, "after", pause, "error", outcome)
		}
	}
	next.Due = q.store.JobTime().Add(pause)
	now, changed, err := q.store.ChangeJob(ctx, j, next)
	if err == nil && changed && now.State == Waiting && q.ctx.Err() == nil {
		q.expect(now)
	}
	return err
}

// pauseAfter returns the pause after some failures in a row.
func pauseAfter(failures int) time.Duration {
	return jittered(min(firstPause<<min(failures-1, 20), mostPause))
}

// jittered returns between a half and all of d, so that what failed together is not tried together.
func jittered(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }

func shortened(err error) string {
	s := err.Error()
	return s[:min(len(s), maxFailure)]
}
