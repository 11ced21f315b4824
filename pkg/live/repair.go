package live

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// repairs remembers from when on events may have been missed.
type repairs struct {
	wake chan struct{}

	mu    sync.Mutex
	asked bool
	since time.Time
}

const (
	repairPage     = 200
	repairParallel = 8
	repairTimeout  = 30 * time.Second
	repairRetry    = time.Second
)

// ask asks for a repair of all that happened since then.
func (r *repairs) ask(since time.Time) {
	r.mu.Lock()
	if !r.asked || since.Before(r.since) {
		r.asked, r.since = true, since
	}
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *repairs) take() (since time.Time, asked bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	since, asked = r.since, r.asked
	r.asked = false
	return since, asked
}

func (r *repairs) pending() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked
}

// repairLoop makes the repairs. If the store does not answer it goes on trying; what other nodes tell
// waits for that, but not longer than Options.RepairHold.
func (h *Hub) repairLoop(ctx context.Context) {
	var failing time.Time // since when the store has not answered
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.repairs.wake:
		}
		since, asked := h.repairs.take()
		if !asked {
			continue
		}
		h.signals.doubt()
		err := h.repair(ctx, since)
		if err == nil {
			failing = time.Time{}
			h.peers.repaired(false)
			continue
		}
		if now := h.now(); failing.IsZero() {
			failing = now
		} else if now.Sub(failing) > h.opts.RepairHold {
			h.peers.repaired(true)
		}
		h.log.Warn("cannot read what was missed; trying again", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(repairRetry):
			h.repairs.ask(since)
		}
	}
}

// repair brings every room with subscribers up to date: messages since then that were not
// delivered are, subscriptions of who is out are ended, and deletions are told.
func (h *Hub) repair(ctx context.Context, since time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, repairTimeout)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(repairParallel)
	for _, s := range h.users() {
		g.Go(func() error { return h.followRooms(ctx, s, true) })
	}
	for _, r := range h.rooms() {
		g.Go(func() error { return h.repairRoom(ctx, r, since) })
	}
	return g.Wait()
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
	var messages, listening, known bool
	r.shard.locked(func() {
		messages = len(r.subs[Messages]) > 0
		listening = messages || len(r.subs[news]) > 0
		// Of messages older than what is remembered nobody knows whether they were delivered.
		known = r.recent.floor.IsZero() || !r.recent.floor.Time().After(since)
		if listening && !known {
			h.log.Warn("too far behind to repair; clients have to resume", "room", r.name)
			for _, kind := range []Kind{Messages, news} {
				each(h.log, r.subs[kind], func(s *Subscription) { s.to.Lost() })
			}
		}
	})
	if !listening || !known {
		return nil
	}
	missed, err := h.missed(ctx, r, since)
	if err != nil {
		return err
	}
	for _, m := range slices.Backward(missed) {
		h.applyMissed(r, m)
	}
	if !messages {
		return nil
	}
	return h.repairChanges(ctx, r, since)
}

// missed reads the messages since then that were not delivered, newest first: in this direction a message is
// never found without those that its author had posted before. The other way, one that is stored late could be
// overlooked on a page already read, and one that follows it be found on the next.
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
	r.deliverNews(d.Event.(chat.MessagePosted), now, new)
}

// recheck ends the subscriptions whose users are not in the room any more.
func (h *Hub) recheck(ctx context.Context, r *room) error {
	var creator string
	logins := make(map[string]bool)
	r.shard.locked(func() {
		for kind := range r.subs[:User] { // followRooms sees to those of news
			for _, s := range r.subs[kind] {
				logins[s.who.Login] = true
			}
		}
		creator = r.creator
	})
	place := chat.Place{Tenant: r.key.tenant, Room: r.ref()}
	for login := range logins {
		now, err := h.opts.Access(ctx, chat.Identity{Tenant: r.key.tenant, Login: login}, r.name)
		switch {
		case chat.IsKind(err, chat.NotFound) || err == nil && now.ID != r.key.room:
			// Only its creator deletes a room.
			h.apply(chat.RoomDeleted{Place: place, By: creator})
			return nil
		case chat.IsKind(err, chat.Forbidden):
			h.dismiss(r, login)
		case err != nil:
			return err
		}
	}
	return nil
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
