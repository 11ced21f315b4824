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

// changed delivers a change soon, if somebody on this node listens.
func (h *Hub) changed(e chat.MessageChanged) {
	key := placeOf(e.Tenant, e.Room)
	sh := h.shardOf(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	r := sh.places[key]
	if r == nil || len(r.subs[Messages]) == 0 || r.recent.has(e.Change) {
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
				each(h.log, r.subs[Messages], func(s *Subscription) { s.to.Lost() })
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
					r.deliver(Messages, &Delivery{Kind: Messages, Room: r.name, ID: e.Change, Event: e}, at)
				}
			}
		})
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

// withChanges adds the changes newer than after to what was missed, in the order of ids.
func (h *Hub) withChanges(ctx context.Context, r *room, after id.ID, missed []*Delivery) ([]*Delivery, error) {
	if len(missed) > MaxReplay {
		return missed, nil
	}
	cs, err := h.opts.History.Changes(ctx, r.at(), after, MaxReplay+1)
	if err != nil || len(cs) == 0 {
		return missed, err
	}
	if len(cs) > MaxReplay {
		return make([]*Delivery, len(cs)), nil // too many
	}
	type change struct {
		message id.ID
		kind    chat.ChangeKind
	}
	last := map[change]id.ID{}
	for _, c := range cs {
		last[change{c.Message.ID, c.Kind}] = c.ID
	}
	for _, c := range cs {
		if last[change{c.Message.ID, c.Kind}] == c.ID {
			missed = append(missed, h.changeDelivery(r, c))
		}
	}
	slices.SortStableFunc(missed, func(a, b *Delivery) int { return a.ID.Compare(b.ID) })
	return missed, nil
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
	from := slices.MinFunc(late, id.ID.Compare).Before()
	for from.Compare(after) < 0 {
		cs, err := h.opts.History.Changes(ctx, log, from, 200)
		if err != nil || len(cs) == 0 {
			return out
		}
		for _, c := range cs {
			if wanted[c.ID] {
				out = append(out, h.changeDelivery(r, c))
			}
		}
		from = cs[len(cs)-1].ID
	}
	return out
}

// repairChanges delivers changes since then that this node has not heard of.
func (h *Hub) repairChanges(ctx context.Context, r *room, since time.Time) error {
	for at := id.FirstAt(since); ; {
		cs, err := h.opts.History.Changes(ctx, r.at(), at, repairPage)
		if err != nil || len(cs) == 0 {
			return err
		}
		for _, c := range cs {
			h.changed(h.changeDelivery(r, c).Event.(chat.MessageChanged))
		}
		at = cs[len(cs)-1].ID
	}
}
