package chat

import (
	"context"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
)

const (
	// settleFor bounds how long the outcome of a change is looked for. A store may go on with a write after it has given
	// up waiting for it, but not for that long.
	settleFor = 2 * time.Minute
	// settleFirst is the pause after the first look, settleMost the longest one; in between it doubles.
	settleFirst = 250 * time.Millisecond
	settleMost  = 16 * time.Second
	// maxUnsettled bounds the changes that are looked for. A store in deep trouble costs delivery then.
	maxUnsettled   = 4096
	settleParallel = 8
)

// settling looks for changes whose outcome the store did not report.
type settling struct {
	ctx   context.Context // ends with the service
	looks chan struct{}   // one token for each look under way
	done  sync.WaitGroup

	mu     sync.Mutex // guards done against being added to after close
	closed bool
	count  int
}

func newSettling(ctx context.Context) *settling {
	return &settling{ctx: ctx, looks: make(chan struct{}, settleParallel)}
}

// close waits for the looks to end. Their context has to have ended.
func (x *settling) close() {
	x.mu.Lock()
	x.closed = true
	x.mu.Unlock()
	x.done.Wait()
}

// spawn runs f apart from the caller; false if there is no place for it.
func (x *settling) spawn(f func()) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed || x.count == maxUnsettled {
		return false
	}
	x.count++
	x.done.Go(func() {
		defer func() {
			x.mu.Lock()
			defer x.mu.Unlock()
			x.count--
		}()
		f()
	})
	return true
}

// settle publishes the event of a change that failed with err if it turns out to be stored all the same: after
// Unavailable, the caller does not know, and the write may even land later. look returns the event once the change can be
// read, nil before; it is called with growing pauses for settleFor. Without this, subscribers would miss something that
// is stored, and those who resume after a newer message too.
func (s *Service) settle(room id.ID, err error, look func(ctx context.Context) (Event, error)) {
	if !IsKind(err, Unavailable) {
		return
	}
	started := s.settling.spawn(func() {
		guard.Run(s.log, "looking for a change of unknown outcome", func() {
			if e := s.settling.await(look); e != nil {
				s.order.begin(room, s.ids).finish(s.settling.ctx, e)
			}
		})
	})
	if !started {
		s.log.Warn("the outcome of a change is unknown and not looked for: subscribers may miss it", "room", room)
	}
}

// await calls look until it has an event, settleFor is over or the service ends.
func (x *settling) await(look func(ctx context.Context) (Event, error)) Event {
	began := time.Now()
	for pause := settleFirst; time.Since(began) < settleFor; pause = min(2*pause, settleMost) {
		if e := x.look(look); e != nil {
			return e
		}
		select {
		case <-x.ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
	return nil
}

func (x *settling) look(look func(ctx context.Context) (Event, error)) Event {
	select {
	case x.looks <- struct{}{}:
		defer func() { <-x.looks }()
	case <-x.ctx.Done():
		return nil
	}
	ctx, cancel := context.WithTimeout(x.ctx, writeTimeout)
	defer cancel()
	e, err := look(ctx)
	if err != nil {
		return nil // tried again
	}
	return e
}

// settleMessage is settle for a message that may be in a room's log.
func (s *Service) settleMessage(t Tenant, r Room, m id.ID, err error) {
	s.settle(r.ID, err, func(ctx context.Context) (Event, error) {
		stored, err := s.shown(r).Message(ctx, r.Log(t), m)
		if err != nil {
			return nil, err
		}
		return MessagePosted{Place: r.place(t), Message: stored, Retried: true}, nil
	})
}

// settleMembership is settle for a participant who may have joined or left.
func (s *Service) settleMembership(t Tenant, r Room, p Person, join bool, err error) {
	s.settle(r.ID, err, func(ctx context.Context) (Event, error) {
		_, err := s.store.Participant(ctx, t, r.ID, p.Login)
		there := err == nil
		if err != nil && !IsKind(err, NotFound) || there != join {
			return nil, err
		}
		s.forgetMember(t, r.ID, p.Login)
		return membershipEvent(r.place(t), p, join, true), nil
	})
}

// settleChange is settle for a change of a message: it is stored when its entry is, and deciding about the message anew
// finds nothing to do.
func (s *Service) settleChange(t Tenant, r Room, c Change, m id.ID, err error, decide func(now Message) (Change, error)) {
	if c.Kind == "" {
		return
	}
	l := r.Log(t)
	s.settle(r.ID, err, func(ctx context.Context) (Event, error) {
		if _, err := s.store.Message(ctx, ChangesOf(l), c.ID); err != nil {
			return nil, err
		}
		now, err := s.store.Message(ctx, l, m)
		if err != nil {
			return nil, err
		}
		if todo, err := decide(now); err == nil && todo.Kind != "" {
			return nil, nil
		}
		return MessageChanged{Place: r.place(t), Change: c.ID, Kind: c.Kind, Message: now}, nil
	})
}
