package embedded

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/clocktest"
	"github.com/confab-chat/confab/pkg/jobs"
)

// Jobs that have ended leave removed rows. Reads pass them once, also after a restart.
func TestJobsAmongMoreThatHaveEnded(t *testing.T) {
	const ended = 120_000
	clock := clocktest.New(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	dir, ctx := t.TempDir(), context.Background()
	open := func() *Store {
		s, err := Open(dir, Options{Now: clock.Now})
		require.NoError(t, err)
		return s
	}
	s := open()
	b := s.db.NewBatch()
	for i := range ended {
		j := jobs.Job{Ref: jobs.Ref{Tenant: "t", Kind: "k", Key: fmt.Sprint(i)}, Version: 1, Due: clock.Now().Add(time.Duration(i) * time.Millisecond)}
		set(b, jobDueKey(j), nil)
		set(b, jobKey(j.Ref), encodeJob(j))
	}
	require.NoError(t, b.Commit(pebble.NoSync))
	b = s.db.NewBatch()
	for i := range ended {
		j := jobs.Job{Ref: jobs.Ref{Tenant: "t", Kind: "k", Key: fmt.Sprint(i)}, Due: clock.Now().Add(time.Duration(i) * time.Millisecond)}
		remove(b, jobDueKey(j))
		remove(b, jobKey(j.Ref))
	}
	require.NoError(t, b.Commit(pebble.NoSync))
	clock.Add(time.Hour)
	last, added, err := s.AddJob(ctx, jobs.Job{Ref: jobs.Ref{Tenant: "t", Kind: "k", Key: "last"}})
	require.NoError(t, err)
	require.True(t, added)
	for range 2 {
		for range 2 {
			due, err := s.DueJobs(ctx, 10)
			require.NoError(t, err)
			require.Equal(t, []jobs.Job{last}, due["t"])
			require.False(t, s.jobBook.tenants["t"].at.Before(clock.Now().Add(-jobLate)), "what is before is not read any more")
			n, err := s.CountJobs(ctx, "t", 10)
			require.NoError(t, err)
			require.Equal(t, 1, n)
		}
		require.NoError(t, s.Close())
		s = open()
	}
	removed, err := s.RemoveJob(ctx, last)
	require.NoError(t, err)
	require.True(t, removed)
	clock.Add(time.Hour)
	due, err := s.DueJobs(ctx, 10)
	require.NoError(t, err)
	require.Empty(t, due)
	require.Empty(t, s.jobBook.tenants, "a tenant without jobs costs nothing")
	require.NoError(t, s.Close())
}
