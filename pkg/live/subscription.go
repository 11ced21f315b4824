package live

import (
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// Subscriber is who listens to a topic. The hub calls it while it holds locks: the
// methods must only queue, and must not call the hub.
type Subscriber interface {
	// Deliver is given each event of the topic once, in order.
	Deliver(d *Delivery)
	// Ended tells that the hub has ended the subscription: the user is out of the room or the
	// room is deleted. Nothing follows. It is not called after Subscription.End.
	Ended()
	// Lost tells that events of the topic were missed and cannot be made up for. The
	// subscriber must end, telling its client to resume.
	Lost()
}

// maxHeld bounds the deliveries held back for one subscription while it resumes.
const maxHeld = 4096

// Subscription is a subscriber at a topic. Its methods may be called concurrently.
type Subscription struct {
	room  *room
	to    Subscriber
	who   chat.Identity
	since time.Time
	kind  Kind
	index int32 // in room.subs[kind]; -1 when ended

	feeds *roomFeeds // of a User subscription

	*resuming // nil unless it resumes or resumed shortly before
}

// resuming is what a subscription knows while it resumes, and a while afterwards.
type resuming struct {
	held    []*Delivery // while holding
	holding bool
	// after is where it resumed from, if what came since was replayed: a newer message that is not among replayed
	// was stored after the store was read, however old its id is.
	after id.ID
	// replayed holds ids the subscriber got from the store and whose event has not been
	// heard here yet. It may still come, until the time given. Then all of this is forgotten.
	replayed map[id.ID]struct{}
	until    time.Time
}

// End ends the subscription. When it returns, Deliver is not called any more.
func (s *Subscription) End() {
	ended := false
	s.room.shard.locked(func() {
		if ended = s.room.remove(s); ended && s.room.empty() {
			s.room.emptySince = s.room.hub.now()
		}
	})
	if ended {
		s.room.hub.presence.left(s)
	}
	if s.feeds != nil {
		s.feeds.end()
	}
}

// deliver is called under the shard's lock.
func (s *Subscription) deliver(d *Delivery, now time.Time) {
	if r := s.resuming; r != nil {
		switch {
		case r.holding && len(r.held) >= maxHeld:
			s.to.Lost()
			return
		case r.holding:
			r.held = append(r.held, d)
			return
		case now.After(r.until):
			s.resuming = nil
		default:
			if _, ok := r.replayed[d.ID]; ok {
				delete(r.replayed, d.ID)
				return
			}
		}
	}
	s.to.Deliver(d)
}

// resumedFrom notes that all after that position is replayed.
func (s *Subscription) resumedFrom(after id.ID) {
	s.room.shard.mu.Lock()
	defer s.room.shard.mu.Unlock()
	if s.resuming != nil {
		s.after = after
	}
}

// expects reports whether the subscription resumed a short while ago, from before m, and has not got m from the
// store. m is none that the room remembers to have delivered.
func (s *Subscription) expects(m id.ID, now time.Time) bool {
	r := s.resuming
	if r == nil || r.after.IsZero() || m.Compare(r.after) <= 0 ||
		now.Sub(m.Time()) > recentFor || !r.holding && now.After(r.until) {
		return false
	}
	_, got := r.replayed[m]
	return !got
}

// release ends holding: what was held and not replayed is delivered, and all else from now on.
func (s *Subscription) release(replayed map[id.ID]struct{}) {
	sh := s.room.shard
	sh.mu.Lock()
	defer sh.mu.Unlock()
	r := s.resuming
	if r == nil || !r.holding {
		return
	}
	now := s.room.hub.now()
	for _, d := range r.held {
		if _, ok := replayed[d.ID]; !ok {
			s.to.Deliver(d)
		}
	}
	r.held, r.holding = nil, false
	// A replayed message whose event has been heard here does not come again.
	for m := range replayed {
		if s.room.recent.has(m) || now.Sub(m.Time()) > recentFor {
			delete(replayed, m)
		}
	}
	r.replayed, r.until = replayed, now.Add(recentFor)
}
