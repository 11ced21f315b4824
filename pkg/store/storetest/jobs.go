package storetest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/jobs"
)

func (e *env) newJob(key string) jobs.Job {
	at := e.s.JobTime()
	return jobs.Job{Ref: jobs.Ref{Tenant: e.tenant, Kind: "test", Key: key}, AddedAt: at, Due: at, Payload: []byte{0, 1, 0xff}}
}

func (e *env) addJob(j jobs.Job) jobs.Job {
	e.Helper()
	now, added, err := e.s.AddJob(e.ctx, j)
	require.NoError(e, err)
	require.True(e, added)
	require.Positive(e, now.Version)
	return now
}

func (e *env) changeJob(was, next jobs.Job) jobs.Job {
	e.Helper()
	now, changed, err := e.s.ChangeJob(e.ctx, was, next)
	require.NoError(e, err)
	require.True(e, changed)
	require.Greater(e, now.Version, was.Version)
	return now
}

// isJob requires that a job is stored so.
func (e *env) isJob(want jobs.Job) {
	e.Helper()
	now, err := e.s.Job(e.ctx, want.Ref)
	require.NoError(e, err)
	require.Equal(e, want, now)
}

// due returns the keys of this tenant's jobs that are due.
func (e *env) due(each int) (keys []string) {
	e.Helper()
	all, err := e.s.DueJobs(e.ctx, each)
	require.NoError(e, err)
	for _, j := range all[e.tenant] {
		e.isJob(j)
		keys = append(keys, j.Key)
	}
	require.LessOrEqual(e, len(keys), each)
	return keys
}

func (e *env) count(most int) int {
	e.Helper()
	n, err := e.s.CountJobs(e.ctx, e.tenant, most)
	require.NoError(e, err)
	return n
}

