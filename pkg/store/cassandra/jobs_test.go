package cassandra

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/jobs"
)

// stored stores a job that was due at a time of the past.
func stored(t *testing.T, s *Store, of chat.Tenant, key string, at time.Time) jobs.Job {
	j := jobs.Job{Ref: jobs.Ref{Tenant: of, Kind: "test", Key: key}, Version: 1, Due: at.UTC().Truncate(time.Millisecond)}
	require.NoError(t, s.addDue(t.Context(), j))
	added, err := s.db.apply(t.Context(), addJob, append(jobKey(j.Ref), jobValues(j, [16]byte{})...)...)
	require.NoError(t, err)
	require.True(t, added)
	return j
}

func keysOf(all []jobs.Job) (keys []string) {
	for _, j := range all {
		keys = append(keys, j.Key)
	}
	return keys
}

// Jobs that have ended leave deleted rows before and after those that wait. They are passed once.
func TestJobsAmongMoreThatHaveEnded(t *testing.T) {
	t.Parallel()
	s, ctx, of := own(t), t.Context(), tenant()
	p := partOf(jobs.Job{Ref: jobs.Ref{Tenant: of}, Due: s.JobTime().Add(-3 * jobPeriod)})
	first := stored(t, s, of, "first", time.UnixMilli(p.period))
	bury(t, s, func(i int) write {
		at := time.UnixMilli(p.period + 1 + int64(i/24))
		return write{deleteDue, []any{s.finalTime(), string(of), p.period, at, "test", fmt.Sprint(i), int64(1)}}
	})
	last := stored(t, s, of, "last", time.UnixMilli(p.end()-1))

	var reads, refused atomic.Int32
	s.db.around.set(func(statement string, run func() error) error {
		err := run()
		if statement == selectDue {
			reads.Add(1)
			if tooManyTombstones(err) {
				refused.Add(1)
			}
		}
		return err
	})
	due := func() (keys []string, n int32) {
		t.Helper()
		reads.Store(0)
		refused.Store(0)
		all, err := s.DueJobs(ctx, 10)
		require.NoError(t, err)
		return keysOf(all[of]), reads.Load()
	}
	keys, _ := due()
	require.Equal(t, []string{"first", "last"}, keys)
	require.Positive(t, refused.Load(), "the rows would be too many for one read")
	n, err := s.CountJobs(ctx, of, 10)
	require.NoError(t, err)
	require.Equal(t, 2, n)

	removed, err := s.RemoveJob(ctx, first)
	require.NoError(t, err)
	require.True(t, removed)
	for range 2 {
		keys, _ = due()
		require.Equal(t, []string{"last"}, keys)
	}
	require.Zero(t, refused.Load(), "what is before the first job that waits is not read any more")
	removed, err = s.RemoveJob(ctx, last)
	require.NoError(t, err)
	require.True(t, removed)
	keys, _ = due() // the last one of this period, which is over
	require.Empty(t, keys)
	reads.Store(0)
	parts, err := s.openPeriods(ctx, 0)
	require.NoError(t, err)
	require.False(t, slices.Contains(parts, p), "the period is closed")
}

// A server dies before one of the statements of a change. Whatever is left, the job is found, once, and what means
// nothing is removed.
func TestACrashInAChangeOfAJobLosesNothing(t *testing.T) {
	t.Parallel()
	s, ctx := own(t), t.Context()
	for name, change := range map[string]func(s *Store, j jobs.Job) error{
		"add": func(s *Store, j jobs.Job) error {
			_, _, err := s.AddJob(ctx, jobs.Job{Ref: jobs.Ref{Tenant: j.Tenant, Kind: "test", Key: "new"}})
			return err
		},
		"change": func(s *Store, j jobs.Job) error { _, _, err := s.ChangeJob(ctx, j, j); return err },
		"remove": func(s *Store, j jobs.Job) error { _, err := s.RemoveJob(ctx, j); return err },
	} {
		t.Run(name, func(t *testing.T) {
			for what, at := range map[string]string{"period": insertPeriod, "due": insertDue, "add": addJob, "change": changeJob, "remove": removeJob, "clear": deleteDue} {
				of := tenant()
				j, _, err := s.AddJob(ctx, jobs.Job{Ref: jobs.Ref{Tenant: of, Kind: "test", Key: "a"}})
				require.NoError(t, err)
				broken := own(t)
				broken.db.around.set(crashing(at))
				_ = change(broken, j)

				var there []string
				for _, key := range []string{"a", "new"} {
					_, err := s.Job(ctx, jobs.Ref{Tenant: of, Kind: "test", Key: key})
					if err == nil {
						there = append(there, key)
					}
				}
				var due map[chat.Tenant][]jobs.Job
				require.Eventually(t, func() bool {
					due, err = s.DueJobs(ctx, 10)
					return err == nil && len(due[of]) == len(there)
				}, 10*time.Second, 10*time.Millisecond, "at %s: %v, not %v", what, keysOf(due[of]), there)
				require.ElementsMatch(t, there, keysOf(due[of]))
				if name != "remove" {
					require.Contains(t, there, "a")
				}
				if name == "change" {
					n, err := s.CountJobs(ctx, of, 10)
					require.NoError(t, err)
					require.LessOrEqual(t, n, 2)
				}
			}
		})
	}
}
