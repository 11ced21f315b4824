package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
)

// errEnough ends a visit early.
var errEnough = errors.New("jobs: enough")

// List returns up to limit jobs that match, in any order.
func (q *Queue) List(ctx context.Context, limit int, match func(Job) bool) ([]Job, error) {
	var all []Job
	err := q.store.EachJob(ctx, func(j Job) error {
		if match(j) {
			all = append(all, j)
		}
		if len(all) == limit {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return all, err
}

// Job returns a job; NotFound if there is none, or if it has ended.
func (q *Queue) Job(ctx context.Context, r Ref) (Job, error) { return q.store.Job(ctx, r) }

// Retry makes a job that is dead, or waits, run now. A job that runs stays as it is.
func (q *Queue) Retry(ctx context.Context, r Ref) (Job, error) {
	for {
		j, err := q.store.Job(ctx, r)
		if err != nil || j.State == Running {
			return j, err
		}
		now, changed, err := q.store.ChangeJob(ctx, j, revived(j, q.store.JobTime()))
		if err != nil {
			return Job{}, err
		}
		if changed {
			q.Begin(now)
			return now, nil
		}
	}
}

// Cancel removes a job, whatever its state. If it runs, its handler loses it.
func (q *Queue) Cancel(ctx context.Context, r Ref) error {
	for {
		j, err := q.store.Job(ctx, r)
		if chat.IsKind(err, chat.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if removed, err := q.store.RemoveJob(ctx, j); err != nil || removed {
			return err
		}
	}
}

// revived is a job that runs from its cursor as if it had never failed.
func revived(j Job, now time.Time) Job {
	j.State, j.Due, j.Owner, j.Attempts, j.Failure = Waiting, now, "", 0, ""
	return j
}
