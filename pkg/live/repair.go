package live

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
)

const (
	repairPage     = 200
	repairParallel = 8
	// repairTimeout bounds the repair of one room, or of one user's rooms.
	repairTimeout = 30 * time.Second
)

// repairAll requests a repair of all places that have subscribers, because packets of another node were missed.
func (h *Hub) repairAll(since time.Time) {
	since = since.Add(-h.opts.Overlap)
	mark := h.repairs.next()
	var places []place
	h.eachPlace(func(key place, r *room) {
		if !r.empty() {
			r.hold = mark
			places = append(places, key)
		}
	})
	h.repairs.ask(mark, since, h.now(), true, places...)
	h.hire()
}

// repairOne requests a repair of one place, if it has subscribers.
func (h *Hub) repairOne(key place, since time.Time) {
	mark := h.repairs.next()
	sh, there := h.shardOf(key), false
	sh.locked(func() {
		if r := sh.places[key]; r != nil && !r.empty() {
			r.hold, there = mark, true
		}
	})
	if there {
		h.repairs.ask(mark, since.Add(-h.opts.Overlap), h.now(), false, key)
		h.hire()
	}
}

// hire starts as many workers as are needed.
func (h *Hub) hire() {
	for h.repairs.hire() {
		h.spawn("repairing", h.repairSome)
	}
}

// repairSome is a worker. It runs repairs until none waits.
func (h *Hub) repairSome() {
	for {
		h.repairs.beforehand(func() { guard.Run(h.log, "doubting what is cached", h.signals.doubt) })
		key, mark, since, ok := h.repairs.take()
		if h.ctx.Err() != nil {
			return
		}
		if !ok {
			h.hire() // a doubt may have been raised meanwhile
			return
		}
		var err error
		if !guard.Run(h.log, "repairing a room", func() { err = h.repairPlace(key, since) }) {
			h.lose(key) // its subscribers resume
		}
		if h.repairs.finish(key, mark, err, h.now()) {
			h.release(key, mark)
		}
	}
}

// repairsTick retries failed repairs, and releases events that were held for longer than Options.RepairHold.
func (h *Hub) repairsTick(now time.Time) {
	failed, late, err := h.repairs.tick(now, h.opts.RepairHold)
	if failed > 0 {
		h.log.Warn("cannot read what was missed; trying again", "rooms", failed, "error", err)
		h.hire()
	}
	for key, mark := range late {
		h.spawn("delivering late", func() { h.release(key, mark) })
	}
}

// repairPlace repairs a room, or the room feeds of a user. It delivers the undelivered messages since the given time,
// ends the subscriptions of users who are no longer in a room, and delivers deletions of rooms. On a user's topic it
// delivers what the user has read and muted.
func (h *Hub) repairPlace(key place, since time.Time) error {
	ctx, cancel := context.WithTimeout(h.ctx, repairTimeout)
	defer cancel()
	var r *room
	var users []*Subscription
	sh := h.shardOf(key)
	sh.locked(func() {
		if r = sh.places[key]; r != nil {
			users = append(users, r.subs[User]...)
		}
	})
	switch {
	case r == nil:
		return nil
	case key.login == "":
		return h.repairRoom(ctx, r, since)
	}
	for _, s := range users {
		if err := h.followRooms(ctx, s, true); err != nil {
			return err
		}
		if _, err := h.deliverReadings(ctx, s, readings{}); err != nil {
			return err
		}
	}
	return nil
}

// hold holds an event of another node while its room is repaired, so that missed events are delivered first. It reports
// whether it holds the event.
func (h *Hub) hold(e chat.Event) bool {
	if !h.repairs.any() {
		return false
	}
	switch e.(type) {
	case chat.MessagePosted, chat.MessageChanged, chat.ParticipantJoined, chat.ParticipantLeft, chat.RoomDeleted:
	default:
		return false // their order does not matter
	}
	tenant, ref := e.Where()
	key := placeOf(tenant, ref)
	sh := h.shardOf(key)
	held, full := false, false
	sh.locked(func() {
		if r := sh.places[key]; r != nil && r.hold != 0 {
			held, full = true, len(r.held) >= maxHeldEvents
			r.held = append(r.held, e)
			if full {
				r.held = nil
			}
		}
	})
	if full {
		h.repairOne(key, h.now()) // the held events are dropped, and read from the store like the missed ones
	}
	return held
}

// release delivers the held events of a room and ends the holding. It does nothing if the events are held for another
// repair.
func (h *Hub) release(key place, mark uint64) {
	sh := h.shardOf(key)
	for {
		var events []chat.Event
		sh.locked(func() {
			r := sh.places[key]
			if r == nil || r.hold != mark {
				return
			}
			events, r.held = r.held, nil
			if len(events) == 0 {
				r.hold = 0
			}
		})
		if len(events) == 0 {
			return
		}
		for _, e := range events {
			guard.Run(h.log, "an event that was held", func() { h.apply(e) })
		}
	}
}

