package live

import (
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// Subscriber receives the events of a topic. The hub calls it while it holds locks. The methods must therefore only
// queue, and must not call the hub.
type Subscriber interface {
	// Deliver receives each event of the topic once, in order.
	Deliver(d *Delivery)
	// Ended is called when the hub has ended the subscription, because the user is no longer in the room or the room
	// is deleted. No method is called after it. Ended is not called after Subscription.End.
	Ended()
	// Lost is called when events of the topic were missed and cannot be delivered later. The subscriber must end its
	// client's connection, for the client to resume.
	Lost()
}

// maxHeld and maxHeldBytes bound the deliveries that one subscription holds back while it resumes.
const (
	maxHeld      = 4096
	maxHeldBytes = 2 << 20
)

// Subscription connects a subscriber to a topic. Its methods may be called concurrently.
type Subscription struct {
	room  *room
	to    Subscriber
	who   chat.Identity
	since time.Time
	kind  Kind
	index int32 // in room.subs[kind]; -1 when ended

	feeds *roomFeeds // of a User subscription

	*resuming // nil unless the subscription resumes or resumed recently
}

// resuming is the state of a subscription while it resumes, and for a while after that.
type resuming struct {
	held      []*Delivery // while holding
	heldBytes int
	holding   bool
	// after is the position it resumed from, once everything after that was read for the replay. A message newer than
	// after that is not in replayed was therefore stored after that read, however old its id is.
	after id.ID
	// replayed holds the ids that the subscriber received from the store and whose events this node has not received
	// yet. They may still arrive until the time in until. After that, the whole of resuming is dropped.
	replayed map[id.ID]struct{}
	until    time.Time
}

// End ends the subscription. Deliver is not called after End has returned.
func (s *Subscription) End() { s.end() }

// end is End. It returns false if the subscription had ended before.
func (s *Subscription) end() (ended bool) {
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
	return ended
}

// deliver is called under the shard's lock.
func (s *Subscription) deliver(d *Delivery, now time.Time) {
	if r := s.resuming; r != nil {
		switch {
		case r.holding && (len(r.held) >= maxHeld || r.heldBytes >= maxHeldBytes):
			s.to.Lost()
			return
		case r.holding:
			r.held = append(r.held, d)
			r.heldBytes += d.bytes()
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

// resumedFrom records that all messages after that position are replayed.
func (s *Subscription) resumedFrom(after id.ID) {
	s.room.shard.mu.Lock()
	defer s.room.shard.mu.Unlock()
	if s.resuming != nil {
		s.after = after
	}
}

// expects reports whether the subscription resumed recently from a position before m and did not receive m from the
// store. The caller makes sure that m is not among the room's recent deliveries.
func (s *Subscription) expects(m id.ID, now time.Time) bool {
	r := s.resuming
	if r == nil || r.after.IsZero() || m.Compare(r.after) <= 0 ||
		now.Sub(m.Time()) > recentFor || !r.holding && now.After(r.until) {
		return false
	}
	_, got := r.replayed[m]
	return !got
}

// release ends the holding. It delivers the held deliveries that were not replayed. Later ones are delivered directly.
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
	r.held, r.heldBytes, r.holding = nil, 0, false
	// The event of a replayed message arrives only once: if it has arrived, its id is not needed any more.
	for m := range replayed {
		if s.room.recent.has(m) || now.Sub(m.Time()) > recentFor {
			delete(replayed, m)
		}
	}
	r.replayed, r.until = replayed, now.Add(recentFor)
}
