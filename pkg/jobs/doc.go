// Package jobs is one durable queue for work that goes on after a call was answered.
//
// A Job is stored before the call is answered, and is run by a worker of any server until it ends. A Queue is the part
// of one server: it adds jobs and runs them, each kind with the handler that is registered for it.
//
//	q.Register("sweep", func(ctx context.Context, r *jobs.Run) error {
//		for at := r.Cursor(); ; {
//			next, n, err := sweepSome(ctx, r.Payload, at)
//			if err != nil || next == nil {
//				return err
//			}
//			at = next
//			if err := r.Save(ctx, at, r.Done+n, 0); err != nil {
//				return err
//			}
//		}
//	})
//
// A change that needs such work is made in three steps, so that a crash between them loses nothing:
//
//  1. Add stores the job, with a delay: nobody runs it yet.
//  2. The caller makes the change.
//  3. Begin lets the job run immediately. Without it the job runs when the delay is over, and finds out whether the
//     change was made.
//
// # What is guaranteed
//
// A job that was added runs until its handler returns nil. It may run more than once, also from a cursor that was saved
// before, so a handler has to be idempotent. Two workers never both write for one job: a worker owns a job by a lease,
// and each owner has a Version of its own (the fence). Once another worker, or a call of Add with Replace, has changed
// the job, the earlier owner can neither save progress nor end the job; its context ends. A handler that writes
// elsewhere may overlap with its successor for a moment.
//
// The lease of a server that died runs out after leaseFor, and another server takes the job over. A server that stops
// gives its leases back.
//
// An error of a handler repeats the job after a pause that grows. After maxAttempts failures in a row without progress
// the job is dead: it stays for an operator to look at and retry. A store that cannot answer (chat.Unavailable) is not
// counted as a failure.
//
// Tenants take turns, and one of them never has all workers. A tenant has at most about maxWaiting jobs; Add returns an
// error (chat.RateLimited) for more.
package jobs
