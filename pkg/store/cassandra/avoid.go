package cassandra

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gocql/gocql"
)

// avoidFor is how long a node that did not answer is tried last.
const avoidFor = 3 * time.Second

// avoiding is a host policy that tries nodes last if they did not answer lately. The driver notices a node whose
// connections break, but not one that keeps them and is silent: each request sent to it would time out. After avoidFor
// one request finds out whether the node answers again.
type avoiding struct {
	gocql.HostSelectionPolicy
	now func() time.Time

	any   atomic.Bool // false: until is empty
	mu    sync.Mutex
	until map[string]time.Time // by host id
}

func newAvoiding(p gocql.HostSelectionPolicy) *avoiding {
	return &avoiding{HostSelectionPolicy: p, now: time.Now, until: map[string]time.Time{}}
}

// Pick implements gocql.HostSelectionPolicy.
func (a *avoiding) Pick(q gocql.ExecutableQuery) gocql.NextHost {
	next := a.HostSelectionPolicy.Pick(q)
	var last []gocql.SelectedHost
	return func() gocql.SelectedHost {
		for {
			h := next()
			if h == nil {
				break
			}
			if a.any.Load() && a.silent(h.Info()) {
				last = append(last, h)
				continue
			}
			return watched{h, a}
		}
		if len(last) == 0 {
			return nil
		}
		h := last[0]
		last = last[1:]
		return watched{h, a}
	}
}

// silent reports whether a host is to be avoided. When avoidFor is over, the first caller may try the host, the others
// only a little later.
func (a *avoiding) silent(h *gocql.HostInfo) bool {
	if h == nil {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	until, found := a.until[h.HostID()]
	if !found {
		return false
	}
	if now := a.now(); !now.Before(until) {
		a.until[h.HostID()] = now.Add(avoidFor)
		return false
	}
	return true
}

func (a *avoiding) answered(h *gocql.HostInfo, err error) {
	silent := silence(err)
	if h == nil || !silent && !a.any.Load() {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if silent {
		a.until[h.HostID()] = a.now().Add(avoidFor)
	} else if err == nil {
		delete(a.until, h.HostID())
	}
	a.any.Store(len(a.until) > 0)
}

// silence reports whether err means that a node did not answer in time.
func silence(err error) bool {
	return errors.Is(err, gocql.ErrTimeoutNoResponse) || errors.Is(err, gocql.ErrConnectionClosed)
}

// watched reports the outcome of a request to a host to avoiding.
type watched struct {
	gocql.SelectedHost
	a *avoiding
}

// Mark implements gocql.SelectedHost.
func (w watched) Mark(err error) {
	w.SelectedHost.Mark(err)
	w.a.answered(w.Info(), err)
}
