package chat

import (
	"context"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/id"
)

// holdFor bounds how long a room's events wait for an older change that is still being stored. If the store is that
// slow, events are delivered out of order rather than late.
const holdFor = 250 * time.Millisecond

// order publishes a node's events of a room in the order of their ids, although the changes are stored concurrently and
// finish in any order. A subscriber that has received a message has therefore received all older ones of this node, and
// can resume after it without a gap.
//
// Each change takes a ticket before it is stored, which fixes its id, and finishes the ticket afterwards. Its events
// are published when all older tickets of the room are finished.
type order struct {
	pub    Publisher
	mu     sync.Mutex
	queues map[id.ID]*roomQueue
}

// roomQueue is the queue of a room: the tickets whose events are not published yet, oldest first.
type roomQueue struct {
	mu         sync.Mutex // guards waiting; taken after order.mu
	waiting    []*ticket
	alarm      bool       // a timer for a late release is running
	publishing sync.Mutex // held while events are published, so that one batch follows the other
}

type ticket struct {
	id        id.ID
	room      id.ID
	order     *order
	queue     *roomQueue
	since     time.Time
	done      bool // guarded by queue.mu
	events    []Event
	published chan struct{}
}

func newOrder(pub Publisher) *order {
	return &order{pub: pub, queues: map[id.ID]*roomQueue{}}
}

// idMaker makes ids that only increase.
type idMaker interface{ New() id.ID }

// begin takes the next id of ids. If it becomes that of a message or a change, ids has to be that of the room: see
// Service.begin. Every ticket has to be finished.
func (o *order) begin(room id.ID, ids idMaker) *ticket {
	o.mu.Lock()
	defer o.mu.Unlock()
	l := o.queues[room]
	if l == nil {
		l = &roomQueue{}
		o.queues[room] = l
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	t := &ticket{id: ids.New(), room: room, order: o, queue: l, since: time.Now(), published: make(chan struct{})}
	l.waiting = append(l.waiting, t)
	return t
}

// finish finishes the ticket, without events if the change failed. It publishes events that are due on this goroutine.
func (t *ticket) finish(ctx context.Context, events ...Event) {
	t.queue.mu.Lock()
	t.done, t.events = true, events
	t.queue.mu.Unlock()
	t.order.release(ctx, t.queue, t.room, false)
}

// wait returns when the events of a finished ticket are published.
func (t *ticket) wait() {
	timer := time.NewTimer(holdFor)
	defer timer.Stop()
	select {
	case <-t.published:
	case <-timer.C:
		t.order.release(context.Background(), t.queue, t.room, true)
		<-t.published
	}
}

// release publishes the events of the finished tickets up to the first unfinished one. Tickets that are unfinished for
// longer than holdFor do not count; with force, no unfinished ticket counts.
func (o *order) release(ctx context.Context, l *roomQueue, room id.ID, force bool) {
	l.publishing.Lock()
	defer l.publishing.Unlock()
	l.mu.Lock()
	var due, rest []*ticket
	held, stuck := false, false
	var until time.Time // when the first stuck ticket is held no longer
	for _, t := range l.waiting {
		if t.done && (!held || force) {
			due = append(due, t)
			continue
		}
		rest = append(rest, t)
		if late := t.since.Add(holdFor); !t.done && time.Now().Before(late) {
			held = true
			if !stuck {
				until = late
			}
		}
		stuck = stuck || t.done
	}
	l.waiting = rest
	if stuck && !l.alarm {
		l.alarm = true
		time.AfterFunc(time.Until(until), func() {
			l.mu.Lock()
			l.alarm = false
			l.mu.Unlock()
			o.release(context.Background(), l, room, false)
		})
	}
	l.mu.Unlock()

	var events []Event
	for _, t := range due {
		events = append(events, t.events...)
	}
	if len(events) > 0 {
		o.pub.Publish(ctx, events...)
	}
	for _, t := range due {
		close(t.published)
	}
	if len(rest) == 0 {
		o.forget(l, room)
	}
}

// forget removes the queue of a room if it is empty.
func (o *order) forget(l *roomQueue, room id.ID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 && o.queues[room] == l {
		delete(o.queues, room)
	}
}
