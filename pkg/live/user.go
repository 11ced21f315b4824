package live

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
)

// A subscription to the topic of a user receives the messages of all the user's rooms. The hub keeps one room feed per
// subscription and room, on the node the client is connected to. A room feed is a light subscription of kind feed.
// Publishing a message therefore costs one delivery per connected subscriber, not one per participant.

const (
	// maxFeeds bounds the room feeds of a subscription. Rooms are taken in the order of their names.
	maxFeeds = 2000
	feedPage = 500
)

// roomFeeds are the room feeds of one subscription. The lock is taken last, after a shard's.
type roomFeeds struct {
	mu    sync.Mutex
	in    map[place]*Subscription
	ended bool
}

// roomFeed forwards the deliveries of a room to a subscription to the user's topic.
type roomFeed struct {
	*Subscription // to the user's topic
	at            place
}

func (e roomFeed) Deliver(d *Delivery) { e.to.Deliver(d) }
func (e roomFeed) Lost()               { e.to.Lost() }

func (e roomFeed) Ended() {
	e.feeds.mu.Lock()
	defer e.feeds.mu.Unlock()
	delete(e.feeds.in, e.at)
}

func (e *roomFeeds) end() {
	e.mu.Lock()
	e.ended = true
	in := e.in
	e.in = nil
	e.mu.Unlock()
	for _, s := range in {
		s.End()
	}
}

// SubscribeUser adds a subscriber to a user's own topic, with the events of the user's rooms. It includes rooms that
// the user joins later.
func (h *Hub) SubscribeUser(ctx context.Context, who chat.Identity, to Subscriber) (*Subscription, error) {
	key := userPlace(who.Tenant, who.Login)
	sh := h.shardOf(key)
	s := &Subscription{to: to, who: who, kind: User, since: h.now(), feeds: &roomFeeds{in: map[place]*Subscription{}}}
	sh.locked(func() {
		s.room = sh.open(h, key, "")
		s.room.add(s)
		s.room.emptySince = s.since
	})
	if err := h.followRooms(ctx, s, false); err != nil {
		s.End()
		return nil, err
	}
	return s, nil
}

func userPlace(t chat.Tenant, login string) place { return place{tenant: t, login: login} }

// followRooms gives a subscription a room feed in exactly the rooms its user is in. With tell, it delivers an event for
// each room that it adds or removes.
func (h *Hub) followRooms(ctx context.Context, s *Subscription, tell bool) error {
	if h.opts.RoomsOf == nil {
		return nil
	}
	s.feeds.mu.Lock()
	gone := make(map[place]*Subscription, len(s.feeds.in))
	for key, e := range s.feeds.in {
		gone[key] = e
	}
	s.feeds.mu.Unlock()
	for after, n := "", 0; n < maxFeeds; n += feedPage {
		mark := h.departures.mark()
		refs, err := h.opts.RoomsOf(ctx, s.who.Tenant, s.who.Login, after, feedPage)
		if err != nil {
			return err
		}
		for _, ref := range refs {
			delete(gone, placeOf(s.who.Tenant, ref))
			entered, err := h.addFeed(ctx, s, ref, mark)
			if err != nil {
				return err
			}
			if entered && tell {
				at := chat.Place{Tenant: s.who.Tenant, Room: ref}
				h.deliverTo(s, chat.ParticipantJoined{Place: at, Person: chat.Person{Login: s.who.Login}})
			}
		}
		if len(refs) < feedPage {
			break
		}
		after = refs[len(refs)-1].Name
	}
	if !tell {
		return nil
	}
	for _, e := range gone {
		// Access is checked again, because the list may be older than the room feed.
		r, in, err := h.opts.Inside(ctx, s.who, e.room.name)
		if err == nil && in && r.ID == e.room.key.room {
			continue
		}
		if err != nil && !chat.IsKind(err, chat.NotFound) {
			return err
		}
		if !e.end() {
			continue // it has ended meanwhile, with its event
		}
		roomFeed{s, e.room.key}.Ended()
		at := chat.Place{Tenant: s.who.Tenant, Room: e.room.ref()}
		h.deliverTo(s, chat.ParticipantLeft{Place: at, Person: chat.Person{Login: s.who.Login}})
	}
	return nil
}

// addFeed adds a room feed to s for a room that its user was in at the mark. It returns false if s has one already, or
// the user has left.
func (h *Hub) addFeed(ctx context.Context, s *Subscription, ref chat.RoomRef, mark uint64) (bool, error) {
	for {
		entered, left := h.tryFeed(s, ref, mark)
		if !left {
			return entered, nil
		}
		mark = h.departures.mark()
		r, in, err := h.opts.Inside(ctx, s.who, ref.Name)
		switch {
		case chat.IsKind(err, chat.NotFound), err == nil && (!in || r.ID != ref.ID):
			return false, nil
		case err != nil:
			return false, err
		}
	}
}

