package jobs

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
)

// Class says how jobs of a kind run. Kinds that are registered with Register are in one class of their own, together.
type Class struct {
	// Workers is how many jobs of the class a server runs concurrently, OfOne how many of them may be of one tenant.
	Workers, OfOne int
	// Waiting is about how many jobs a tenant may have.
	Waiting int
	// Order, if set, orders the jobs of a tenant: those for which it returns the same text run one after another, in the
	// order of Due or, with ByAge, of AddedAt: a job that goes on later, or at another server, then comes before those that
	// were added after it. One server at a time, which holds the tenant, runs the jobs of that tenant; so OfOne bounds those of all
	// servers. A job that another server adds runs there when Begin has been announced (OnBegin), otherwise when its delay is
	// over. After a crash of the holder the jobs wait for leaseFor.
	Order func(Job) string
	ByAge bool
}

// class is a Class with its jobs.
type class struct {
	Class
	known   known
	running int
	of      map[chat.Tenant]int      // how many jobs of a tenant run
	busy    map[ordered]bool         // what runs, if the class has an Order
	held    map[chat.Tenant]*holding // the same
}

type ordered struct {
	tenant chat.Tenant
	order  string
}

// holding is what a server knows of who holds a tenant.
type holding struct {
	mine  bool
	until time.Time // another server holds the tenant until then; zero while this one asks
}

func newClass(c Class) *class {
	return &class{Class: c, known: newKnown(c), of: map[chat.Tenant]int{}, busy: map[ordered]bool{}, held: map[chat.Tenant]*holding{}}
}

// take removes a job that may run now from those that are known.
func (c *class) take(running map[Ref]bool) (Job, bool) {
	if c.running >= c.Workers {
		return Job{}, false
	}
	return c.known.take(func(t chat.Tenant, all []Job) int {
		if c.of[t] >= c.OfOne {
			return -1
		}
		if c.Order == nil {
			return 0
		}
		if h := c.held[t]; h == nil || !h.mine {
			return -1
		}
		return slices.IndexFunc(all, func(j Job) bool { return !running[j.Ref] && !c.busy[ordered{t, c.Order(j)}] })
	})
}

func (c *class) started(j Job) {
	c.running++
	c.of[j.Tenant]++
	if c.Order != nil {
		c.busy[ordered{j.Tenant, c.Order(j)}] = true
	}
}

func (c *class) ended(j Job) {
	c.running--
	if c.of[j.Tenant]--; c.of[j.Tenant] == 0 {
		delete(c.of, j.Tenant)
	}
	if c.Order != nil {
		delete(c.busy, ordered{j.Tenant, c.Order(j)})
	}
}

// The server that holds a tenant has a job of this kind and key, which runs as long as it holds it.
const (
	holderKind = "holder"
	holderKey  = "holder"
)

// hold makes sure that somebody holds the tenants of which jobs may run, and gives up the jobs of those that others hold:
// what was begun here is announced to the holder. It returns how long it is until the first of the others' leases is over.
func (q *Queue) hold(c *class) (wait time.Duration) {
	wait = pollEvery
	now := q.store.JobTime()
	for t, h := range c.held {
		if over := !h.mine && !h.until.IsZero() && !h.until.After(now); over {
			delete(c.held, t)
		}
	}
	var begun []Ref
	for _, t := range slices.Clone(c.known.turns) {
		switch h := c.held[t]; {
		case h == nil:
			c.held[t] = &holding{}
			q.stopped.Go(func() {
				if !guard.Run(q.log, "holding a tenant's jobs", func() { q.keep(c, t) }) {
					q.release(c, t, holding{until: now.Add(leaseFor)})
				}
			})
		case !h.mine && !h.until.IsZero():
			wait = min(wait, h.until.Sub(now))
			for _, j := range c.known.remove(t) {
				if j.begun {
					begun = append(begun, j.Ref)
				}
			}
		}
	}
	if len(begun) > 0 && q.announce != nil {
		q.stopped.Go(func() {
			guard.Run(q.log, "announcing jobs", func() {
				for _, r := range begun {
					q.announce(r)
				}
			})
		})
	}
	return wait
}

