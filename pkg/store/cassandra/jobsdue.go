package cassandra

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/jobs"
)

const (
	insertDue    = `INSERT INTO jobs_due (tenant, period, due, kind, key, version) VALUES (?, ?, ?, ?, ?, ?)`
	deleteDue    = `DELETE FROM jobs_due USING TIMESTAMP ? WHERE tenant = ? AND period = ? AND due = ? AND kind = ? AND key = ? AND version = ?`
	selectDue    = `SELECT due, kind, key, version FROM jobs_due WHERE tenant = ? AND period = ? AND due >= ? AND due <= ? LIMIT ?`
	insertPeriod = `INSERT INTO job_periods (shard, period, tenant) VALUES (0, ?, ?)`
	deletePeriod = `DELETE FROM job_periods WHERE shard = 0 AND period = ? AND tenant = ?`
	listPeriods  = `SELECT period, tenant FROM job_periods WHERE shard = 0 AND period >= ? AND period <= ? LIMIT ?`

	// jobPeriod is the time whose rows of jobs_due are one partition of a tenant. Rows on disk depend on it.
	jobPeriod = 10 * time.Minute
	// dueLate is how long after its due time a row may still be on its way: longer than a statement takes, with its
	// repetitions.
	dueLate = time.Minute
	// dueForgotten is after what time a row of jobs_due without its job is one that a crash left behind.
	dueForgotten = 10 * time.Minute
	// periodsFor is how long the list of periods is used for counting.
	periodsFor  = 30 * time.Second
	mostPeriods = 100_000
)

// The rows of jobs_due are removed one by one, and a read must not pass what was removed before:
//
//   - Rows are in the order of due. A server keeps for each partition the position before which it has found nothing but
//     removed rows, and reads from there. Rows appear only at times that are at most dueLate past, so the position may
//     follow the present time at that distance.
//   - A partition is one period of one tenant. When its period is over and nothing is left in it, its row in job_periods
//     is removed, and nobody reads it any more.
//   - What is removed within dueLate, or before this server knew a position, is passed in parts if it is too much
//     (inSpan).
//
// A job that waits longer, or is under way, gets a row at a later time, so no period stays open because of it.
type jobBook struct {
	mu     sync.Mutex
	noted  map[jobPart]bool  // what is in job_periods, as this server knows
	from   map[jobPart]int64 // positions, in milliseconds
	first  int64             // no period before this one is open
	parts  []jobPart         // the open periods as they were last read, oldest first
	readAt time.Time         // when that was
}

// jobPart is a partition of jobs_due.
type jobPart struct {
	tenant chat.Tenant
	period int64
}

func partOf(j jobs.Job) jobPart {
	at, width := j.Due.UnixMilli(), jobPeriod.Milliseconds()
	return jobPart{j.Tenant, at - at%width}
}

// end is the first millisecond after the period.
func (p jobPart) end() int64 { return p.period + jobPeriod.Milliseconds() }

// millis is a span of times, both ends included.
type millis struct{ from, to int64 }

var _ divisible[millis] = millis{}

func (m millis) divided() (parts []millis) {
	step := max(1, (m.to-m.from)/16+1)
	for at := m.from; at <= m.to; at += step {
		parts = append(parts, millis{at, min(at+step-1, m.to)})
	}
	return parts
}

// due is a row of jobs_due.
type due struct {
	at      time.Time
	ref     jobs.Ref
	version int64
}

// addDue writes the row of a job, unless the job is dead.
func (s *Store) addDue(ctx context.Context, j jobs.Job) error {
	if j.State == jobs.Dead {
		return nil
	}
	p, b := partOf(j), &s.jobs
	b.mu.Lock()
	noted := b.noted[p]
	b.mu.Unlock()
	if !noted {
		if err := s.db.exec(ctx, insertPeriod, p.period, string(p.tenant)); err != nil {
			return err
		}
		b.mu.Lock()
		if b.noted == nil || len(b.noted) > MostEntries {
			b.noted = map[jobPart]bool{}
		}
		b.noted[p] = true
		b.mu.Unlock()
	}
	return s.db.exec(ctx, insertDue, string(j.Tenant), p.period, j.Due, j.Kind, j.Key, j.Version)
}

// removeDue removes the row of a job. If it fails, readers remove it.
func (s *Store) removeDue(ctx context.Context, j jobs.Job) {
	if j.State == jobs.Dead {
		return
	}
	err := s.db.exec(ctx, deleteDue, s.finalTime(), string(j.Tenant), partOf(j).period, j.Due, j.Kind, j.Key, j.Version)
	if err != nil {
		s.log.Debug("a row of a job that has changed is left", "error", err)
	}
}

