package jobs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
)

const (
	// workers is how many jobs a server runs concurrently, ofOne how many of them may be of one tenant.
	workers = 8
	ofOne   = workers / 2
	// maxWaiting is about how many jobs a tenant may have.
	maxWaiting = 50_000
	// countFor is how long a server uses its count of a tenant's jobs. It adds its own jobs meanwhile.
	countFor = 10 * time.Second
	// pollEvery is the greatest interval at which a server looks for jobs that others added or own no longer.
	pollEvery = 10 * time.Second
	// pollEach is how many jobs of a tenant are read at a time.
	pollEach = 100
	// mostKnown bounds the jobs of a tenant, and the times of later jobs, that a server knows without reading. All others
	// are found by polls.
	mostKnown = 1000
)

// Handler does a job, or goes on with it: r has the cursor that was saved last. It returns nil when the job is done, and
// the error of After to go on later. It returns soon when ctx ends.
type Handler func(ctx context.Context, r *Run) error

// Queue adds and runs the jobs of one server. It may be used concurrently.
type Queue struct {
	store Store
	log   *slog.Logger
	name  string // of this queue, as the Owner of jobs; no other has it

	stop    context.CancelFunc
	ctx     context.Context // ends with Close
	stopped sync.WaitGroup
	wake    chan struct{} // has a value when dispatch has something to do

	announce func(Ref) // see OnBegin; may be nil

	registering sync.RWMutex // kinds and classes until Start; may be locked while mu is

	mu      sync.Mutex
	kinds   map[string]kind
	classes []*class // the first one is that of Register
	running map[Ref]bool
	counts  map[chat.Tenant]count
	pollNow bool
	begun   []Ref // by other servers
}

// kind is a kind of jobs that this server runs.
type kind struct {
	handle Handler
	class  *class
}

// count is about how many jobs a tenant has.
type count struct {
	n  int
	at time.Time
}

// New returns a queue that does not run yet: see Start.
func New(store Store, log *slog.Logger) *Queue {
	if log == nil {
		log = slog.Default()
	}
	ctx, stop := context.WithCancel(context.Background())
	return &Queue{store: store, log: log, name: rand.Text(), ctx: ctx, stop: stop, wake: make(chan struct{}, 1),
		kinds: map[string]kind{}, classes: []*class{newClass(Class{Workers: workers, OfOne: ofOne, Waiting: maxWaiting})}, running: map[Ref]bool{}, counts: map[chat.Tenant]count{}}
}

// Register sets the handler of a kind of jobs. All handlers are registered before Start. A server leaves jobs of kinds
// that it does not know to others.
func (q *Queue) Register(name string, h Handler) {
	q.registering.Lock() // jobs may be added already
	defer q.registering.Unlock()
	q.kinds[name] = kind{h, q.classes[0]}
}

// RegisterClass is Register for a kind that has a class of its own.
func (q *Queue) RegisterClass(name string, c Class, h Handler) {
	q.registering.Lock()
	defer q.registering.Unlock()
	k := kind{h, newClass(c)}
	q.kinds[name] = k
	q.classes = append(q.classes, k.class)
}

// classOf returns the class of a kind.
func (q *Queue) classOf(name string) *class {
	q.registering.RLock()
	defer q.registering.RUnlock()
	if k, ok := q.kinds[name]; ok {
		return k.class
	}
	return q.classes[0]
}

// Start runs jobs until Close.
func (q *Queue) Start() {
	q.stopped.Go(func() { guard.Keep(q.ctx, q.log, "running jobs", q.dispatch) })
}

// Close ends the handlers, waits for them and gives their jobs back, so that other servers go on with them.
func (q *Queue) Close() {
	q.stop()
	q.stopped.Wait()
}

// NewJob is a job to add.
type NewJob struct {
	Ref
	Payload []byte
	// Delay is how long nobody may run the job, unless Begin is called.
	Delay time.Duration
	// Replace makes this job replace one with the same Ref, which may be running: it begins anew with this Payload and
	// Delay. Otherwise the job with that Ref stays as it is and counts as this one; if it is dead, it runs once more.
	Replace bool
}

// ErrFull is the cause of Add's error for a tenant that has too many jobs.
var ErrFull = errors.New("jobs: too many jobs of one tenant wait")

