package live

import (
	"time"

	"github.com/confab-chat/confab/pkg/id"
)

// A room keeps the ids of its deliveries of the last recentFor. It keeps at least recentLeast and at most recentMost
// ids.
const (
	recentFor   = 2 * time.Minute
	recentLeast = 128
	recentMost  = 8192
)

// recent holds the ids of a room's recent deliveries, in the order of delivery.
type recent struct {
	order map[id.ID]uint64 // number of the delivery
	queue []received       // oldest first
	next  uint64
	// floor is the newest id of which it is not known whether it was delivered, as it was dropped or is from before;
	// zero if there is none.
	floor id.ID
}

type received struct {
	id id.ID
	at time.Time
}

// add records a delivery. It returns false if it was recorded before.
func (r *recent) add(m id.ID, now time.Time) bool {
	if _, ok := r.order[m]; ok {
		return false
	}
	if r.order == nil {
		r.order = make(map[id.ID]uint64)
	}
	r.order[m] = r.next
	r.next++
	r.queue = append(r.queue, received{m, now})
	drop := 0
	for n := len(r.queue); n-drop > recentMost ||
		n-drop > recentLeast && now.Sub(r.queue[drop].at) > recentFor; drop++ {
		old := r.queue[drop].id
		delete(r.order, old)
		r.raise(old)
	}
	r.queue = r.queue[drop:] // append moves it to a new array when the old one is used up
	return true
}

func (r *recent) raise(floor id.ID) {
	if r.floor.IsZero() || floor.Compare(r.floor) > 0 {
		r.floor = floor
	}
}

func (r *recent) has(m id.ID) bool {
	_, ok := r.order[m]
	return ok
}

// overtaken returns the ids that were delivered after m although they are older.
func (r *recent) overtaken(m id.ID) []id.ID {
	at, ok := r.order[m]
	if !ok {
		return nil
	}
	var out []id.ID
	first := r.next - uint64(len(r.queue))
	for _, h := range r.queue[at-first+1:] {
		if h.id.Compare(m) < 0 {
			out = append(out, h.id)
		}
	}
	return out
}
