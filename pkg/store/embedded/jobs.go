package embedded

import (
	"context"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/jobs"
)

func jobKey(r jobs.Ref) key { return table(tableJob).tenant(r.Tenant).text(r.Kind).last(r.Key) }

// jobDueKey is the row that says when to look at a job. Both rows are written in one step.
func jobDueKey(j jobs.Job) key {
	return table(tableJobDue).tenant(j.Tenant).time(j.Due).text(j.Kind).last(j.Key)
}

func encodeJob(j jobs.Job) []byte {
	return newRecord().number(1, int(j.Version)).number(2, int(j.State)).time(3, j.Due).text(4, j.Owner).time(5, j.AddedAt).
		text(6, string(j.Payload)).text(7, string(j.Cursor)).number(8, int(j.Done)).number(9, int(j.Total)).
		number(10, j.Attempts).text(11, j.Failure)
}

func decodeJob(r jobs.Ref, b []byte) (jobs.Job, error) {
	j := jobs.Job{Ref: r}
	err := decode(b, func(f *field) {
		switch f.number {
		case 1:
			j.Version = int64(f.number64())
		case 2:
			j.State = jobs.State(f.number64())
		case 3:
			j.Due = f.time()
		case 4:
			j.Owner = f.text()
		case 5:
			j.AddedAt = f.time()
		case 6:
			j.Payload = []byte(f.text())
		case 7:
			j.Cursor = []byte(f.text())
		case 8:
			j.Done = int64(f.number64())
		case 9:
			j.Total = int64(f.number64())
		case 10:
			j.Attempts = int(f.number64())
		case 11:
			j.Failure = f.text()
		}
	})
	return j, err
}

// jobLate is how long a write of a job may take. A row appears at most that long after its time.
const jobLate = time.Minute

// jobBook is where to look for jobs that are due: for each tenant with jobs, a time before which none is, at least
// jobLate ago. Without it a read would pass all removed rows that Pebble has not compacted yet.
type jobBook struct {
	mu      sync.Mutex
	tenants map[chat.Tenant]jobsFrom // nil: not read yet
}

type jobsFrom struct {
	at    time.Time
	noted time.Time // when a job was written last
}

// note is called before the row of a job is written.
func (b *jobBook) note(j jobs.Job, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tenants == nil {
		return
	}
	f, ok := b.tenants[j.Tenant]
	if !ok || j.Due.Before(f.at) {
		f.at = j.Due
	}
	f.noted = now
	b.tenants[j.Tenant] = f
}

// JobTime implements jobs.Store.
func (s *Store) JobTime() time.Time { return s.now().UTC().Truncate(time.Millisecond) }

func (s *Store) datedJob(j jobs.Job) jobs.Job {
	j.AddedAt, j.Due = j.AddedAt.UTC().Truncate(time.Millisecond), j.Due.UTC().Truncate(time.Millisecond)
	if now := s.JobTime(); j.Due.Before(now) {
		j.Due = now
	}
	return j
}

func (s *Store) job(r jobs.Ref) (jobs.Job, bool, error) {
	v, found, err := s.find(jobKey(r))
	if err != nil || !found {
		return jobs.Job{Ref: r}, false, err
	}
	j, err := decodeJob(r, v)
	return j, err == nil, s.corrupt(err)
}

// changeJob changes a job under its lock. change returns what the job becomes, and whether to write that; removed is a
// job without a Version.
func (s *Store) changeJob(ctx context.Context, r jobs.Ref, change func(now jobs.Job, found bool) (next jobs.Job, write bool)) error {
	k := jobKey(r)
	return s.change(ctx, &s.jobs, k, func(b *pebble.Batch) error {
		now, found, err := s.job(r)
		if err != nil {
			return err
		}
		next, write := change(now, found)
		if !write {
			return nil
		}
		if found && now.State != jobs.Dead {
			remove(b, jobDueKey(now))
		}
		if next.Version == 0 {
			remove(b, k)
			return nil
		}
		set(b, k, encodeJob(next))
		if next.State != jobs.Dead {
			s.jobBook.note(next, s.now())
			set(b, jobDueKey(next), nil)
		}
		return nil
	})
}

// AddJob implements jobs.Store.
func (s *Store) AddJob(ctx context.Context, j jobs.Job) (now jobs.Job, added bool, err error) {
	err = s.changeJob(ctx, j.Ref, func(old jobs.Job, found bool) (jobs.Job, bool) {
		if now, added = old, !found; added {
			now = s.datedJob(j)
			now.Version = s.now().UnixMicro()
		}
		return now, added
	})
	return now, added && err == nil, err
}

// Job implements jobs.Store.
func (s *Store) Job(ctx context.Context, r jobs.Ref) (jobs.Job, error) {
	if err := s.begin(ctx); err != nil {
		return jobs.Job{}, err
	}
	defer s.calls.Done()
	j, found, err := s.job(r)
	if err == nil && !found {
		err = jobs.ErrNotFound(r)
	}
	return j, err
}

// ChangeJob implements jobs.Store.
func (s *Store) ChangeJob(ctx context.Context, was, next jobs.Job) (now jobs.Job, changed bool, err error) {
	err = s.changeJob(ctx, was.Ref, func(old jobs.Job, found bool) (jobs.Job, bool) {
		changed = found && old.Version == was.Version
		now = s.datedJob(next)
		now.Version = was.Version + 1
		return now, changed
	})
	return now, changed && err == nil, err
}

