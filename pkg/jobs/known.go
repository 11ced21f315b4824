package jobs

import (
	"container/heap"
	"slices"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
)

// known are the jobs that a server has seen and may run: those that are due, by tenant, and those that are due later.
// A job in it may have been taken by another server meanwhile; ChangeJob finds that out.
type known struct {
	due   map[chat.Tenant][]Job // never empty
	turns []chat.Tenant         // the tenants in due, the next first
	soon  byDue
}

func newKnown() known { return known{due: map[chat.Tenant][]Job{}} }

// add adds a job that may run now, in place of an older version of it.
func (k *known) add(j Job) {
	all, there := k.due[j.Tenant]
	if i := slices.IndexFunc(all, func(o Job) bool { return o.Ref == j.Ref }); i >= 0 {
		if all[i].Version < j.Version {
			all[i] = j
		}
		return
	}
	if len(all) >= mostKnown {
		return
	}
	if !there {
		k.turns = append(k.turns, j.Tenant)
	}
	k.due[j.Tenant] = append(all, j)
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

// take removes the first job of the tenant whose turn it is, among those that may run.
func (k *known) take(may func(t chat.Tenant) bool) (Job, bool) {
	for i, t := range k.turns {
		if !may(t) {
			continue
		}
		j := k.due[t][0]
		k.turns = slices.Delete(k.turns, i, i+1)
		if rest := k.due[t][1:]; len(rest) > 0 {
			k.due[t] = rest
			k.turns = append(k.turns, t)
		} else {
			delete(k.due, t)
		}
		return j, true
	}
	return Job{}, false
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
