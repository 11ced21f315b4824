package live

import (
	"context"
	"slices"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// MaxReplay is the greatest number of messages and changes that are replayed.
const MaxReplay = 1000

// Replay returns what a subscriber has missed whose last received message is after. The result is in ascending order.
// It has
//
//   - every newer message,
//   - newer changes of messages; of several changes of the same kind of one message, only the last,
//   - older messages and changes that this node delivered after that message.
//
// If that is more than MaxReplay or cannot be read, nothing is returned and recovered is false.
//
// The subscription must have been made with hold. After Replay, whatever its result, the caller must hand the messages
// to the client and call Replayed.
func (h *Hub) Replay(ctx context.Context, s *Subscription, after id.ID) (missed []*Delivery, recovered bool) {
	r := s.room
	var late []id.ID
	r.shard.locked(func() { late = r.recent.overtaken(after) })

	select {
	case h.replays <- struct{}{}:
		defer func() { <-h.replays }()
	case <-ctx.Done():
		return nil, false
	}
	log := r.at()
	if missed = h.lateOnes(ctx, log, r, after, late); len(missed) < len(late) {
		return nil, false
	}
	var err error
	for at := after; len(missed) <= MaxReplay; {
		most := MaxReplay + 1 - len(missed)
		var ms []chat.Message
		if ms, err = h.opts.History.Newer(ctx, log, at, false, most); err != nil {
			break
		}
		for _, m := range ms {
			missed, at = append(missed, h.delivery(r, m)), m.ID
		}
		if chat.AtEnd(ms, most) {
			break
		}
	}
	var changes []*Delivery
	complete := len(missed) <= MaxReplay
	if err == nil && complete {
		changes, complete, err = h.changesSince(ctx, r, after)
	}
	if err != nil {
		h.log.Warn("cannot replay", "room", r.name, "error", err)
		return nil, false
	}
	if missed = append(missed, changes...); !complete || len(missed) > MaxReplay {
		return nil, false
	}
	slices.SortStableFunc(missed, func(a, b *Delivery) int { return a.ID.Compare(b.ID) })
	s.resumedFrom(after)
	return missed, true
}

// lateOnes reads the messages and changes in late: they are older than after, but this node delivered them after it.
// The client has received most of the messages between them.
func (h *Hub) lateOnes(ctx context.Context, log chat.Place, r *room, after id.ID, late []id.ID) (out []*Delivery) {
	if len(late) == 0 || len(late) > MaxReplay {
		return nil
	}
	wanted := make(map[id.ID]bool, len(late))
	for _, m := range late {
		wanted[m] = true
	}
	from, inclusive := slices.MinFunc(late, id.ID.Compare), true
	for len(out) < len(late) {
		ms, err := h.opts.History.Newer(ctx, log, from, inclusive, 200)
		if err != nil {
			return out
		}
		if len(ms) == 0 {
			break
		}
		for _, m := range ms {
			if wanted[m.ID] {
				out = append(out, h.delivery(r, m))
				delete(wanted, m.ID)
			}
		}
		from, inclusive = ms[len(ms)-1].ID, false
		if from.Compare(after) >= 0 {
			break
		}
	}
	return append(out, h.lateChanges(ctx, log, r, wanted)...)
}

// Replayed ends the holding of deliveries. Deliveries held since Subscribe that are not among ds are delivered now.
// Later ones are delivered directly.
func (s *Subscription) Replayed(ds []*Delivery) {
	ids := make(map[id.ID]struct{}, len(ds))
	for _, d := range ds {
		// A change is delivered again: the replay may have read the message just before it changed.
		if _, change := d.Event.(chat.MessageChanged); !change {
			ids[d.ID] = struct{}{}
		}
	}
	s.release(ids)
}

func (h *Hub) delivery(r *room, m chat.Message) *Delivery {
	return &Delivery{Kind: Messages, Room: r.name, ID: m.ID, Event: chat.MessagePosted{
		Place:   chat.Place{Tenant: r.key.tenant, Room: r.ref()},
		Message: m,
	}}
}
