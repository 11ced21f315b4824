package live

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
)

// While a node is unreachable, messages and changes of all rooms with subscribers are polled: read from the store
// every Options.Beat. What was delivered already is dropped, as in a repair, so a node that is received as well costs
// nothing but the read. Who is in which room is checked every pollMembersEvery. To be bounded, both take at most
// a fraction of the time: the pause after each is a multiple of what it took.
const (
	pollMembersEvery = 15 * time.Second
	pollPause        = 2  // times what the poll took: at most a third of the time
	pollMembersPause = 10 // times what the check took
	// pollEachTimeout bounds what is read for one room or user.
	pollEachTimeout = 10 * time.Second
)

// span is all that happened from one moment to another.
type span struct{ from, to time.Time }

// add makes s end at to, and begin at from unless it goes back further and reaches from.
func (s *span) add(from, to time.Time) {
	if from.After(s.to) || from.Before(s.from) {
		s.from = from
	}
	s.to = to
}

// covered returns the moment up to which s has all that happened since then; since itself if it does not.
func (s *span) covered(since time.Time) time.Time {
	if !since.Before(s.from) && since.Before(s.to) {
		return s.to
	}
	return since
}

// polls remembers what was polled of all rooms. A repair that is needed when a node is received again can begin
// there, however long it was unreachable.
type polls struct {
	mu     sync.Mutex
	polled span
}

func (p *polls) add(from, to time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.polled.add(from, to)
}

func (p *polls) covered(since time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.polled.covered(since)
}

// pollLoop polls while a node is unreachable, and once more when none is any longer: the last one may have ended just
// after it stored something.
func (h *Hub) pollLoop(ctx context.Context) {
	var from time.Time    // since when something may be undelivered; zero if nothing is
	var members time.Time // when to check them next
	failing := false
	for pause := h.opts.Beat; ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = h.opts.Beat
		nodes, since := h.roster.unreachable()
		if len(nodes) > 0 {
			if since = h.polls.covered(since); from.IsZero() || since.Before(from) {
				from = since
			}
		}
		if from.IsZero() {
			continue
		}
		began := h.now()
		err := h.poll(ctx, from, began)
		if err == nil && (began.After(members) || len(nodes) == 0) {
			checked := h.now()
			err = h.pollMembers(ctx)
			ended := h.now()
			members = ended.Add(max(pollMembersEvery, pollMembersPause*ended.Sub(checked)))
		}
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			h.polls.add(h.polledFrom(from), began)
			from = began
			if len(nodes) == 0 {
				from = time.Time{}
			}
		}
		if (err != nil) != failing {
			failing = err != nil
			if failing {
				h.log.Warn("cannot read what happens on servers that are not on the bus; trying again", "error", err)
			}
		}
		pause = max(pause, pollPause*h.now().Sub(began))
	}
}

// polledFrom is what a poll from a moment on counts for: it goes back further by the overlap. Half of that is left
// for the clocks of those who ask.
func (h *Hub) polledFrom(from time.Time) time.Time { return from.Add(-h.opts.Overlap / 2) }

// poll delivers what happened in all rooms since then and was not delivered. A room that cannot be read keeps no other
// from it, and is read from there on the next time.
func (h *Hub) poll(ctx context.Context, from, now time.Time) error {
	g := guard.NewGroup()
	g.SetLimit(repairParallel)
	for _, r := range h.rooms() {
		goEach(ctx, g, func(ctx context.Context) error { return h.pollRoom(ctx, r, from, now) })
	}
	return g.Wait()
}

func (h *Hub) pollRoom(ctx context.Context, r *room, from, now time.Time) error {
	r.shard.locked(func() { from = r.polled.covered(from) })
	if err := h.readPolled(ctx, r, from.Add(-h.opts.Overlap)); err != nil {
		return err
	}
	r.shard.locked(func() { r.polled.add(h.polledFrom(from), now) })
	return nil
}

func (h *Hub) readPolled(ctx context.Context, r *room, since time.Time) error {
	var listening bool
	r.shard.locked(func() {
		listening = len(r.subs[Messages]) > 0 || len(r.subs[feed]) > 0
		// Of messages older than what is remembered nobody knows whether they were delivered.
		if floor := r.recent.floor; !floor.IsZero() && floor.Time().After(since) {
			since = floor.Time()
		}
	})
	if !listening {
		return nil
	}
	// In most rooms there is nothing, which this read finds out for little. What it finds is delivered by missed, in
	// the right order.
	newest, err := h.opts.History.Newer(ctx, r.at(), id.FirstAt(since), true, repairPage)
	if err != nil {
		return err
	}
	if len(newest) == repairPage || !r.deliveredAll(newest) {
		missed, err := h.missed(ctx, r, since)
		if err != nil {
			return err
		}
		for _, m := range slices.Backward(missed) {
			h.applyMissed(r, m)
		}
	}
	return h.repairChanges(ctx, r, since)
}

func (r *room) deliveredAll(ms []chat.Message) bool {
	for _, m := range ms {
		if !r.heard(m.ID) {
			return false
		}
	}
	return true
}

// pollMembers ends the subscriptions of who is out of a room, and begins those to rooms that users have joined.
func (h *Hub) pollMembers(ctx context.Context) error {
	g := guard.NewGroup()
	g.SetLimit(repairParallel)
	for _, s := range h.users() {
		goEach(ctx, g, func(ctx context.Context) error { return h.followRooms(ctx, s, true) })
	}
	for _, r := range h.rooms() {
		goEach(ctx, g, func(ctx context.Context) error { return h.recheck(ctx, r) })
	}
	return g.Wait()
}

// goEach runs what is done for one room or user in a group, within pollEachTimeout.
func goEach(ctx context.Context, g guard.Group, f func(ctx context.Context) error) {
	g.Go(func() error {
		ctx, cancel := context.WithTimeout(ctx, pollEachTimeout)
		defer cancel()
		return f(ctx)
	})
}