// SaveJob implements jobs.Store.
func (s *Store) SaveJob(ctx context.Context, j jobs.Job) (saved bool, err error) {
	err = s.changeJob(ctx, j.Ref, func(old jobs.Job, found bool) (jobs.Job, bool) {
		saved = found && old.Version == j.Version
		old.Cursor, old.Done, old.Total, old.Attempts = j.Cursor, j.Done, j.Total, j.Attempts
		return old, saved
	})
	return saved && err == nil, err
}

// RemoveJob implements jobs.Store.
func (s *Store) RemoveJob(ctx context.Context, j jobs.Job) (removed bool, err error) {
	err = s.changeJob(ctx, j.Ref, func(old jobs.Job, found bool) (jobs.Job, bool) {
		removed = !found || old.Version == j.Version
		return jobs.Job{}, found && removed
	})
	return removed && err == nil, err
}

// DueJobs implements jobs.Store.
func (s *Store) DueJobs(ctx context.Context, each int) (map[chat.Tenant][]jobs.Job, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	tenants, err := s.jobTenants(ctx)
	if err != nil {
		return nil, err
	}
	due := map[chat.Tenant][]jobs.Job{}
	for t, from := range tenants {
		all, err := s.dueOf(ctx, t, from, each)
		if err != nil {
			return nil, err
		}
		if len(all) > 0 {
			due[t] = all
		}
	}
	return due, nil
}

// jobTenants returns a copy of the tenants that may have jobs. It reads them from the store once.
func (s *Store) jobTenants(ctx context.Context) (map[chat.Tenant]jobsFrom, error) {
	b := &s.jobBook
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tenants == nil {
		found := map[chat.Tenant]jobsFrom{}
		for from := table(tableJobDue); ; {
			var t *chat.Tenant
			err := s.scan(ctx, table(tableJobDue), from, func(last, _ []byte) (bool, error) {
				c := columns{rest: last}
				t = new(chat.Tenant(c.text()))
				return false, s.corrupt(c.err)
			})
			if err != nil {
				return nil, err
			}
			if t == nil {
				break
			}
			found[*t] = jobsFrom{}
			from = table(tableJobDue).tenant(*t).end()
		}
		b.tenants = found
	}
	tenants := make(map[chat.Tenant]jobsFrom, len(b.tenants))
	for t, f := range b.tenants {
		tenants[t] = f
	}
	return tenants, nil
}

// dueOf returns the first jobs of a tenant that are due. It keeps where the first row is.
func (s *Store) dueOf(ctx context.Context, t chat.Tenant, from jobsFrom, each int) (all []jobs.Job, err error) {
	now, first := s.JobTime(), time.Time{}
	err = s.eachDue(ctx, t, from, func(at time.Time, r jobs.Ref) (bool, error) {
		if first.IsZero() {
			first = at
		}
		if at.After(now) {
			return false, nil
		}
		j, found, err := s.job(r)
		if found && j.Due.Equal(at) { // it may have changed during the scan
			all = append(all, j)
		}
		return len(all) < each, err
	})
	if err != nil {
		return nil, err
	}
	b := &s.jobBook
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.tenants[t]
	if f.at = now.Add(-jobLate); !first.IsZero() && first.Before(f.at) {
		f.at = first
	}
	if b.tenants[t] = f; first.IsZero() && f.noted.Before(f.at) {
		delete(b.tenants, t)
	}
	return all, nil
}

// eachDue visits the rows of a tenant that say when to look at jobs, in order.
func (s *Store) eachDue(ctx context.Context, t chat.Tenant, from jobsFrom, visit func(at time.Time, r jobs.Ref) (more bool, err error)) error {
	prefix := table(tableJobDue).tenant(t)
	start := prefix
	if !from.at.IsZero() {
		start = table(tableJobDue).tenant(t).time(from.at)
	}
	return s.scan(ctx, prefix, start, func(last, _ []byte) (bool, error) {
		c := columns{rest: last}
		at := c.time()
		r := jobs.Ref{Tenant: t, Kind: c.text(), Key: string(c.rest)}
		if c.err != nil {
			return false, s.corrupt(c.err)
		}
		return visit(at, r)
	})
}

// CountJobs implements jobs.Store.
func (s *Store) CountJobs(ctx context.Context, t chat.Tenant, most int) (n int, err error) {
	if err := s.begin(ctx); err != nil {
		return 0, err
	}
	defer s.calls.Done()
	tenants, err := s.jobTenants(ctx)
	if err != nil {
		return 0, err
	}
	from, some := tenants[t]
	if !some {
		return 0, nil
	}
	err = s.eachDue(ctx, t, from, func(time.Time, jobs.Ref) (bool, error) { n++; return n < most, nil })
	return n, err
}

// EachJob implements jobs.Store.
func (s *Store) EachJob(ctx context.Context, visit func(jobs.Job) error) error {
	return s.each(ctx, tableJob, func(c *columns, v []byte) error {
		r := jobs.Ref{Tenant: chat.Tenant(c.text()), Kind: c.text()}
		if r.Key = string(c.rest); c.err != nil {
			return s.corrupt(c.err)
		}
		j, err := decodeJob(r, v)
		if err != nil {
			return s.corrupt(err)
		}
		return visit(j)
	})
}
