package live

import (
	"context"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// maxReadings bounds the rooms whose readings a repair delivers to a subscription. Who is in more has to resume.
const maxReadings = 500

// readings are what a subscriber to a user's topic knows of the user's rooms, until the topic has a later event of them.
type readings struct {
	mark uint64 // room.readings
	of   map[id.ID]chat.Reading
}

// deliverReadings delivers to a subscription to a user's topic what the user has read and muted. The store does not say
// what was missed, so it delivers the state of all the user's rooms, but for what is known. It returns what the
// subscriber knows then.
func (h *Hub) deliverReadings(ctx context.Context, s *Subscription, known readings) (readings, error) {
	if h.opts.Readings == nil {
		return readings{}, nil
	}
	for {
		rooms := s.feeds.rooms()
		if len(rooms) > maxReadings {
			s.room.shard.locked(func() { s.to.Lost() })
			return readings{}, nil
		}
		if len(rooms) == 0 {
			return readings{}, nil
		}
		ids := make([]id.ID, len(rooms))
		for i, r := range rooms {
			ids[i] = r.ID
		}
		current := readings{of: make(map[id.ID]chat.Reading, len(rooms))}
		s.room.shard.locked(func() { current.mark = s.room.readings })
		now, err := h.opts.Readings(ctx, s.who.Tenant, s.who.Login, ids)
		if err != nil {
			return readings{}, err
		}
		for _, r := range ids {
			current.of[r] = now[r]
		}
		if h.deliverStates(s, rooms, current, known) {
			return current, nil
		}
	}
}

// deliverStates delivers the current readings. It delivers none and returns false if the topic had an event since they
// were read: that may be newer.
func (h *Hub) deliverStates(s *Subscription, rooms []chat.RoomRef, current, known readings) bool {
	s.room.shard.mu.Lock()
	defer s.room.shard.mu.Unlock()
	switch {
	case s.index < 0:
		return true // ended
	case s.room.readings != current.mark:
		return false
	case known.mark != current.mark:
		known.of = nil
	}
	deliver := func(ref chat.RoomRef, e chat.Event) {
		s.deliver(&Delivery{Kind: User, Room: ref.Name, ID: h.ids.New(), Event: e}, h.now())
	}
	for _, ref := range rooms {
		at, is := chat.Place{Tenant: s.who.Tenant, Room: ref}, current.of[ref.ID]
		was, there := known.of[ref.ID]
		if to := is.Position(); to != was.Position() || to != is.Read && !there {
			deliver(ref, chat.ReadMoved{Place: at, Login: s.who.Login, Read: to, Back: to != is.Read})
		}
		if !there || is.Muted != was.Muted {
			deliver(ref, chat.MuteChanged{Place: at, Login: s.who.Login, Muted: is.Muted})
		}
	}
	return true
}

// rooms returns the rooms with a room feed.
func (e *roomFeeds) rooms() []chat.RoomRef {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := make([]chat.RoomRef, 0, len(e.in))
	for _, s := range e.in {
		all = append(all, s.room.ref())
	}
	return all
}