func (h *Hub) tryFeed(s *Subscription, ref chat.RoomRef, mark uint64) (entered, left bool) {
	key := placeOf(s.who.Tenant, ref)
	sh := h.shardOf(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if h.departures.since(mark, key, s.who.Login) {
		return false, true
	}
	s.feeds.mu.Lock()
	defer s.feeds.mu.Unlock()
	if s.feeds.ended || s.feeds.in[key] != nil {
		return false, false
	}
	r := sh.open(h, key, ref.Name)
	e := &Subscription{room: r, to: roomFeed{s, key}, who: s.who, kind: feed, since: h.now()}
	r.add(e)
	r.emptySince = e.since
	s.feeds.in[key] = e
	return true, false
}

// users returns the subscriptions to users' topics.
func (h *Hub) users() (out []*Subscription) {
	h.eachPlace(func(key place, r *room) {
		if key.login != "" {
			out = append(out, r.subs[User]...)
		}
	})
	return out
}

// deliverToUser delivers an event on a user's topic and returns its subscriptions.
func (h *Hub) deliverToUser(t chat.Tenant, login string, e chat.Event) []*Subscription {
	key := userPlace(t, login)
	sh := h.shardOf(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	r := sh.places[key]
	if r == nil || len(r.subs[User]) == 0 {
		return nil
	}
	_, ref := e.Where()
	switch e.(type) {
	case chat.ReadMoved, chat.MuteChanged:
		r.readings++
	}
	r.deliver(User, &Delivery{Kind: User, Room: ref.Name, ID: h.ids.New(), Event: e}, h.now())
	return append([]*Subscription(nil), r.subs[User]...)
}

// userSubscriptions returns the subscriptions to a user's topic.
func (h *Hub) userSubscriptions(t chat.Tenant, login string) []*Subscription {
	key := userPlace(t, login)
	sh := h.shardOf(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if r := sh.places[key]; r != nil {
		return slices.Clone(r.subs[User])
	}
	return nil
}

// deliverTo delivers an event to one subscription to a user's topic.
func (h *Hub) deliverTo(s *Subscription, e chat.Event) {
	s.room.shard.mu.Lock()
	defer s.room.shard.mu.Unlock()
	if s.index >= 0 {
		_, ref := e.Where()
		s.deliver(&Delivery{Kind: User, Room: ref.Name, ID: h.ids.New(), Event: e}, h.now())
	}
}

// checkTimeout bounds the check whether a user who joined is still in the room.
const checkTimeout = 10 * time.Second

// userEnters delivers to a user the event that they are in a room now, and adds the room feeds immediately. After that
// it checks that the user is still in the room: the event of a leave on another node may have arrived before that of
// the join.
func (h *Hub) userEnters(t chat.Tenant, ref chat.RoomRef, login string, e chat.Event) {
	joined, ok := e.(chat.ParticipantJoined)
	repeated := ok && joined.Repeated
	var subs []*Subscription
	if repeated {
		subs = h.userSubscriptions(t, login)
	} else {
		subs = h.deliverToUser(t, login, e)
	}
	if len(subs) == 0 || h.opts.RoomsOf == nil {
		return
	}
	for _, s := range subs {
		if entered, _ := h.tryFeed(s, ref, h.departures.mark()); entered && repeated {
			h.deliverTo(s, e)
		}
	}
	h.spawn("checking a join", func() {
		ctx, cancel := context.WithTimeout(h.ctx, checkTimeout)
		defer cancel()
		r, in, err := h.opts.Inside(ctx, chat.Identity{Tenant: t, Login: login}, ref.Name)
		switch {
		case err == nil && !in:
			h.endFeeds(placeOf(t, ref), login, nil)
		case chat.IsKind(err, chat.NotFound) || err == nil && r.ID != ref.ID:
			// The event of the deletion may arrive later. It would find no room feed then.
			h.endFeeds(placeOf(t, ref), login, chat.RoomDeleted{Place: chat.Place{Tenant: t, Room: ref}})
		}
	})
}

// endFeeds ends the room feeds a user has in a room. It first delivers last, if that is not nil.
func (h *Hub) endFeeds(key place, login string, last chat.Event) {
	sh := h.shardOf(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if r := sh.places[key]; r != nil {
		each(h.log, r.subs[feed], func(s *Subscription) {
			if last != nil && s.who.Login == login {
				s.deliver(&Delivery{Kind: User, Room: r.name, ID: h.ids.New(), Event: last}, h.now())
			}
		})
		r.endAll(func(s *Subscription) bool { return s.kind == feed && s.who.Login == login })
		r.emptySince = h.now()
	}
}

// deliverToFeeds delivers a message to the room feeds for which is returns true. The author has read the message, so
// the author's room feeds receive a ReadMoved as well.
func (r *room) deliverToFeeds(e chat.MessagePosted, now time.Time, is func(*Subscription) bool) {
	if len(r.subs[feed]) == 0 {
		return
	}
	d := &Delivery{Kind: User, Room: r.name, ID: e.Message.ID, Event: e}
	var read *Delivery
	each(r.hub.log, r.subs[feed], func(s *Subscription) {
		if !is(s) {
			return
		}
		s.deliver(d, now)
		if e.Message.System || s.who.Login != e.Message.Author.Login {
			return
		}
		if read == nil {
			read = &Delivery{Kind: User, Room: r.name, ID: r.hub.ids.New(),
				Event: chat.ReadMoved{Place: e.Place, Login: s.who.Login, Read: e.Message.ID}}
		}
		s.deliver(read, now)
	})
}
