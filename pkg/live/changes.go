package live

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// Concurrent changes of one message, perhaps on several nodes, arrive in any order. Each has the message as the node
// that made the change saw it. The last one delivered must show all of them. The hub therefore reads the message from
// the store when it delivers a change: every change published before that is durable then.
//
// Changes wait for the read in a queue of their own, so that the room's other events do not wait. A message may
// overtake a change. A client that resumes after that message still receives the change (recent).

// changeTimeout bounds the read. If the read fails, subscribers receive the message as it is in the event.
const changeTimeout = 5 * time.Second

// changed queues a change for delivery, if there are subscribers to it on this node.
func (h *Hub) changed(e chat.MessageChanged) {
	key := placeOf(e.Tenant, e.Room)
	sh := h.shardOf(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	r := sh.places[key]
	if r == nil || !r.wants(e.Kind) || r.recent.has(e.Change) {
		return
	}
	r.changed = append(r.changed, e)
	if !r.delivering {
		r.delivering = true
		h.spawn("delivering changes", func() { h.deliverChanges(r) })
	}
}

// deliverChanges delivers the waiting changes of a room until none waits.
func (h *Hub) deliverChanges(r *room) {
	done := false
	defer func() {
		if !done { // a panic: the changes of this batch are not delivered
			r.shard.locked(func() {
				r.delivering = false
				r.lose()
			})
		}
	}()
	for {
		batch := h.waitingChanges(r)
		if len(batch) == 0 {
			done = true
			return
		}
		now := h.readChanged(r, batch)
		r.shard.locked(func() {
			at := h.now()
			for _, e := range batch {
				if m, ok := now[e.Message.ID]; ok {
					if m.Deleted { // it does not say any more whom it was for
						m.Only = e.Message.Only
					}
					e.Message = m
				}
				if r.recent.add(e.Change, at) {
					r.deliverChange(e, at)
				}
			}
		})
	}
}

// wants reports whether there are subscribers to changes of that kind. The shard's lock is held.
func (r *room) wants(k chat.ChangeKind) bool {
	return len(r.subs[Messages]) > 0 || len(r.subs[feed]) > 0 && showsInLists(k)
}

// showsInLists reports whether a change affects lists of rooms. Such lists show the newest message and the number of
// unread ones.
func showsInLists(k chat.ChangeKind) bool { return k != chat.React }

// deliverChange delivers a change to the room's subscribers. If it affects lists of rooms, it also delivers it to the
// topics of the users in the room. The shard's lock is held.
func (r *room) deliverChange(e chat.MessageChanged, now time.Time) {
	if len(r.subs[Messages]) > 0 {
		r.deliver(Messages, &Delivery{Kind: Messages, Room: r.name, ID: e.Change, Event: e}, now)
	}
	if len(r.subs[feed]) > 0 && showsInLists(e.Kind) {
		r.deliver(feed, &Delivery{Kind: User, Room: r.name, ID: e.Change, Event: e}, now)
	}
}

// waitingChanges takes the first of the waiting changes of a room. If there are none, it sets delivering to false.
func (h *Hub) waitingChanges(r *room) []chat.MessageChanged {
	r.shard.mu.Lock()
	defer r.shard.mu.Unlock()
	if len(r.changed) == 0 || h.ctx.Err() != nil {
		r.delivering = false
		return nil
	}
	batch := r.changed[:min(len(r.changed), missedStep)]
	r.changed = r.changed[len(batch):]
	return batch
}

func (h *Hub) readChanged(r *room, batch []chat.MessageChanged) map[id.ID]chat.Message {
	var ids []id.ID
	for _, e := range batch {
		if !slices.Contains(ids, e.Message.ID) {
			ids = append(ids, e.Message.ID)
		}
	}
	ctx, cancel := context.WithTimeout(h.ctx, changeTimeout)
	defer cancel()
	now, err := h.opts.History.MessagesByID(ctx, r.at(), ids)
	if err != nil {
		h.log.Warn("changed messages are shown as they were told", "room", r.name, "error", err)
	}
	return now
}

func (h *Hub) changeDelivery(r *room, c chat.MessageChange) *Delivery {
	return &Delivery{Kind: Messages, Room: r.name, ID: c.ID, Event: chat.MessageChanged{
		Place:  chat.Place{Tenant: r.key.tenant, Room: r.ref()},
		Change: c.ID, Kind: c.Kind, Message: c.Message,
	}}
}

const (
	// maxChangePages bounds the pages of changes that are read for one replay.
	maxChangePages = 100
	// longChangePage is what a page counts as for which chat.ReadChanges looks at two or three thousand changes. One that
	// ends because of its texts counts as one.
	longChangePage = 10
)

// changesSince adds the changes newer than after to m. Of several changes of the same kind of one message it adds only the
// last. complete is false if there are more than MaxReplay of these, or too many changes to look at.
func (h *Hub) changesSince(ctx context.Context, m *Missed, after id.ID) (complete bool, err error) {
	type change struct {
		message id.ID
		kind    chat.ChangeKind
	}
	at := map[change]int{} // positions in m.list
	page := chat.ChangePage{Next: after, HasMore: true}
	for pages := 0; page.HasMore; {
		if pages >= maxChangePages || len(at) > MaxReplay {
			return false, nil
		}
		if page, err = h.opts.History.Changes(ctx, m.room.at(), page.Next, MaxReplay); err != nil {
			return false, err
		}
		size := 0
		for _, c := range page.Changes {
			size += c.Message.Bytes()
			x, key := m.entry(c.ID, c.Kind, c.Message), change{c.Message.ID, c.Kind}
			if i, there := at[key]; there {
				m.list[i] = x
				continue
			}
			at[key] = len(m.list)
			m.list = append(m.list, x)
		}
		if pages++; size < chat.MaxRead/2 {
			pages += longChangePage - 1
		}
	}
	return true, nil
}

// lateChanges adds the changes in wanted: they are older than the position, but this node delivered them after it.
func (h *Hub) lateChanges(ctx context.Context, m *Missed, wanted map[id.ID]bool) error {
	for ids := range slices.Chunk(slices.Collect(maps.Keys(wanted)), missedStep) {
		changes, err := h.opts.History.ChangesByID(ctx, m.room.at(), ids)
		if err != nil {
			return err
		}
		for _, c := range changes {
			m.list = append(m.list, m.entry(c.ID, c.Kind, c.Message))
		}
	}
	return nil
}

// repairChanges delivers the changes since the given time that this node has not delivered.
func (h *Hub) repairChanges(ctx context.Context, r *room, since time.Time) error {
	page := chat.ChangePage{Next: id.FirstAt(since), HasMore: true}
	for page.HasMore {
		var err error
		if page, err = h.opts.History.Changes(ctx, r.at(), page.Next, repairPage); err != nil {
			return err
		}
		for _, c := range page.Changes {
			h.changed(h.changeDelivery(r, c).Event.(chat.MessageChanged))
		}
	}
	return nil
}
