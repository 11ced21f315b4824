package live

import (
	"context"
	"slices"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// Changes of one message that happen at the same moment, on several nodes perhaps, arrive in any order, each with the
// message as it was for whom made it. So that the last one delivered shows them all, the message
// is read when a change of it is delivered: then everything that was told before is durable. Changes wait
// for that beside the room's other events, in their own order; who resumes after a message that overtook one gets it (recent).

// changeTimeout bounds the reading; if it fails, the message is shown as the event has it.
const changeTimeout = 5 * time.Second

// changed delivers a change soon, if somebody on this node has subscribed to it.
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

// deliverChanges delivers what waits in a room until nothing does.
func (h *Hub) deliverChanges(r *room) {
	done := false
	defer func() {
		if !done { // a panic: the changes it was at are not delivered
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

// showsInLists is true for the changes that lists of rooms show: they have the newest message and the number of unread ones.
func showsInLists(k chat.ChangeKind) bool { return k != chat.React }

// deliverChange delivers a change to the room's subscribers and, if it matters to lists of rooms, to the topics of the users
// who are in the room. The shard's lock is held.
func (r *room) deliverChange(e chat.MessageChanged, now time.Time) {
	if len(r.subs[Messages]) > 0 {
		r.deliver(Messages, &Delivery{Kind: Messages, Room: r.name, ID: e.Change, Event: e}, now)
	}
	if len(r.subs[feed]) > 0 && showsInLists(e.Kind) {
		r.deliver(feed, &Delivery{Kind: User, Room: r.name, ID: e.Change, Event: e}, now)
	}
}

// waitingChanges takes the changes that wait in a room. If there are none, delivering has ended.
func (h *Hub) waitingChanges(r *room) []chat.MessageChanged {
	r.shard.mu.Lock()
	defer r.shard.mu.Unlock()
	if len(r.changed) == 0 || h.ctx.Err() != nil {
		r.delivering = false
		return nil
	}
	batch := r.changed
	r.changed = nil
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

// changesSince returns the changes newer than after, of several of a kind of one message only the last; complete is false
// if there are more than MaxReplay, or too many entries to look at.
func (h *Hub) changesSince(ctx context.Context, r *room, after id.ID) (out []*Delivery, complete bool, err error) {
	page, err := h.opts.History.Changes(ctx, r.at(), after, MaxReplay)
	if err != nil || page.HasMore {
		return nil, false, err
	}
	type change struct {
		message id.ID
		kind    chat.ChangeKind
	}
	last := map[change]id.ID{}
	for _, c := range page.Changes {
		last[change{c.Message.ID, c.Kind}] = c.ID
	}
	for _, c := range page.Changes {
		if last[change{c.Message.ID, c.Kind}] == c.ID {
			out = append(out, h.changeDelivery(r, c))
		}
	}
	return out, true, nil
}

// lateChanges reads changes older than after that this node delivered after it.
func (h *Hub) lateChanges(ctx context.Context, log chat.Place, r *room, after id.ID, wanted map[id.ID]bool) (out []*Delivery) {
	if len(wanted) == 0 {
		return nil
	}
	var late []id.ID
	for c := range wanted {
		late = append(late, c)
	}
	page := chat.ChangePage{Next: slices.MinFunc(late, id.ID.Compare).Before(), HasMore: true}
	for page.HasMore && page.Next.Compare(after) < 0 {
		var err error
		if page, err = h.opts.History.Changes(ctx, log, page.Next, repairPage); err != nil {
			return out
		}
		for _, c := range page.Changes {
			if wanted[c.ID] {
				out = append(out, h.changeDelivery(r, c))
			}
		}
	}
	return out
}

// repairChanges delivers changes since then that this node has not heard of.
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
