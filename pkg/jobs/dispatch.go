package jobs

import (
	"context"
	"time"
)

// dispatch starts jobs while there are free workers. Jobs that this server added or postponed start when they are due;
// polls find those of other servers.
func (q *Queue) dispatch(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	away := false
	for pollAt := time.Now(); ctx.Err() == nil; {
		q.lookAtBegun()
		wait, hungry := q.startAll()
		now := time.Now()
		if q.asked() || hungry || !now.Before(pollAt) {
			err := q.poll(ctx)
			if err != nil && !away && ctx.Err() == nil {
				q.log.Warn("jobs wait: the store could not be read", "error", err)
			}
			away = err != nil
			pollAt = now.Add(jittered(pollEvery))
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

// poll reads the jobs that are due.
func (q *Queue) poll(ctx context.Context) error {
	now := q.store.JobTime()
	due, err := q.store.DueJobs(ctx, pollEach)
	q.mu.Lock()
	defer q.mu.Unlock()
	if err != nil {
		for _, c := range q.classes {
			clear(c.known.full) // not at once anew
		}
		return err
	}
	for _, c := range q.classes {
		c.known.reading(now)
	}
	for t, all := range due {
		fresh := map[*class]bool{}
		for _, j := range all {
			if k, ok := q.kinds[j.Kind]; ok && !q.running[j.Ref] {
				k.class.known.add(j)
				fresh[k.class] = true
			}
		}
		if len(all) < pollEach {
			continue
		}
		for c := range fresh {
			c.known.more(t, all[len(all)-1].Due, now)
		}
	}
	return nil
}

// startAll starts known jobs until there is no free worker or no job. It returns how long it is until the next one is
// due, and whether more jobs have to be read.
func (q *Queue) startAll() (wait time.Duration, hungry bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	wait = pollEvery
	for _, c := range q.classes {
		if soon, ok := c.known.ripen(q.store.JobTime()); ok {
			wait = min(wait, soon)
		}
		if c.Order != nil {
			wait = min(wait, q.hold(c))
		}
		for {
			j, ok := c.take(q.running)
			if !ok {
				break
			}
			if q.running[j.Ref] || q.kinds[j.Kind].handle == nil {
				continue
			}
			q.start(c, j)
		}
		hungry = hungry || c.running < c.Workers && c.known.hungry(c.OfOne)
	}
	return wait, hungry
}

// start runs a job, which this server may have, on a worker.
func (q *Queue) start(c *class, j Job) {
	q.running[j.Ref] = true
	c.started(j)
	q.stopped.Go(func() {
		defer q.ended(c, j)
		q.run(j, q.kinds[j.Kind].handle)
	})
}

// ended frees the worker of a job.
func (q *Queue) ended(c *class, j Job) {
	q.mu.Lock()
	delete(q.running, j.Ref)
	c.ended(j)
	q.mu.Unlock()
	q.nudge()
}
