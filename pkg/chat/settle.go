package chat

import (
	"context"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
)

const (
	// settleFor bounds how long the service looks for the outcome of a change. A store may finish a write after it has
	// stopped waiting for it, but not that much later.
	settleFor = 2 * time.Minute
	// settleFirst is the pause after the first look. The pause doubles up to settleMost.
	settleFirst = 250 * time.Millisecond
	settleMost  = 16 * time.Second
	// maxUnsettled bounds the changes that are looked for. Beyond it, changes may be stored without being delivered.
	maxUnsettled   = 4096
	settleParallel = 8
)

// settling looks for changes whose outcome is unknown because the store did not report it.
type settling struct {
	ctx   context.Context // ends with the service
	looks chan struct{}   // one token for each running look
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

// spawn runs f on a goroutine of its own. It returns false if there are too many of them.
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

// settle publishes the event of a change that failed with err if the change turns out to be stored. After Unavailable
// the outcome is unknown, and the write may even take effect later. look returns the event once the change can be read,
// nil before; settle calls it with growing pauses for settleFor. Without settle, subscribers would miss a stored
// change, and so would those that resume after a newer message.
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
		if join {
			return ParticipantJoined{Place: r.place(t), Person: p, Repeated: true}, nil
		}
		return ParticipantLeft{Place: r.place(t), Person: p, Repeated: true}, nil
	})
}

// settleChange is settle for a change of a message. The change is stored if its entry is stored and decide has nothing
// left to do for the message.
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