// lose calls Lost for the subscriptions to a room's messages, so that their clients resume.
func (h *Hub) lose(key place) {
	sh := h.shardOf(key)
	sh.locked(func() {
		if r := sh.places[key]; r != nil {
			r.lose()
		}
	})
}

// lose calls Lost for the subscriptions to the room's messages. The shard's lock is held.
func (r *room) lose() {
	for _, kind := range []Kind{Messages, feed} {
		each(r.hub.log, r.subs[kind], func(s *Subscription) { s.to.Lost() })
	}
}

// rooms returns the rooms with subscribers.
func (h *Hub) rooms() (out []*room) {
	h.eachPlace(func(key place, r *room) {
		if key.login == "" && !r.empty() {
			out = append(out, r)
		}
	})
	return out
}

// eachPlace calls f for each room and user's topic, with the shard's lock held.
func (h *Hub) eachPlace(f func(key place, r *room)) {
	for i := range h.shards {
		sh := &h.shards[i]
		sh.locked(func() {
			for key, r := range sh.places {
				f(key, r)
			}
		})
	}
}

func (h *Hub) repairRoom(ctx context.Context, r *room, since time.Time) error {
	if err := h.recheck(ctx, r); err != nil {
		return err
	}
	listening, known := r.deliversSince(since)
	if !listening {
		return nil
	}
	if known.After(since) {
		h.tooFarBehind(r)
		return nil
	}
	if err := h.repairMessages(ctx, r, since); err != nil {
		return err
	}
	return h.repairChanges(ctx, r, since)
}

// deliversSince reports whether the room has subscribers to messages. known is since, or the time of the floor if that
// is later: for messages older than the floor it is not known whether they were delivered.
func (r *room) deliversSince(since time.Time) (listening bool, known time.Time) {
	r.shard.mu.Lock()
	defer r.shard.mu.Unlock()
	if floor := r.recent.floor; !floor.IsZero() && floor.Time().After(since) {
		since = floor.Time()
	}
	return len(r.subs[Messages]) > 0 || len(r.subs[feed]) > 0, since
}

// repairMessages delivers the undelivered messages since the given time, oldest first.
func (h *Hub) repairMessages(ctx context.Context, r *room, since time.Time) error {
	missed, err := h.missed(ctx, r, since)
	if err != nil {
		return err
	}
	for d, err := range missed.Each(ctx) {
		if err != nil {
			return err
		}
		h.applyMissed(r, d.Event.(chat.MessagePosted).Message)
	}
	return nil
}

func (h *Hub) tooFarBehind(r *room) {
	h.log.Warn("too far behind to repair; clients have to resume", "room", r.name)
	h.lose(r.key)
}

// repairKeeps bounds the texts that a repair of a room keeps; see Missed.
const repairKeeps = 4 << 20

// missed finds the undelivered messages since the given time. It reads backwards: in this direction, a message is never
// found without those that its author posted before it. In the other direction, a message could be stored late, on a page
// that has been read already, and one that follows it be found on the next page.
//
// If there are more than recentMost such messages, the room's subscribers have to resume instead. The same holds if a
// message is ahead of time, because its id does not say when it was posted. That happens once: later ones are above the
// floor then.
func (h *Hub) missed(ctx context.Context, r *room, since time.Time) (*Missed, error) {
	out := &Missed{hub: h, room: r, keeps: repairKeeps}
	defer func() { slices.Reverse(out.list) }()
	first, ahead := id.FirstAt(since), id.FirstAt(h.now().Add(h.opts.Overlap))
	if first.Compare(ahead) > 0 {
		ahead = id.Max // since is the time of a floor that is ahead of time
	}
	for at := id.Max; ; {
		ms, err := h.opts.History.Older(ctx, r.at(), at, repairPage)
		if err != nil {
			return nil, err
		}
		for _, m := range ms {
			if m.ID.Compare(first) < 0 {
				return out, nil
			}
			if r.delivered(m.ID) {
				continue
			}
			if m.ID.Compare(ahead) > 0 {
				r.shard.locked(func() { r.recent.raise(m.ID) })
				h.tooFarBehind(r)
				return &Missed{}, nil
			}
			out.add(m)
		}
		if chat.AtEnd(ms, repairPage) {
			return out, nil
		}
		if len(out.list) > recentMost {
			h.tooFarBehind(r)
			return &Missed{}, nil
		}
		at = ms[len(ms)-1].ID
	}
}

// repairSlack is how much older than a subscription a message may be that a repair delivers to it. An id is made a
// moment before its message becomes visible, and perhaps by another clock.
const repairSlack = time.Second

