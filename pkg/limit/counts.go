package limit

import (
	"context"
	"sync"
	"time"
)

// Counts holds quotas of things that a store keeps, such as the accounts of an app. It counts the things that are there and
// adds those that callers are about to make, so calls at the same moment on one server never exceed a quota together. Other
// servers make things too: what they make after a count is not known until the next one, see usedFor. The zero Counts is
// ready. It may be used concurrently.
//
//	done, ok, err := counts.Reserve(ctx, now, limit.Quota{Key: app, Most: 100, Count: count}, 1)
//	if ok && err == nil {
//		defer func() { done(made) }()
//	}
type Counts struct {
	mu sync.Mutex
	of map[string]*counted
}

// Quota is how many things of a key there may be.
type Quota struct {
	Key  string
	Most int // 0: any number
	// Count counts the things that there are. It may stop at most.
	Count func(ctx context.Context, most int) (int, error)
}

// counted is what is known of a key.
type counted struct {
	callers int // under Counts.mu

	mu      sync.Mutex // held while things are counted, so that it is done once
	n       int        // as they were counted, and those that were made since
	pending int        // reserved, and not done
	at      time.Time  // of the count
	known   bool       // they were counted, and not forgotten since
}

const (
	// countedAtOnce is how many things are counted in about as long as one call takes.
	countedAtOnce = 1000
	// mostUsedFor bounds how long a count is used.
	mostUsedFor = time.Minute
	// keptCounts is how many counts are kept that nobody uses.
	keptCounts = 10_000
)

// usedFor is how long a count is used: the longer, the more there is to count. Few things are counted for each call, unless
// other calls are under way.
func usedFor(most int) time.Duration {
	return min(time.Duration(min(most, 1<<30)/countedAtOnce)*100*time.Millisecond, mostUsedFor)
}

// Reserve reserves n more things of a key; ok is false if there may not be so many. done is called once, with how many of
// them were made, whatever came of the rest.
func (cs *Counts) Reserve(ctx context.Context, now time.Time, q Quota, n int) (done func(made int), ok bool, err error) {
	if q.Most <= 0 {
		return func(int) {}, true, nil
	}
	c := cs.take(q.Key)
	c.mu.Lock()
	defer c.mu.Unlock()
	age := now.Sub(c.at).Abs()
	old := !c.known || age >= usedFor(q.Most) || c.n+n > q.Most && age >= time.Second
	// What is pending may be counted already, so the count would be too great. It is not put off for ever.
	if c.at.IsZero() || age >= mostUsedFor || old && c.pending == 0 {
		found, err := q.Count(ctx, q.Most)
		if err != nil {
			cs.leave(q.Key, c, q.Most)
			return nil, false, err
		}
		c.n, c.at, c.known = found, now, true
	}
	if c.n+c.pending+n > q.Most {
		cs.leave(q.Key, c, q.Most)
		return nil, false, nil
	}
	c.pending += n
	return func(made int) {
		c.mu.Lock()
		c.pending -= n
		c.n += made
		c.mu.Unlock()
		cs.leave(q.Key, c, q.Most)
	}, true, nil
}

// Forget says that there are fewer things of a key.
func (cs *Counts) Forget(key string) {
	cs.mu.Lock()
	c := cs.of[key]
	cs.mu.Unlock()
	if c != nil {
		c.mu.Lock()
		c.known = false
		c.mu.Unlock()
	}
}

func (cs *Counts) take(key string) *counted {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.of == nil {
		cs.of = map[string]*counted{}
	}
	c := cs.of[key]
	if c == nil {
		c = &counted{}
		cs.of[key] = c
	}
	c.callers++
	return c
}

// leave ends a use of c. A count that would be made anew is not kept.
func (cs *Counts) leave(key string, c *counted, most int) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if c.callers--; c.callers == 0 && usedFor(most) == 0 {
		delete(cs.of, key)
	}
	if len(cs.of) > keptCounts {
		for key, c := range cs.of {
			if c.callers == 0 {
				delete(cs.of, key)
			}
		}
	}
}
