package jobs

import (
	"container/heap"
	"slices"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
)

// known are the jobs of a class that a server has seen and may run: those that are due, by tenant, and those that are due
// later. A job in it may have been taken by another server meanwhile; ChangeJob finds that out.
type known struct {
	sorted bool                     // jobs of a tenant are in order
	byAge  bool                     // the order is that of AddedAt, not of Due
	due    map[chat.Tenant][]Job    // never empty
	turns  []chat.Tenant            // the tenants in due, the next first
	full   map[chat.Tenant]struct{} // there are more jobs that are due than were read
	// gaps has, if sorted, spans of Due in which there may be jobs of a tenant that are not known. Later ones wait for them.
	gaps map[chat.Tenant]span
	soon byDue
}

// span are the times after one, up to another one.
type span struct{ after, until time.Time }

func newKnown(c Class) known {
	return known{sorted: c.Order != nil, byAge: c.ByAge, due: map[chat.Tenant][]Job{}, full: map[chat.Tenant]struct{}{}, gaps: map[chat.Tenant]span{}}
}

// add adds a job that may run now, in place of an older version of it.
func (k *known) add(j Job) {
	all, there := k.due[j.Tenant]
	if i := slices.IndexFunc(all, func(o Job) bool { return o.Ref == j.Ref }); i >= 0 {
		if begun := all[i].begun || j.begun; all[i].Version <= j.Version {
			all[i] = j
			all[i].begun = begun
		}
		return
	}
	if len(all) >= mostKnown && !k.sorted {
		return
	}
	if !there {
		k.turns = append(k.turns, j.Tenant)
	}
	at := len(all)
	for k.sorted && at > 0 && k.before(j, all[at-1]) {
		at--
	}
	if all = slices.Insert(all, at, j); len(all) > mostKnown {
		last := len(all) - 1
		k.gap(j.Tenant, span{all[last].Due.Add(-time.Millisecond), all[last].Due})
		all = slices.Delete(all, last, last+1)
	}
	k.due[j.Tenant] = all
}

func (k *known) before(a, b Job) bool {
	if k.byAge {
		return a.AddedAt.Before(b.AddedAt)
	}
	return a.Due.Before(b.Due)
}

// gap notes that jobs of a tenant may not be known.
func (k *known) gap(t chat.Tenant, s span) {
	if !k.sorted {
		return
	}
	if g, ok := k.gaps[t]; ok {
		if g.after.Before(s.after) {
			s.after = g.after
		}
		if g.until.After(s.until) {
			s.until = g.until
		}
	}
	k.gaps[t] = s
}

// reading notes that all jobs that are due by a time are being read; see more. It comes before they are added.
func (k *known) reading(by time.Time) {
	clear(k.full)
	for t, g := range k.gaps {
		if g.until.After(by) {
			if by.After(g.after) {
				k.gaps[t] = span{by, g.until}
			}
		} else {
			delete(k.gaps, t)
		}
	}
}

// more notes that not all jobs of a tenant were read that are due by a time: there are others, later than the last one.
func (k *known) more(t chat.Tenant, last, by time.Time) {
	k.full[t] = struct{}{}
	k.gap(t, span{last, by})
}

// hungry reports whether there are jobs to read of a tenant that has fewer known ones than may run.
func (k *known) hungry(most int) bool {
	for t := range k.full {
		if len(k.runnable(t)) < most {
			return true
		}
	}
	return false
}

// later adds a job that is due at some time.
func (k *known) later(j Job) {
	if len(k.soon) < mostKnown {
		heap.Push(&k.soon, j)
	}
}

// drop forgets when a job is due.
func (k *known) drop(r Ref) {
	k.soon = slices.DeleteFunc(k.soon, func(j Job) bool { return j.Ref == r })
	heap.Init(&k.soon)
}

// ripen moves the jobs that are due by now. It returns how long it is until the next one is, false if there is none.
func (k *known) ripen(now time.Time) (wait time.Duration, ok bool) {
	for len(k.soon) > 0 && !k.soon[0].Due.After(now) {
		k.add(heap.Pop(&k.soon).(Job))
	}
	if len(k.soon) == 0 {
		return 0, false
	}
	return k.soon[0].Due.Sub(now), true
}

// take removes a job of the tenant whose turn it is. which returns the place of the one that may run, of those that are
// due; -1 for none.
func (k *known) take(which func(t chat.Tenant, all []Job) int) (Job, bool) {
	for i, t := range k.turns {
		all, candidates := k.due[t], k.runnable(t)
		n := which(t, candidates)
		if n < 0 || n >= len(candidates) {
			continue
		}
		j := all[n]
		k.turns = slices.Delete(k.turns, i, i+1)
		if rest := slices.Delete(all, n, n+1); len(rest) > 0 {
			k.due[t] = rest
			k.turns = append(k.turns, t)
		} else {
			delete(k.due, t)
		}
		return j, true
	}
	return Job{}, false
}

// runnable are the jobs of a tenant that are due, without those that may have unknown ones before them.
func (k *known) runnable(t chat.Tenant) []Job {
	all := k.due[t]
	if gap, ok := k.gaps[t]; ok {
		if i := slices.IndexFunc(all, func(j Job) bool { return j.Due.After(gap.after) }); i >= 0 {
			all = all[:i]
		}
	}
	return all
}

// remove removes all jobs of a tenant that are due, and returns them.
func (k *known) remove(t chat.Tenant) []Job {
	all := k.due[t]
	delete(k.due, t)
	delete(k.full, t)
	delete(k.gaps, t)
	k.turns = slices.DeleteFunc(k.turns, func(o chat.Tenant) bool { return o == t })
	return all
}

// byDue is a heap of jobs, the one that is due first on top.
type byDue []Job

func (b byDue) Len() int           { return len(b) }
func (b byDue) Less(i, j int) bool { return b[i].Due.Before(b[j].Due) }
func (b byDue) Swap(i, j int)      { b[i], b[j] = b[j], b[i] }
func (b *byDue) Push(j any)        { *b = append(*b, j.(Job)) }
func (b *byDue) Pop() any {
	last := len(*b) - 1
	j := (*b)[last]
	*b = (*b)[:last]
	return j
}
