package cassandra

import (
	"context"
	"time"

	"github.com/gocql/gocql"

	"github.com/confab-chat/confab/pkg/jobs"
)

const (
	jobColumns = `version, state, due, owner, added_at, payload, cursor, done, total, attempts, failure`
	addJob     = `INSERT INTO jobs (tenant, kind, key, version, claim, state, due, owner, added_at, payload, cursor, done, total, attempts, failure)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS`
	changeJob = `UPDATE jobs SET version = ?, claim = ?, state = ?, due = ?, owner = ?, added_at = ?, payload = ?, cursor = ?, done = ?, total = ?,
attempts = ?, failure = ? WHERE tenant = ? AND kind = ? AND key = ? IF version = ?`
	saveJob     = `UPDATE jobs SET cursor = ?, done = ?, total = ?, attempts = ? WHERE tenant = ? AND kind = ? AND key = ? IF version = ?`
	removeJob   = `DELETE FROM jobs WHERE tenant = ? AND kind = ? AND key = ? IF version = ?`
	selectJob   = `SELECT ` + jobColumns + ` FROM jobs WHERE tenant = ? AND kind = ? AND key = ?`
	selectClaim = `SELECT version, claim FROM jobs WHERE tenant = ? AND kind = ? AND key = ?`
	allJobs     = `SELECT tenant, kind, key, ` + jobColumns + ` FROM jobs`
)

// A job is its row in jobs, which only transactions write. jobs_due says when to look at it (jobsdue.go). A change
//
//  1. writes the new row of jobs_due. Without this first, a crash after step 2 would leave a job that nobody finds;
//  2. decides the change by a transaction;
//  3. removes the old row of jobs_due, or the new one if the change was refused.
//
// A row of jobs_due that a crash leaves behind has not the version of its job, and readers remove it.

// JobTime implements jobs.Store.
func (s *Store) JobTime() time.Time { return s.present().UTC().Truncate(time.Millisecond) }

func jobKey(r jobs.Ref) []any { return []any{string(r.Tenant), r.Kind, r.Key} }

// jobValues are the columns of a job that a change replaces, with the version.
func jobValues(j jobs.Job, claim gocql.UUID) []any {
	return []any{j.Version, claim, int(j.State), j.Due, j.Owner, j.AddedAt, blob(j.Payload), blob(j.Cursor), j.Done, j.Total, j.Attempts, j.Failure}
}

// blob binds b; nothing as an empty value, because null would write a tombstone.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func jobDest(j *jobs.Job) []any {
	return []any{&j.Version, (*int)(&j.State), &j.Due, &j.Owner, &j.AddedAt, &j.Payload, &j.Cursor, &j.Done, &j.Total, &j.Attempts, &j.Failure}
}

// read completes a job that the driver has read.
func readJob(j jobs.Job) jobs.Job {
	if len(j.Payload) == 0 {
		j.Payload = nil
	}
	if len(j.Cursor) == 0 {
		j.Cursor = nil
	}
	return j
}

// dated makes the times of a job those that are stored. One that is due already is due now: readers do not look further
// back.
func (s *Store) dated(j jobs.Job) jobs.Job {
	j.AddedAt, j.Due = j.AddedAt.UTC().Truncate(time.Millisecond), j.Due.UTC().Truncate(time.Millisecond)
	if now := s.JobTime(); j.Due.Before(now) {
		j.Due = now
	}
	return j
}

// AddJob implements jobs.Store.
func (s *Store) AddJob(ctx context.Context, j jobs.Job) (jobs.Job, bool, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return j, false, err
	}
	defer end()
	for {
		j = s.dated(j)
		j.Version = micros(s.present())
		if err := s.addDue(ctx, j); err != nil {
			return j, false, err
		}
		claim := gocql.MustRandomUUID()
		added, err := s.db.decide(ctx, s.decidedJob(j, claim, 0), addJob, append(jobKey(j.Ref), jobValues(j, claim)...)...)
		if err != nil || added {
			return j, added, err
		}
		s.removeDue(ctx, j)
		now, found, err := s.job(ctx, s.db.decided, j.Ref)
		if err != nil || found {
			return now, false, err
		}
	}
}

// decidedJob verifies the outcome of a change to j, of a job that had the version was; 0 if there was none.
func (s *Store) decidedJob(j jobs.Job, claim gocql.UUID, was int64) func(ctx context.Context) (outcome, error) {
	return func(ctx context.Context) (outcome, error) {
		var version int64
		var by gocql.UUID
		_, err := s.db.decided(ctx, selectClaim, jobKey(j.Ref), &version, &by)
		switch {
		case err != nil || version == was:
			return undecided, err
		case by == claim:
			return applied, nil
		default:
			return rejected, nil
		}
	}
}

// Job implements jobs.Store.
func (s *Store) Job(ctx context.Context, r jobs.Ref) (jobs.Job, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return jobs.Job{}, err
	}
	defer end()
	j, found, err := s.job(ctx, s.db.decided, r)
	if err == nil && !found {
		err = jobs.ErrNotFound(r)
	}
	return j, err
}

func (s *Store) job(ctx context.Context, read rowReader, r jobs.Ref) (jobs.Job, bool, error) {
	j := jobs.Job{Ref: r}
	found, err := read(ctx, selectJob, jobKey(r), jobDest(&j)...)
	return readJob(j), found, err
}

// ChangeJob implements jobs.Store.
func (s *Store) ChangeJob(ctx context.Context, was, next jobs.Job) (jobs.Job, bool, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return next, false, err
	}
	defer end()
	next = s.dated(next)
	next.Version = was.Version + 1
	if err := s.addDue(ctx, next); err != nil {
		return next, false, err
	}
	claim := gocql.MustRandomUUID()
	args := append(append(jobValues(next, claim), jobKey(next.Ref)...), was.Version)
	changed, err := s.db.decide(ctx, s.decidedJob(next, claim, was.Version), changeJob, args...)
	switch {
	case err != nil:
		return next, false, err
	case changed:
		s.removeDue(ctx, was)
	default:
		s.removeDue(ctx, next)
	}
	return next, changed, nil
}

// SaveJob implements jobs.Store.
func (s *Store) SaveJob(ctx context.Context, j jobs.Job) (bool, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return false, err
	}
	defer end()
	return s.db.apply(ctx, saveJob, append(append([]any{blob(j.Cursor), j.Done, j.Total, j.Attempts}, jobKey(j.Ref)...), j.Version)...)
}

// RemoveJob implements jobs.Store.
func (s *Store) RemoveJob(ctx context.Context, j jobs.Job) (bool, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return false, err
	}
	defer end()
	gone := func(ctx context.Context) (outcome, error) {
		now, found, err := s.job(ctx, s.db.decided, j.Ref)
		switch {
		case err != nil || found && now.Version == j.Version:
			return undecided, err
		case !found:
			return applied, nil
		default:
			return rejected, nil
		}
	}
	removed, err := s.db.decide(ctx, gone, removeJob, append(jobKey(j.Ref), j.Version)...)
	if err != nil {
		return false, err
	}
	if !removed {
		o, err := gone(ctx)
		return o == applied, err
	}
	s.removeDue(ctx, j)
	return true, nil
}

// EachJob implements jobs.Store.
func (s *Store) EachJob(ctx context.Context, visit func(jobs.Job) error) error {
	var j jobs.Job
	return everyRow(ctx, s, allJobs, func() jobs.Job { return readJob(j) }, visit, func() []any {
		j = jobs.Job{}
		return append([]any{(*string)(&j.Tenant), &j.Kind, &j.Key}, jobDest(&j)...)
	})
}
