package live

import (
	"sync"
	"time"
)

// repairs are the places to be repaired. Each is repaired by itself and, if that fails, tried anew: what has been repaired is not
// read once more because another room's messages cannot be read.
type repairs struct {
	mu      sync.Mutex
	jobs    map[place]*repair
	queue   []place // those that wait for a worker
	workers int
	marks   uint64
	doubt   bool // handlers of signals are to be called before the next repair
	err     error

	doubting sync.Mutex // taken before mu
}

// repair is one that is asked for.
type repair struct {
	mark  uint64 // of the last time that it was asked for
	since time.Time
	asked time.Time // when first, by this node's clock
	late  bool      // what is held in the room is not held any longer
	retry time.Time // when it is tried anew; zero if it has not failed
}

const (
	repairRetry = time.Second
	// maxHeldEvents bounds what is held in one room; beyond it, all of it counts as missed.
	maxHeldEvents = 5000
)

// next returns a new mark, by which the holding of a room belongs to a repair.
func (r *repairs) next() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.marks++
	return r.marks
}

// ask asks for repairs of all that happened since then. With doubt, handlers of signals are called before.
func (r *repairs) ask(mark uint64, since, now time.Time, doubt bool, places ...place) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.doubt = r.doubt || doubt
	if r.jobs == nil {
		r.jobs = make(map[place]*repair)
	}
	for _, key := range places {
		j := r.jobs[key]
		if j == nil {
			j = &repair{since: since, asked: now}
			r.jobs[key] = j
			r.queue = append(r.queue, key)
		}
		// Two that ask at the same time may come in the other order.
		j.mark = max(j.mark, mark)
		if since.Before(j.since) {
			j.since = since
		}
		j.late = false
	}
}

// any reports whether a repair is wanted or under way.
func (r *repairs) any() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.jobs) > 0
}

// hire reports whether another worker is needed, and counts it.
func (r *repairs) hire() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.workers >= repairParallel || len(r.queue) == 0 && !(r.doubt && r.workers == 0) || r.workers >= len(r.jobs) && r.workers > 0 {
		return false
	}
	r.workers++
	return true
}

// beforehand calls f if signals may have been missed. No worker goes on before it is done.
func (r *repairs) beforehand(f func()) {
	r.doubting.Lock()
	defer r.doubting.Unlock()
	if r.takeDoubt() {
		f()
	}
}

func (r *repairs) takeDoubt() (doubt bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	doubt, r.doubt = r.doubt, false
	return doubt
}

// take returns what a worker is to repair next; false if there is nothing: the worker is not counted any more.
func (r *repairs) take() (key place, mark uint64, since time.Time, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		r.workers--
		return place{}, 0, time.Time{}, false
	}
	key, r.queue = r.queue[0], r.queue[1:]
	j := r.jobs[key]
	return key, j.mark, j.since, true
}

// finish notes that a repair was made; true if nothing more is missed there. After an error it is tried anew.
func (r *repairs) finish(key place, mark uint64, err error, now time.Time) (done bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	j := r.jobs[key]
	switch {
	case err != nil:
		j.retry, r.err = now.Add(repairRetry), err
		return false
	case j.mark != mark: // it was asked for once more meanwhile
		r.queue = append(r.queue, key)
		return false
	}
	delete(r.jobs, key)
	return true
}

// tick queues the repairs that failed, as many as it returns, with the error of the last one, and returns those that
// have taken longer than hold.
func (r *repairs) tick(now time.Time, hold time.Duration) (failed int, late map[place]uint64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, j := range r.jobs {
		if !j.retry.IsZero() && !now.Before(j.retry) {
			j.retry = time.Time{}
			r.queue = append(r.queue, key)
			failed++
		}
		if !j.late && now.Sub(j.asked) > hold {
			if late == nil {
				late = make(map[place]uint64)
			}
			j.late, late[key] = true, j.mark
		}
	}
	return failed, late, r.err
}