// DueJobs implements jobs.Store.
func (s *Store) DueJobs(ctx context.Context, each int) (map[chat.Tenant][]jobs.Job, error) {
	ctx, end, err := s.beginLong(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	parts, err := s.openPeriods(ctx, 0)
	if err != nil {
		return nil, err
	}
	now := s.JobTime()
	of := map[chat.Tenant][]jobPart{}
	var tenants []chat.Tenant
	for _, p := range parts {
		if p.period > now.UnixMilli() {
			continue
		}
		if of[p.tenant] == nil {
			tenants = append(tenants, p.tenant)
		}
		of[p.tenant] = append(of[p.tenant], p)
	}
	found := make([][]jobs.Job, len(tenants))
	err = forEach(ctx, len(tenants), func(ctx context.Context, i int) (err error) {
		for _, p := range of[tenants[i]] {
			if len(found[i]) == each {
				break
			}
			some, err := s.dueIn(ctx, p, now, each-len(found[i]))
			if err != nil {
				return err
			}
			found[i] = append(found[i], some...)
		}
		return nil
	})
	all := map[chat.Tenant][]jobs.Job{}
	for i, t := range tenants {
		if len(found[i]) > 0 {
			all[t] = found[i]
		}
	}
	return all, err
}

// openPeriods returns the partitions that may have rows, oldest first, as they were at most old ago.
func (s *Store) openPeriods(ctx context.Context, old time.Duration) ([]jobPart, error) {
	b := &s.jobs
	b.mu.Lock()
	from, parts, age := b.first, b.parts, s.now().Sub(b.readAt)
	b.mu.Unlock()
	if age >= 0 && age < old {
		return parts, nil
	}
	at := s.now()
	now := s.JobTime().UnixMilli()
	if from == 0 {
		from = now - (10 * 366 * 24 * time.Hour).Milliseconds()
	}
	parts, err := inSpan(ctx, millis{from, now + (366 * 24 * time.Hour).Milliseconds()}, mostPeriods,
		func(ctx context.Context, m millis, limit int) (all []jobPart, err error) {
			var p jobPart
			err = s.db.rows(ctx, pageRows, func() { all = append(all, p) }, listPeriods, []any{m.from, m.to, limit}, &p.period, (*string)(&p.tenant))
			return all, err
		})
	if err != nil {
		return nil, err
	}
	first := now - (jobPeriod + dueForgotten).Milliseconds()
	if len(parts) > 0 {
		first = min(first, parts[0].period)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.parts, b.readAt, b.first = parts, at, max(b.first, first)
	return parts, nil
}

// dueIn returns up to limit jobs of a partition that are due.
func (s *Store) dueIn(ctx context.Context, p jobPart, now time.Time, limit int) ([]jobs.Job, error) {
	b := &s.jobs
	b.mu.Lock()
	from := max(b.from[p], p.period)
	b.mu.Unlock()
	rows, err := s.readDue(ctx, p, millis{from, min(now.UnixMilli(), p.end())}, limit)
	if err != nil {
		return nil, err
	}
	found := make([]jobs.Job, len(rows))
	stays := make([]bool, len(rows)) // the row may mean something
	err = forEach(ctx, len(rows), func(ctx context.Context, i int) error {
		j, there, err := s.job(ctx, s.db.row, rows[i].ref)
		if err != nil {
			return err
		}
		if there && j.Version == rows[i].version {
			found[i], stays[i] = j, true
			return nil
		}
		stays[i] = !(there && j.Version > rows[i].version) && now.Sub(rows[i].at) < dueForgotten
		if !stays[i] {
			s.removeDue(ctx, jobs.Job{Ref: rows[i].ref, Due: rows[i].at, Version: rows[i].version})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	// Before the first row that stays there is nothing any more.
	next := now.Add(-dueLate).UnixMilli()
	if i := slices.Index(stays, true); i >= 0 {
		next = min(next, rows[i].at.UnixMilli())
	} else if len(rows) == limit {
		next = min(next, rows[len(rows)-1].at.UnixMilli())
	}
	b.mu.Lock()
	if b.from == nil || len(b.from) > MostEntries {
		b.from = map[jobPart]int64{}
	}
	b.from[p] = max(b.from[p], next)
	b.mu.Unlock()
	if len(rows) == 0 && now.UnixMilli() > p.end()+dueForgotten.Milliseconds() {
		if err := s.closePeriod(ctx, p); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(found, func(j jobs.Job) bool { return j.Version == 0 }), nil
}

// readDue reads up to limit rows of a partition, in order.
func (s *Store) readDue(ctx context.Context, p jobPart, m millis, limit int) ([]due, error) {
	return inSpan(ctx, m, limit, func(ctx context.Context, m millis, limit int) (all []due, err error) {
		d := due{ref: jobs.Ref{Tenant: p.tenant}}
		err = s.db.rows(ctx, min(limit, pageRows), func() { all = append(all, d) }, selectDue,
			[]any{string(p.tenant), p.period, time.UnixMilli(m.from), time.UnixMilli(m.to), limit}, &d.at, &d.ref.Kind, &d.ref.Key, &d.version)
		return all, err
	})
}

// closePeriod ends the reading of a partition in which nothing is left.
func (s *Store) closePeriod(ctx context.Context, p jobPart) error {
	rows, err := s.readDue(ctx, p, millis{p.period, p.end()}, 1)
	if err != nil {
		return err
	}
	b := &s.jobs
	if len(rows) > 0 { // it came later than any row should
		b.mu.Lock()
		delete(b.from, p)
		b.mu.Unlock()
		return nil
	}
	if err := s.db.exec(ctx, deletePeriod, p.period, string(p.tenant)); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.from, p)
	delete(b.noted, p)
	return nil
}

// CountJobs implements jobs.Store.
func (s *Store) CountJobs(ctx context.Context, t chat.Tenant, most int) (n int, err error) {
	ctx, end, err := s.beginLong(ctx)
	if err != nil {
		return 0, err
	}
	defer end()
	parts, err := s.openPeriods(ctx, periodsFor)
	if err != nil {
		return 0, err
	}
	b := &s.jobs
	b.mu.Lock()
	parts = slices.Clone(parts)
	for p := range b.noted {
		parts = append(parts, p)
	}
	b.mu.Unlock()
	parts = slices.DeleteFunc(parts, func(p jobPart) bool { return p.tenant != t })
	slices.SortFunc(parts, func(a, b jobPart) int { return cmp.Compare(a.period, b.period) })
	for _, p := range slices.Compact(parts) {
		if n >= most {
			break
		}
		b.mu.Lock()
		from := max(b.from[p], p.period)
		b.mu.Unlock()
		rows, err := s.readDue(ctx, p, millis{from, p.end()}, most-n)
		if err != nil {
			return n, err
		}
		n += len(rows)
	}
	return n, nil
}
