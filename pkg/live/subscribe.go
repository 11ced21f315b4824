package live

import (
	"context"
	"sync"

	"github.com/confab-chat/confab/pkg/chat"
)

// Subscribe adds a subscriber to a topic of a room. Events that are published after it has returned are delivered. It
// returns the errors of Options.Access.
//
// With hold, the subscription holds deliveries back until the caller has called Replay and Replayed.
func (h *Hub) Subscribe(ctx context.Context, who chat.Identity, name string, kind Kind, to Subscriber, hold bool) (*Subscription, error) {
	for {
		// With the mark, enter detects a user who leaves after Access has checked and before the subscription is added.
		mark := h.departures.mark()
		r, err := h.opts.Access(ctx, who, name)
		if err != nil {
			return nil, err
		}
		if s := h.enter(mark, who, r, kind, to, hold); s != nil {
			h.presence.came(s)
			return s, nil
		}
	}
}

func (h *Hub) enter(mark uint64, who chat.Identity, r chat.Room, kind Kind, to Subscriber, hold bool) *Subscription {
	key := placeOf(who.Tenant, chat.RoomRef{ID: r.ID})
	sh := h.shardOf(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if h.departures.since(mark, key, who.Login) {
		return nil
	}
	room := sh.open(h, key, r.Name)
	room.creator = r.Creator.Login
	s := &Subscription{room: room, to: to, who: who, kind: kind, since: h.now()}
	if hold {
		s.resuming = &resuming{holding: true}
	}
	room.add(s)
	room.emptySince = s.since
	return s
}

// departures records which users left which rooms recently. A subscription may be checked before its user leaves and
// added after that. Without the record it would not be ended.
type departures struct {
	mu    sync.Mutex
	count uint64
	last  map[departure]uint64
	queue []departure
}

// departure is a login that left a room. With an empty login, it is the deletion of the room.
type departure struct {
	room  place
	login string
}

// keptDepartures is how many departures are kept. A caller whose mark is older has to check access again.
const keptDepartures = 4096

func (d *departures) mark() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.count
}

// add is called under the lock of the room's shard, before subscriptions are ended.
func (d *departures) add(room place, login string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count++
	dep := departure{room, login}
	d.last[dep] = d.count
	d.queue = append(d.queue, dep)
	if len(d.queue) > keptDepartures {
		old := d.queue[0]
		if d.last[old]+keptDepartures <= d.count {
			delete(d.last, old)
		}
		d.queue = d.queue[1:]
	}
}

// since reports whether the login left, or may have left, the room after the mark.
func (d *departures) since(mark uint64, room place, login string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.count-mark >= keptDepartures ||
		d.last[departure{room, login}] > mark || d.last[departure{room, ""}] > mark
}
