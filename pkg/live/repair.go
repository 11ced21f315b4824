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

// repairAll repairs all places that have subscribers, since packets of another node were missed.
func (h *Hub) repairAll(since time.Time) {
	since = since.Add(-h.opts.Overlap)
	mark := h.repairs.next()
	var places []place
	for i := range h.shards {
		sh := &h.shards[i]
		sh.locked(func() {
			for key, r := range sh.places {
				if !r.empty() {
					r.hold = mark
					places = append(places, key)
				}
			}
		})
	}
	h.repairs.ask(mark, since, h.now(), true, places...)
	h.hire()
}

// repairOne repairs one room, if it has subscribers.
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

// hire starts workers, as many as there is work for.
func (h *Hub) hire() {
	for h.repairs.hire() {
		h.spawn("repairing", h.repairSome)
	}
}

// repairSome is a worker. It makes repairs until none waits.
func (h *Hub) repairSome() {
	for {
		h.repairs.beforehand(func() { guard.Run(h.log, "doubting what is cached", h.signals.doubt) })
		key, mark, since, ok := h.repairs.take()
		if h.ctx.Err() != nil {
			return
		}
		if !ok {
			h.hire() // for a doubt that came just now
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

// repairsTick has failed repairs tried anew, and ends the holding of what has been held for long.
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

// repairPlace brings a room, or the rooms of a user, up to date: messages since then that were not delivered are,
// subscriptions of who is out are ended, and deletions are published.
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
	}
	return nil
}

// hold keeps an event of another node back while its room is repaired, so that what was missed comes first.
func (h *Hub) hold(e chat.Event) bool {
	if !h.repairs.any() {
		return false
	}
	switch e.(type) {
	case chat.MessagePosted, chat.MessageChanged, chat.ParticipantJoined, chat.ParticipantLeft, chat.RoomDeleted:
	default:
		return false // nobody minds their order
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
		h.repairOne(key, h.now()) // as missed as the rest
	}
	return held
}

// release delivers what is held in a room, and all that comes from then on, unless it is held for another repair.
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

// lose ends the subscriptions to a room's messages, for their clients to resume.
func (h *Hub) lose(key place) {
	sh := h.shardOf(key)
	sh.locked(func() {
		if r := sh.places[key]; r != nil {
			r.lose()
		}
	})
}

// lose ends the subscriptions to the room's messages. The shard's lock is held.
func (r *room) lose() {
	for _, kind := range []Kind{Messages, feed} {
		each(r.hub.log, r.subs[kind], func(s *Subscription) { s.to.Lost() })
	}
}

// rooms returns the rooms with subscribers.
func (h *Hub) rooms() (out []*room) {
	for i := range h.shards {
		sh := &h.shards[i]
		sh.locked(func() {
			for key, r := range sh.places {
				if key.login == "" && !r.empty() {
					out = append(out, r)
				}
			}
		})
	}
	return out
}

func (h *Hub) repairRoom(ctx context.Context, r *room, since time.Time) error {
	if err := h.recheck(ctx, r); err != nil {
		return err
	}
	var listening, known bool
	r.shard.locked(func() {
		listening = len(r.subs[Messages]) > 0 || len(r.subs[feed]) > 0
		// Of messages older than what is remembered nobody knows whether they were delivered.
		known = r.recent.floor.IsZero() || !r.recent.floor.Time().After(since)
	})
	if !listening {
		return nil
	}
	if !known {
		h.tooFarBehind(r)
		return nil
	}
	missed, err := h.missed(ctx, r, since)
	if err != nil {
		return err
	}
	for _, m := range slices.Backward(missed) {
		h.applyMissed(r, m)
	}
	return h.repairChanges(ctx, r, since)
}

func (h *Hub) tooFarBehind(r *room) {
	h.log.Warn("too far behind to repair; clients have to resume", "room", r.name)
	h.lose(r.key)
}

// missed reads the messages since then that were not delivered, newest first: in this direction a message is
// never found without those that its author had posted before. The other way, one that is stored late could be
// overlooked on a page already read, and one that follows it be found on the next. If they are more than a room
// remembers to have delivered, its subscribers have to resume instead.
func (h *Hub) missed(ctx context.Context, r *room, since time.Time) (out []chat.Message, err error) {
	first := id.FirstAt(since)
	for at := id.Max; ; {
		ms, err := h.opts.History.Older(ctx, r.at(), at, repairPage)
		if err != nil {
			return nil, err
		}
		for _, m := range ms {
			if m.ID.Compare(first) < 0 {
				return out, nil
			}
			if !r.heard(m.ID) {
				out = append(out, m)
			}
		}
		if len(ms) < repairPage {
			return out, nil
		}
		if len(out) > recentMost {
			h.tooFarBehind(r)
			return nil, nil
		}
		at = ms[len(ms)-1].ID
	}
}

// repairSlack is how much older than a subscription a message may be that it gets by a repair: ids are
// made a moment before their message is visible, and by other clocks.
const repairSlack = time.Second

// applyMissed delivers a message unless it has been.
func (h *Hub) applyMissed(r *room, m chat.Message) {
	r.shard.mu.Lock()
	defer r.shard.mu.Unlock()
	h.deliverMissed(r, m, repairSlack, h.now())
}

// deliverMissed delivers a message that may have been delivered before, unless it has been, to those who
// listened when it was posted, began to not longer than slack after, or resumed from before it. The shard's lock is held.
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
	var creator string
	seen := make(map[string]bool)
	r.shard.locked(func() {
		for kind := range r.subs[:User] { // followRooms sees to those of news
			for _, s := range r.subs[kind] {
				seen[s.who.Login] = true
			}
		}
		creator = r.creator
	})
	logins := slices.Sorted(maps.Keys(seen))
	for batch := range slices.Chunk(logins, membersBatch) {
		deleted, out, err := h.outside(ctx, r, batch)
		if err != nil {
			return err
		}
		if deleted {
			// Only its creator deletes a room.
			h.apply(chat.RoomDeleted{Place: r.at(), By: creator})
			return nil
		}
		for _, login := range out {
			h.dismiss(r, login)
		}
	}
	return nil
}

// membersBatch is how many logins are checked by one call of Options.Members; few are checked one by one.
const (
	membersBatch = 5000
	membersFew   = 16
)

// outside returns those of the logins, which are ascending, that are not in the room, or that the room is deleted.
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
		now, err := h.opts.Access(ctx, chat.Identity{Tenant: r.key.tenant, Login: login}, r.name)
		switch {
		case chat.IsKind(err, chat.NotFound) || err == nil && now.ID != r.key.room:
			return true, nil, nil
		case chat.IsKind(err, chat.Forbidden):
			out = append(out, login)
		case err != nil:
			return false, nil, err
		}
	}
	return false, out, nil
}

// dismiss ends a login's subscriptions to a room.
func (h *Hub) dismiss(r *room, login string) {
	var ended []*Subscription
	r.shard.locked(func() {
		h.departures.add(r.key, login)
		ended = r.endAll(func(s *Subscription) bool { return s.who.Login == login })
		r.emptySince = h.now()
	})
	for _, s := range ended {
		h.presence.left(s)
	}
}