var jobTests = map[string]func(*env){
	"kept until it ends": func(e *env) {
		j := e.newJob("a")
		for name, text := range texts {
			j.Key, j.Kind = "key "+text, name
			added := e.addJob(j)
			j.Version, j.Due = added.Version, added.Due
			require.Equal(e, j, added)
			e.isJob(j)
			next := j
			next.State, next.Owner, next.Failure = jobs.Running, "owner", text
			next.Cursor, next.Done, next.Total, next.Attempts = []byte(text+"\x00\xfe"), 1<<40, 1<<41, 3
			next.Due, next.Payload = e.s.JobTime().Add(time.Hour), []byte("other")
			now := e.changeJob(j, next)
			next.Version = now.Version
			require.Equal(e, next, now)
			e.isJob(next)
			for range 2 {
				removed, err := e.s.RemoveJob(e.ctx, now)
				require.NoError(e, err)
				require.True(e, removed)
				_, err = e.s.Job(e.ctx, j.Ref)
				e.isKind(err, chat.NotFound)
			}
		}
		require.Empty(e, e.due(100))
		require.Zero(e, e.count(100))
	},
	"one of each key": func(e *env) {
		var first jobs.Job
		winner := e.once(racers, func(i int) (bool, error) {
			j := e.newJob("a")
			j.Payload = []byte{byte(i)}
			now, added, err := e.s.AddJob(e.ctx, j)
			if added {
				first = now
			}
			return added, err
		})
		require.Equal(e, []byte{byte(winner)}, first.Payload)
		now, added, err := e.s.AddJob(e.ctx, e.newJob("a"))
		require.NoError(e, err)
		require.False(e, added)
		require.Equal(e, first, now)
		require.Equal(e, []string{"a"}, e.due(10))
		other := e.newJob("a")
		other.Kind = "other"
		e.addJob(other)
		require.Len(e, e.due(10), 2)
		elsewhere := e.newJob("a")
		elsewhere.Tenant = newTenant()
		e.addJob(elsewhere)
		require.Len(e, e.due(10), 2)
	},
	"one owner at a time": func(e *env) {
		j := e.addJob(e.newJob("a"))
		changed := make([]jobs.Job, racers)
		winner := e.once(racers, func(i int) (bool, error) {
			next := j
			next.State, next.Owner, next.Due = jobs.Running, fmt.Sprint(i), e.s.JobTime().Add(time.Hour)
			now, ok, err := e.s.ChangeJob(e.ctx, j, next)
			changed[i] = now
			return ok, err
		})
		mine := changed[winner]
		e.isJob(mine)
		require.Empty(e, e.due(10), "it is due when its lease is over")
	},
	"who has an earlier version writes nothing": func(e *env) {
		old := e.addJob(e.newJob("a"))
		now := e.changeJob(old, old)
		stale := old
		stale.Cursor = []byte("stale")
		saved, err := e.s.SaveJob(e.ctx, stale)
		require.NoError(e, err)
		require.False(e, saved)
		_, changed, err := e.s.ChangeJob(e.ctx, old, stale)
		require.NoError(e, err)
		require.False(e, changed)
		removed, err := e.s.RemoveJob(e.ctx, old)
		require.NoError(e, err)
		require.False(e, removed)
		e.isJob(now)

		removed, err = e.s.RemoveJob(e.ctx, now)
		require.NoError(e, err)
		require.True(e, removed)
		for _, of := range []jobs.Job{old, now} {
			saved, err := e.s.SaveJob(e.ctx, of)
			require.NoError(e, err)
			require.False(e, saved, "one that has ended")
			_, changed, err := e.s.ChangeJob(e.ctx, of, of)
			require.NoError(e, err)
			require.False(e, changed)
		}
		newer := e.addJob(e.newJob("a"))
		require.Greater(e, newer.Version, now.Version, "also after it has ended")
		for _, of := range []jobs.Job{old, now} {
			removed, err := e.s.RemoveJob(e.ctx, of)
			require.NoError(e, err)
			require.False(e, removed)
		}
		e.isJob(newer)
	},
	"progress": func(e *env) {
		j := e.newJob("a")
		j.Attempts = 5
		j = e.addJob(j)
		for i := range 3 {
			j.Cursor, j.Done, j.Total, j.Attempts = []byte{byte(i)}, int64(i), 3, 0
			for range 2 {
				saved, err := e.s.SaveJob(e.ctx, j)
				require.NoError(e, err)
				require.True(e, saved)
				e.isJob(j)
			}
		}
		require.Equal(e, []string{"a"}, e.due(10))
	},
	"due in order": func(e *env) {
		at := e.s.JobTime()
		var want []string
		for i := range 5 {
			j := e.newJob(fmt.Sprint(i))
			j.Due = at.Add(time.Duration(i) * time.Millisecond)
			e.addJob(j)
			want = append(want, j.Key)
		}
		later := e.newJob("later")
		later.Due = at.Add(time.Hour)
		later = e.addJob(later)
		require.Eventually(e, func() bool { return len(e.due(10)) == 5 }, 10*time.Second, time.Millisecond)
		require.ElementsMatch(e, want, e.due(10))
		require.Equal(e, e.due(10)[:2], e.due(2))
		require.Equal(e, 6, e.count(10))
		require.Equal(e, 4, e.count(4))

		now := later
		now.Due = e.s.JobTime()
		now = e.changeJob(later, now)
		require.Equal(e, "later", e.due(10)[5])
		dead := now
		dead.State = jobs.Dead
		dead = e.changeJob(now, dead)
		require.NotContains(e, e.due(10), "later")
		require.Equal(e, 5, e.count(10))
		e.isJob(dead)
		revived := dead
		revived.State = jobs.Waiting
		e.changeJob(dead, revived)
		require.Contains(e, e.due(10), "later")
		past := e.newJob("past")
		past.Due = at.Add(-time.Hour)
		require.False(e, e.addJob(past).Due.Before(at), "it is due now")
		require.Contains(e, e.due(10), "past")
	},
	"all of them": func(e *env) {
		want := map[string]jobs.Job{}
		for i := range 20 {
			j := e.newJob(fmt.Sprint(i))
			j.Due = j.Due.Add(time.Duration(i) * time.Hour)
			if i%2 == 0 {
				j.State = jobs.Dead
			}
			want[j.Key] = e.addJob(j)
		}
		got := map[string]jobs.Job{}
		require.NoError(e, e.s.EachJob(e.ctx, func(j jobs.Job) error {
			if j.Tenant == e.tenant {
				got[j.Key] = j
			}
			return nil
		}))
		require.Equal(e, want, got)
		require.Equal(e, 10, e.count(100), "dead ones do not count")
	},
	"tenants apart": func(e *env) {
		for range 30 {
			e.addJob(e.newJob(fmt.Sprintf("%x", newHash())))
		}
		other := e.newJob("b")
		other.Tenant = newTenant()
		e.addJob(other)
		all, err := e.s.DueJobs(e.ctx, 3)
		require.NoError(e, err)
		require.Len(e, all[e.tenant], 3)
		require.Len(e, all[other.Tenant], 1)
	},
}
