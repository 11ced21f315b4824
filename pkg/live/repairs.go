package live

import (
	"sync"
	"time"
)

// repairs holds the places that wait for a repair. Each place is repaired separately, and retried separately if that
// fails. If the messages of one room cannot be read, the other rooms are not read again.
type repairs struct {
	mu      sync.Mutex
	jobs    map[place]*repair
	queue   []place // places that wait for a worker
	workers int
	marks   uint64
	doubt   bool // the handlers of signals must be called before the next repair
	err     error

	doubting sync.Mutex // taken before mu
}

// repair is a requested repair of one place.
type repair struct {
	mark  uint64 // of the latest request
	since time.Time
	asked time.Time // the time of the first request, by this node's clock
	late  bool      // the held events of the room have been released
	retry time.Time // the time of the next attempt; zero if no attempt has failed
}

const (
	repairRetry = time.Second
	// maxHeldEvents bounds the held events of one room. If there are more, all of them are dropped and count as missed.
	maxHeldEvents = 5000
)

// next returns a new mark. The mark in room.hold says for which repair a room's events are held.
func (r *repairs) next() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.marks++
	return r.marks
}

// ask requests repairs of the places, of everything since the given time. With doubt, the handlers of signals are
// called before the repairs.
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
		// Two concurrent requests may arrive in the other order.
		j.mark = max(j.mark, mark)
		if since.Before(j.since) {
			j.since = since
		}
		j.late = false
	}
}

// any reports whether a repair waits or is running.
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

// beforehand calls f if signals may have been missed. All workers wait until f has returned.
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

// take returns the next repair for a worker. It returns false if there is none. The worker then must end: it is not
// counted any more.
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

// finish records the result of a repair. It returns true if the place needs no further repair. After an error the
// repair is retried.
func (r *repairs) finish(key place, mark uint64, err error, now time.Time) (done bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	j := r.jobs[key]
	switch {
	case err != nil:
		j.retry, r.err = now.Add(repairRetry), err
		return false
	case j.mark != mark: // it was requested again meanwhile
		r.queue = append(r.queue, key)
		return false
	}
	delete(r.jobs, key)
	return true
}

// tick queues failed repairs whose next attempt is due. It returns how many it queued, the error of the last failure,
// and the places whose repairs have taken longer than hold.
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
