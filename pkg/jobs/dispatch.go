package jobs

import (
	"context"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
)

// dispatch starts jobs while there are free workers. Jobs that this server added or postponed start when they are due;
// polls find those of other servers.
func (q *Queue) dispatch(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	away := false
	for pollAt := time.Now(); ctx.Err() == nil; {
		wait, idle := q.startAll()
		now := time.Now()
		if q.asked() || !now.Before(pollAt) {
			more, err := q.poll(ctx)
			if err != nil && !away && ctx.Err() == nil {
				q.log.Warn("jobs wait: the store could not be read", "error", err)
			}
			away = err != nil
			pollAt = now.Add(jittered(pollEvery))
			if more && idle {
				pollAt = now
			}
			continue
		}
		timer.Reset(min(wait, pollAt.Sub(now)))
		select {
		case <-ctx.Done():
		case <-q.wake:
		case <-timer.C:
		}
	}
}

// asked reports whether Poll was called since the last time.
func (q *Queue) asked() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	asked := q.pollNow
	q.pollNow = false
	return asked
}

// poll reads the jobs that are due. more is true if there are more of them than it has read.
func (q *Queue) poll(ctx context.Context) (more bool, err error) {
	due, err := q.store.DueJobs(ctx, pollEach)
	if err != nil {
		return false, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, all := range due {
		some := false
		for _, j := range all {
			if q.kinds[j.Kind] != nil && !q.running[j.Ref] {
				q.known.add(j)
				some = true
			}
		}
		more = more || some && len(all) >= pollEach
	}
	return more, nil
}

// startAll starts known jobs until there is no free worker or no job. It returns how long it is until the next one is
// due, and whether a worker is free.
func (q *Queue) startAll() (wait time.Duration, idle bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	wait, ok := q.known.ripen(q.store.JobTime())
	if !ok {
		wait = pollEvery
	}
	for len(q.running) < workers {
		j, ok := q.known.take(func(t chat.Tenant) bool { return q.of[t] < ofOne })
		if !ok {
			return wait, true
		}
		h := q.kinds[j.Kind]
		if h == nil || q.running[j.Ref] {
			continue
		}
		q.running[j.Ref] = true
		q.of[j.Tenant]++
		q.stopped.Go(func() {
			defer q.ended(j)
			q.run(j, h)
		})
	}
	return wait, false
}

// ended frees the worker of a job.
func (q *Queue) ended(j Job) {
	q.mu.Lock()
	delete(q.running, j.Ref)
	if q.of[j.Tenant]--; q.of[j.Tenant] == 0 {
		delete(q.of, j.Tenant)
	}
	q.mu.Unlock()
	q.nudge()
}