// applyMissed delivers a message unless it has been delivered.
func (h *Hub) applyMissed(r *room, m chat.Message) {
	r.shard.mu.Lock()
	defer r.shard.mu.Unlock()
	h.deliverMissed(r, m, repairSlack, h.now())
}

// deliverMissed delivers a message unless it has been, or may have been, delivered before. A subscription receives it
// if it began before the message was posted or at most slack after, or if it resumed from a position before the
// message. The shard's lock is held.
func (h *Hub) deliverMissed(r *room, m chat.Message, slack time.Duration, now time.Time) {
	if !r.recent.floor.IsZero() && m.ID.Compare(r.recent.floor) <= 0 || !r.recent.add(m.ID, now) {
		return
	}
	d := h.delivery(r, m)
	new := func(s *Subscription) bool { return s.expects(m.ID, now) || m.ID.Time().After(s.since.Add(-slack)) }
	each(h.log, r.subs[Messages], func(s *Subscription) {
		if new(s) {
			s.deliver(d, now)
		}
	})
	r.deliverToFeeds(d.Event.(chat.MessagePosted), now, new)
}

// recheck ends the subscriptions whose users are not in the room any more.
func (h *Hub) recheck(ctx context.Context, r *room) error {
	seen := make(map[string]bool)
	r.shard.locked(func() {
		for kind := range r.subs[:User] { // followRooms checks the room feeds
			for _, s := range r.subs[kind] {
				seen[s.who.Login] = true
			}
		}
	})
	for batch := range slices.Chunk(slices.Sorted(maps.Keys(seen)), membersBatch) {
		if err := h.recheckAs(ctx, r, batch, 0); err != nil {
			return err
		}
	}
	return nil
}

// recheckAs ends the subscriptions of those of the logins that are not in the room any more, or all subscriptions if
// the room is deleted. The logins are ascending. Before it ends any it waits for grace: an event on the bus may do that.
func (h *Hub) recheckAs(ctx context.Context, r *room, logins []string, grace time.Duration) error {
	began := h.now()
	deleted, out, err := h.outside(ctx, r, logins)
	if err != nil || !deleted && len(out) == 0 {
		return err
	}
	if grace > 0 {
		select {
		case <-time.After(grace):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if deleted {
		var creator string
		there := false
		r.shard.locked(func() { creator, there = r.creator, r.shard.places[r.key] == r })
		if there {
			h.apply(chat.RoomDeleted{Place: r.at(), By: creator}) // only the creator can delete a room
		}
		return nil
	}
	for _, login := range out {
		h.dismiss(r, login, began)
	}
	return nil
}

// membersBatch is how many logins one call of Options.Members checks. Up to membersFew logins are checked one by one.
const (
	membersBatch = 5000
	membersFew   = 16
)

// outside returns which of the logins are not in the room, or that the room is deleted. The logins are ascending.
func (h *Hub) outside(ctx context.Context, r *room, logins []string) (deleted bool, out []string, err error) {
	single := logins
	if h.opts.Members != nil && len(logins) > membersFew {
		single = logins[:1] // for the room itself
		in, err := h.opts.Members(ctx, r.key.tenant, r.ref(), logins[1:])
		if err != nil {
			return false, nil, err
		}
		out = slices.DeleteFunc(slices.Clone(logins[1:]), func(login string) bool { return in[login] })
	}
	for _, login := range single {
		now, in, err := h.opts.Inside(ctx, chat.Identity{Tenant: r.key.tenant, Login: login}, r.name)
		switch {
		case chat.IsKind(err, chat.NotFound) || err == nil && !now.ID.IsZero() && now.ID != r.key.room:
			return true, nil, nil
		case err != nil:
			return false, nil, err
		case !in:
			out = append(out, login)
		}
	}
	return false, out, nil
}

// dismiss ends the subscriptions to a room that a login, which was found not to be in it at that moment, had then. They
// receive the event of it; others receive it from the node where it happened.
func (h *Hub) dismiss(r *room, login string, at time.Time) {
	var ended []*Subscription
	r.shard.locked(func() {
		h.departures.add(r.key, login)
		now := h.now()
		left := chat.ParticipantLeft{Place: r.at(), Person: chat.Person{Login: login}}
		is := func(s *Subscription) bool { return s.who.Login == login && !s.since.After(at) }
		for kind, topic := range map[Kind]Kind{Participants: Participants, feed: User} {
			d := &Delivery{Kind: topic, Room: r.name, ID: h.ids.New(), Event: left}
			each(h.log, r.subs[kind], func(s *Subscription) {
				if is(s) {
					s.deliver(d, now)
				}
			})
		}
		ended = r.endAll(is)
		if len(ended) > 0 {
			r.emptySince = now
		}
	})
	for _, s := range ended {
		h.presence.left(s)
	}
}
