package live

import (
	"context"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
)

// Publish implements chat.Publisher.
func (h *Hub) Publish(_ context.Context, events ...chat.Event) {
	for _, e := range events {
		guard.Run(h.log, "publishing", func() { h.apply(e) })
	}
	h.broadcastEvents(events)
}

// apply delivers an event to this node's subscribers, and ends subscriptions if the event requires it.
func (h *Hub) apply(e chat.Event) {
	tenant, ref := e.Where()
	switch e := e.(type) {
	case chat.MessageChanged:
		h.changed(e)
		return
	case chat.ReadMoved:
		h.deliverToUser(tenant, e.Login, e)
		return
	case chat.MuteChanged:
		h.deliverToUser(tenant, e.Login, e)
		return
	case chat.Invited:
		h.deliverToUser(tenant, e.Login, e)
		return
	case chat.RoomCreated:
		h.userEnters(tenant, ref, e.Creator.Login, e)
		return
	case chat.ParticipantJoined:
		// This comes before the delivery to the room: the user must receive the message about the joining, too.
		h.userEnters(tenant, ref, e.Person.Login, e)
		if e.Repeated {
			return
		}
	}
	key := placeOf(tenant, ref)
	ended := h.applyTo(h.shardOf(key), key, e)
	for _, s := range ended {
		h.presence.left(s)
	}
	switch e := e.(type) {
	case chat.MessagePosted:
		if !e.Message.System {
			h.typing.ended(key, e.Message.Author.Login)
		}
	case chat.ParticipantLeft:
		h.typing.ended(key, e.Person.Login)
		if !e.Repeated || len(ended) > 0 {
			h.deliverToUser(tenant, e.Person.Login, e)
		}
	}
}

// applyTo delivers an event to the subscribers of a room. It returns the subscriptions that the event has ended.
func (h *Hub) applyTo(sh *shard, key place, e chat.Event) (ended []*Subscription) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	switch e := e.(type) {
	case chat.ParticipantLeft:
		h.departures.add(key, e.Person.Login)
	case chat.RoomDeleted:
		h.departures.add(key, "")
	}
	r := sh.places[key]
	if r == nil {
		return nil
	}
	now := h.now()
	switch e := e.(type) {
	case chat.MessagePosted:
		if e.Retried {
			// The first attempt may still be running: its write may take a while.
			h.deliverMissed(r, e.Message, h.opts.Overlap, now)
			break
		}
		if !r.recent.add(e.Message.ID, now) {
			break
		}
		if len(r.subs[Messages]) > 0 {
			r.deliver(Messages, &Delivery{Kind: Messages, Room: r.name, ID: e.Message.ID, Event: e}, now)
		}
		r.deliverToFeeds(e, now, func(*Subscription) bool { return true })
	case chat.ParticipantJoined:
		r.deliver(Participants, &Delivery{Kind: Participants, Room: r.name, ID: h.ids.New(), Event: e}, now)
	case chat.ParticipantLeft:
		// A repeated event that finds no subscription to end has most likely been delivered before.
		if !e.Repeated || r.subscribed(e.Person.Login) {
			r.deliver(Participants, &Delivery{Kind: Participants, Room: r.name, ID: h.ids.New(), Event: e}, now)
		}
		ended = r.endAll(func(s *Subscription) bool { return s.who.Login == e.Person.Login })
	case chat.RoomDeleted:
		r.deliver(Action, &Delivery{Kind: Action, Room: r.name, ID: h.ids.New(), Event: e}, now)
		r.deliver(feed, &Delivery{Kind: User, Room: r.name, ID: h.ids.New(), Event: e}, now)
		ended = r.endAll(func(*Subscription) bool { return true })
		delete(sh.places, key)
	case chat.ParticipantRenamed, chat.RoomChanged, chat.MemberChanged:
		r.deliver(feed, &Delivery{Kind: User, Room: r.name, ID: h.ids.New(), Event: e}, now)
	case PresenceChanged:
		r.deliver(Presence, &Delivery{Kind: Presence, Room: r.name, ID: h.ids.New(), Event: e}, now)
	case TypingChanged:
		r.deliver(Typing, &Delivery{Kind: Typing, Room: r.name, ID: h.ids.New(), Event: e}, now)
	}
	if len(ended) > 0 {
		r.emptySince = now
	}
	return ended
}
