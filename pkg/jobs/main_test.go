package jobs

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/confab-chat/confab/pkg/chat"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a Store in memory: that of the model, not of a server.
type memory struct {
	mu   sync.Mutex
	jobs map[Ref]Job
}

func (m *memory) JobTime() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

func (m *memory) AddJob(_ context.Context, j Job) (Job, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now, ok := m.jobs[j.Ref]; ok {
		return now, false, nil
	}
	j.Version = time.Now().UnixMicro()
	m.jobs[j.Ref] = j
	return j, true, nil
}

func (m *memory) Job(_ context.Context, r Ref) (Job, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if j, ok := m.jobs[r]; ok {
		return j, nil
	}
	return Job{}, ErrNotFound(r)
}

func (m *memory) ChangeJob(_ context.Context, was, next Job) (Job, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now, ok := m.jobs[was.Ref]; !ok || now.Version != was.Version {
		return now, false, nil
	}
	next.Version = was.Version + 1
	m.jobs[was.Ref] = next
	return next, true, nil
}

func (m *memory) SaveJob(_ context.Context, j Job) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now, ok := m.jobs[j.Ref]
	if !ok || now.Version != j.Version {
		return false, nil
	}
	now.Cursor, now.Done, now.Total, now.Attempts = j.Cursor, j.Done, j.Total, j.Attempts
	m.jobs[j.Ref] = now
	return true, nil
}

func (m *memory) RemoveJob(_ context.Context, j Job) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now, ok := m.jobs[j.Ref]; ok && now.Version != j.Version {
		return false, nil
	}
	delete(m.jobs, j.Ref)
	return true, nil
}

func (m *memory) DueJobs(_ context.Context, each int) (map[chat.Tenant][]Job, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	due := map[chat.Tenant][]Job{}
	for _, j := range m.jobs {
		if j.State != Dead && !j.Due.After(m.JobTime()) {
			due[j.Tenant] = append(due[j.Tenant], j)
		}
	}
	for t, all := range due {
		slices.SortFunc(all, func(a, b Job) int { return cmp.Or(a.Due.Compare(b.Due), strings.Compare(a.Key, b.Key)) })
		due[t] = all[:min(each, len(all))]
	}
	return due, nil
}

func (m *memory) CountJobs(_ context.Context, t chat.Tenant, most int) (n int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, j := range m.jobs {
		if j.Tenant == t && j.State != Dead {
			n++
		}
	}
	return min(n, most), nil
}

func (m *memory) EachJob(_ context.Context, visit func(Job) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, j := range m.jobs {
		if err := visit(j); err != nil {
			return err
		}
	}
	return nil
}

// link is what a server has of the store: nothing while it is down.
type link struct {
	Store
	down atomic.Bool
}

var errDown = chat.ErrUnavailable(errors.New("the link is down"))

func (l *link) ChangeJob(ctx context.Context, was, next Job) (Job, bool, error) {
	if l.down.Load() {
		return Job{}, false, errDown
	}
	return l.Store.ChangeJob(ctx, was, next)
}

func (l *link) SaveJob(ctx context.Context, j Job) (bool, error) {
	if l.down.Load() {
		return false, errDown
	}
	return l.Store.SaveJob(ctx, j)
}

func (l *link) RemoveJob(ctx context.Context, j Job) (bool, error) {
	if l.down.Load() {
		return false, errDown
	}
	return l.Store.RemoveJob(ctx, j)
}

func (l *link) Job(ctx context.Context, r Ref) (Job, error) {
	if l.down.Load() {
		return Job{}, errDown
	}
	return l.Store.Job(ctx, r)
}

func (l *link) DueJobs(ctx context.Context, each int) (map[chat.Tenant][]Job, error) {
	if l.down.Load() {
		return nil, errDown
	}
	return l.Store.DueJobs(ctx, each)
}

// world is a store and the queues of servers on it, in a bubble of synctest.
type world struct {
	*testing.T
	store *memory
}

func inWorld(t *testing.T, test func(w *world)) {
	synctest.Test(t, func(t *testing.T) { test(&world{t, &memory{jobs: map[Ref]Job{}}}) })
}

// server starts a queue with one handler, for jobs of the kind "work".
func (w *world) server(h Handler) (*Queue, *link) {
	l := &link{Store: w.store}
	q := New(l, slog.New(slog.NewTextHandler(io.Discard, nil)))
	q.Register("work", h)
	q.Start()
	w.Cleanup(q.Close)
	return q, l
}

func work(key string) NewJob { return NewJob{Ref: Ref{Tenant: "t", Kind: "work", Key: key}} }

func (w *world) add(q *Queue, n NewJob) Job {
	w.Helper()
	j, err := q.Add(w.Context(), n)
	require.NoError(w, err)
	return j
}

func (w *world) job(key string) (Job, bool) {
	j, err := w.store.Job(w.Context(), work(key).Ref)
	return j, err == nil
}

func (w *world) ended(key string) {
	w.Helper()
	_, there := w.job(key)
	require.False(w, there, "the job has ended")
}