// keep takes a tenant, if nobody holds it, and keeps it until there is nothing to do for it.
func (q *Queue) keep(c *class, t chat.Tenant) {
	held, until, err := q.acquire(t)
	if err != nil && q.ctx.Err() == nil {
		q.log.Debug("a tenant's jobs wait for the store", "error", err)
		until = q.store.JobTime().Add(time.Second)
	}
	if held.Version == 0 {
		q.release(c, t, holding{until: until})
		return
	}
	q.mu.Lock()
	c.held[t].mine = true
	q.mu.Unlock()
	q.nudge()
	tick := time.NewTicker(leaseFor / 3)
	defer tick.Stop()
	for idle := 0; ; {
		select {
		case <-q.ctx.Done():
			q.giveBack(held)
			return
		case <-tick.C:
		}
		q.mu.Lock()
		if idle++; c.of[t] > 0 || len(c.known.due[t]) > 0 {
			idle = 0
		}
		if idle > 1 {
			delete(c.held, t)
		}
		q.mu.Unlock()
		if idle > 1 {
			q.giveBack(held)
			return
		}
		next := held
		next.Due = q.store.JobTime().Add(leaseFor)
		now, changed, err := q.store.ChangeJob(q.ctx, held, next)
		switch {
		case changed:
			held = now
		case err == nil || !q.store.JobTime().Before(held.Due):
			q.release(c, t, holding{until: q.store.JobTime().Add(time.Second)})
			return
		default: // it is not known whether it was changed
			if now, err := q.store.Job(q.ctx, held.Ref); err == nil && now.Owner == q.name {
				held = now
			}
		}
	}
}

// release notes that this server does not hold a tenant.
func (q *Queue) release(c *class, t chat.Tenant, h holding) {
	q.mu.Lock()
	c.held[t] = &h
	q.mu.Unlock()
	q.nudge()
}

func (q *Queue) giveBack(held Job) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(q.ctx), endTimeout)
	defer cancel()
	if _, err := q.store.RemoveJob(ctx, held); err != nil {
		q.log.Debug("a tenant's jobs were not given back; others wait for the end of the lease", "error", err)
	}
}

// acquire returns the job of the holder, if this server is it now, otherwise when another one's lease is over.
func (q *Queue) acquire(t chat.Tenant) (held Job, until time.Time, err error) {
	now := q.store.JobTime()
	mine := Job{Ref: Ref{t, holderKind, holderKey}, State: Running, Owner: q.name, AddedAt: now, Due: now.Add(leaseFor)}
	was, err := q.store.Job(q.ctx, mine.Ref)
	if chat.IsKind(err, chat.NotFound) {
		var added bool
		if was, added, err = q.store.AddJob(q.ctx, mine); err == nil && added {
			return was, until, nil
		}
	}
	if err != nil || was.Due.After(now) {
		return Job{}, was.Due, err
	}
	held, changed, err := q.store.ChangeJob(q.ctx, was, mine)
	if err != nil || !changed {
		return Job{}, now.Add(time.Second), err
	}
	return held, until, nil
}

// refKey is a Ref as one text, for announcements.
func (r Ref) refKey() string { return string(r.Tenant) + "\x00" + r.Kind + "\x00" + r.Key }

// OnBegin sets what announces to all servers that a job was begun here whose tenant another server holds: each passes the
// key to Begun. It is called before Start.
func (q *Queue) OnBegin(announce func(key string)) {
	q.announce = func(r Ref) { announce(r.refKey()) }
}

// Begun lets a job run that another server has begun, if this one holds its tenant. An empty key means that some may have
// been missed.
func (q *Queue) Begun(key string) {
	parts := strings.Split(key, "\x00")
	if len(parts) != 3 {
		q.Poll()
		return
	}
	r := Ref{chat.Tenant(parts[0]), parts[1], parts[2]}
	q.mu.Lock()
	if len(q.begun) < mostKnown {
		q.begun = append(q.begun, r)
	}
	q.mu.Unlock()
	q.nudge()
}

// lookAtBegun reads the jobs that other servers have begun, of tenants that this one holds.
func (q *Queue) lookAtBegun() {
	q.mu.Lock()
	defer q.mu.Unlock()
	refs := slices.DeleteFunc(q.begun, func(r Ref) bool {
		h := q.classOf(r.Kind).held[r.Tenant]
		return h == nil || !h.mine
	})
	if q.begun = nil; len(refs) == 0 {
		return
	}
	q.stopped.Go(func() {
		guard.Run(q.log, "looking at jobs that were begun", func() {
			for _, r := range refs {
				if j, err := q.store.Job(q.ctx, r); err == nil {
					q.Begin(j)
				} else if !chat.IsKind(err, chat.NotFound) && q.ctx.Err() == nil {
					q.log.Debug("a job that was begun waits for its delay", "error", err)
				}
			}
		})
	})
}