// Add stores a job. When it returns, the job is durable. The result is the job that has this Ref now.
//
// RateLimited, with ErrFull as its cause, if the tenant has too many jobs; nothing is stored then.
func (q *Queue) Add(ctx context.Context, n NewJob) (Job, error) {
	if len(n.Payload) > MaxPayload {
		return Job{}, &chat.Error{Kind: chat.Internal, Message: "this work cannot be described", Cause: fmt.Errorf("jobs: a payload of %d bytes", len(n.Payload))}
	}
	if err := q.place(ctx, n.Tenant, q.classOf(n.Kind).Waiting); err != nil {
		return Job{}, err
	}
	at := q.store.JobTime()
	fresh := Job{Ref: n.Ref, Payload: n.Payload, AddedAt: at, Due: at.Add(n.Delay)}
	for {
		now, added, err := q.store.AddJob(ctx, fresh)
		if err != nil {
			return Job{}, err
		}
		if added {
			q.counted(n.Tenant)
		} else if n.Replace || now.State == Dead {
			next := fresh
			if !n.Replace {
				next = revived(now, at)
			}
			changed := false
			if now, changed, err = q.store.ChangeJob(ctx, now, next); err != nil {
				return Job{}, err
			}
			if !changed {
				continue // it has ended, or somebody has taken it
			}
		}
		if now.State == Waiting {
			q.expect(now)
		}
		return now, nil
	}
}

// Intend implements chat.Jobs: it adds a job, and begin is Begin.
func (q *Queue) Intend(ctx context.Context, w chat.Work) (begin func(), err error) {
	j, err := q.Add(ctx, NewJob{Ref: Ref{Tenant: w.Tenant, Kind: w.Kind, Key: w.Key}, Payload: w.Payload, Delay: w.Delay, Replace: w.Replace})
	return func() { q.Begin(j) }, err
}

// Begin lets a job that was added with a Delay run immediately on this server.
func (q *Queue) Begin(j Job) {
	if j.State != Waiting {
		return
	}
	j.begun = true
	q.mu.Lock()
	k := &q.classOf(j.Kind).known
	k.drop(j.Ref)
	k.add(j)
	q.mu.Unlock()
	q.nudge()
}

// Settle lets a job run that was added, with a Delay, before an act: immediately if the act was done (outcome is nil), never if
// it was not. If nobody knows (Unavailable), the job runs when the Delay is over, and finds out.
func (q *Queue) Settle(ctx context.Context, j Job, outcome error) error {
	switch {
	case outcome == nil:
		q.Begin(j)
	case !chat.IsKind(outcome, chat.Unavailable):
		return q.Cancel(ctx, j.Ref)
	}
	return nil
}

// expect makes this server run a job when it is due.
func (q *Queue) expect(j Job) {
	q.mu.Lock()
	q.classOf(j.Kind).known.later(j)
	q.mu.Unlock()
	q.nudge()
}

// Poll looks for jobs that are due. Tests and programs whose clock jumps call it; otherwise a queue finds them by itself.
func (q *Queue) Poll() {
	q.mu.Lock()
	q.pollNow = true
	q.mu.Unlock()
	q.nudge()
}

func (q *Queue) nudge() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// place returns an error if a tenant has as many jobs as it may have.
func (q *Queue) place(ctx context.Context, t chat.Tenant, most int) error {
	q.mu.Lock()
	c, ok := q.counts[t]
	q.mu.Unlock()
	if now := time.Now(); !ok || now.Sub(c.at) > countFor {
		n, err := q.store.CountJobs(ctx, t, most)
		if err != nil {
			return err
		}
		c = count{n, now}
		q.mu.Lock()
		for of, old := range q.counts {
			if now.Sub(old.at) > countFor {
				delete(q.counts, of)
			}
		}
		q.counts[t] = c
		q.mu.Unlock()
	}
	if c.n < most {
		return nil
	}
	return &chat.Error{Kind: chat.RateLimited, Message: "too much of this waits to be done already: try again later",
		Cause: errors.Join(ErrFull, chat.RetryAfter{Duration: countFor})}
}

func (q *Queue) counted(t chat.Tenant) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if c, ok := q.counts[t]; ok {
		c.n++
		q.counts[t] = c
	}
}
