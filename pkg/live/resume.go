package live

import (
	"context"
	"slices"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// MaxReplay is the greatest number of messages that is replayed.
const MaxReplay = 1000

// Replay returns what a subscriber that last saw the message after has missed, oldest
// first: every newer message, newer changes of messages, and older ones of both that this node delivered after it. Of
// several changes of a kind of one message only the last is returned.
// recovered is false, and nothing is returned, if that is more than MaxReplay or cannot be read.
//
// The subscription must have been made with hold. Replayed has to be called afterwards in any case, when
// the messages have been handed to the client.
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
	ms, err := h.opts.History.Newer(ctx, log, after, false, MaxReplay+1-len(missed))
	for _, m := range ms {
		missed = append(missed, h.delivery(r, m))
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

// lateOnes reads messages older than after that this node delivered after it. Most of what lies
// between was seen.
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
	return append(out, h.lateChanges(ctx, log, r, after, wanted)...)
}

// Replayed ends the holding back: what came in since Subscribe and is not among the
// replayed ones is delivered now, and everything else as it comes.
func (s *Subscription) Replayed(ds []*Delivery) {
	ids := make(map[id.ID]struct{}, len(ds))
	for _, d := range ds {
		// A change is told again: who replayed it may have read the message just before.
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
