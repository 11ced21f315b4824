package cache

import "time"

// recent is a set of keys, each of which stays in it for at least keep after it was last added. It is not for concurrent use.
type recent struct {
	keep time.Duration
	// Keys are added to young, which becomes old when keep is over, and is let go when it is over once more.
	young, old map[string]struct{}
	turned     time.Time
}

// turn lets go of old keys. It has to be called before keys are added.
func (r *recent) turn(now time.Time) {
	if r.young == nil || now.Sub(r.turned) >= r.keep {
		r.old, r.young, r.turned = r.young, map[string]struct{}{}, now
	}
}

func (r *recent) add(key string) { r.young[key] = struct{}{} }

// dropYoung lets go of what was added since the last turn.
func (r *recent) dropYoung() { r.young = map[string]struct{}{} }

func (r *recent) has(key string) bool {
	_, young := r.young[key]
	_, old := r.old[key]
	return young || old
}

func (r *recent) empty() bool { return len(r.young)+len(r.old) == 0 }
