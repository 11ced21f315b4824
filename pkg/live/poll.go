package live

import (
	"context"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
)

// While a node is unreachable, the hub polls all rooms with subscribers: every Options.Beat it reads their messages and
// changes from the store. As in a repair, it drops what was delivered already. Events of nodes that are received cost
// only the read.
//
// Every pollMembersEvery the hub also checks who is in which room. The load of both is bounded: the pause after each is
// a multiple of the time it took. Every pollSignalsEvery it calls the handlers of signals that are polled.
const (
	pollMembersEvery = 15 * time.Second
	pollSignalsEvery = 5 * time.Second
	pollPause        = 2  // times the duration of the poll: polls take at most a third of the time
	pollMembersPause = 10 // times the duration of the check
	// pollEachTimeout bounds the reads for one room or user.
	pollEachTimeout = 10 * time.Second
)

// span is the time from one moment to another.
type span struct{ from, to time.Time }

// add makes s end at to. s then begins at from, unless s began earlier and reached from: in that case its beginning
// stays.
func (s *span) add(from, to time.Time) {
	if from.After(s.to) || from.Before(s.from) {
		s.from = from
	}
	s.to = to
}

// covered returns the end of s if s contains since. Otherwise it returns since.
func (s *span) covered(since time.Time) time.Time {
	if !since.Before(s.from) && since.Before(s.to) {
		return s.to
	}
	return since
}

// polls records the time span that was polled for all rooms. When an unreachable node is received again, its repair
// begins at the end of that span, however long the node was unreachable.
type polls struct {
	mu     sync.Mutex
	polled span
	// readings are those that subscriptions to users' topics received, while a node is unreachable.
	readings map[*Subscription]readings
}

// keep forgets what subscriptions other than these received.
func (p *polls) keep(users []*Subscription) {
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := make(map[*Subscription]readings, len(users))
	for _, s := range users {
		if known, ok := p.readings[s]; ok {
			kept[s] = known
		}
	}
	p.readings = kept
}

func (p *polls) known(s *Subscription) readings {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.readings[s]
}

func (p *polls) learned(s *Subscription, now readings) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.readings[s] = now
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

// pollLoop polls while a node is unreachable. When no node is unreachable any more, it polls once more: the last one
// may have stored something just before it ended.
func (h *Hub) pollLoop(ctx context.Context) {
	var from time.Time    // since when events may be undelivered; zero if none are
	var members time.Time // when to check the members next
	var signals time.Time // when to poll the signals next
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
		if began.After(signals) || len(nodes) == 0 {
			guard.Run(h.log, "polling signals", h.signals.poll)
			signals = began.Add(pollSignalsEvery)
		}
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
				h.polls.keep(nil)
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

// polledFrom returns the beginning of the span that a poll covers. A poll reads further back than from, by the overlap.
// Half of the overlap is kept for differences between the clocks of nodes.
func (h *Hub) polledFrom(from time.Time) time.Time { return from.Add(-h.opts.Overlap / 2) }

// poll delivers the undelivered events of all rooms since from. A room that cannot be read does not keep the others
// from being polled. The next poll reads it from the same moment.
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
	listening, known := r.deliversSince(since)
	if !listening {
		return nil
	}
	since = known
	// Most rooms have no new messages. This read is a cheap way to find that out. If there are any, missed reads them
	// again, in the right order for delivery.
	newest, err := h.opts.History.Newer(ctx, r.at(), id.FirstAt(since), true, repairPage)
	if err != nil {
		return err
	}
	if !chat.AtEnd(newest, repairPage) || !r.deliveredAll(newest) {
		if err := h.repairMessages(ctx, r, since); err != nil {
			return err
		}
	}
	return h.repairChanges(ctx, r, since)
}

func (r *room) deliveredAll(ms []chat.Message) bool {
	for _, m := range ms {
		if !r.delivered(m.ID) {
			return false
		}
	}
	return true
}

// pollMembers ends the subscriptions of users who are no longer in a room, and adds room feeds for rooms that users
// have joined.
// It delivers what users have read and muted: all of it at first, and then what has changed.
func (h *Hub) pollMembers(ctx context.Context) error {
	g := guard.NewGroup()
	g.SetLimit(repairParallel)
	users := h.users()
	h.polls.keep(users)
	for _, s := range users {
		goEach(ctx, g, func(ctx context.Context) error {
			if err := h.followRooms(ctx, s, true); err != nil {
				return err
			}
			now, err := h.deliverReadings(ctx, s, h.polls.known(s))
			if err == nil {
				h.polls.learned(s, now)
			}
			return err
		})
	}
	for _, r := range h.rooms() {
		goEach(ctx, g, func(ctx context.Context) error { return h.recheck(ctx, r) })
	}
	return g.Wait()
}

// goEach runs f, the work for one room or user, in a group and within pollEachTimeout.
func goEach(ctx context.Context, g guard.Group, f func(ctx context.Context) error) {
	g.Go(func() error {
		ctx, cancel := context.WithTimeout(ctx, pollEachTimeout)
		defer cancel()
		return f(ctx)
	})
}
