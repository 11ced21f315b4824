package client

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"time"

	"github.com/confab-chat/confab/pkg/id"
)

// disorder is how much later than its id says a message may become visible: servers make ids by clocks of their own.
const disorder = 10 * time.Second

// Subscription delivers the messages of a room and what happens to them. One goroutine at a time may use it, except Close.
type Subscription struct {
	live  *Live
	room  string
	floor ID            // what is older is not asked for
	wake  chan struct{} // there may be something for Next

	// Used by the consumer alone.
	pending []Event // come before queue
	missed  *walk   // through what the connection did not deliver; nil: there is none
	seen    recent
	retry   backoff
	over    error // why there is nothing more

	// Guarded by live.mu.
	queue   []Event
	behind  bool   // events were dropped or not delivered: they have to be read from the server
	dropped ID     // the oldest of those dropped
	newest  ID     // that Next has returned
	wire    string // its id on the present connection; empty: it is not subscribed there
	doubted bool   // the server may not want it any more: Next finds out
	closed  bool
}

// SubscribeOption configures a subscription.
type SubscribeOption func(*Subscription)

// After begins with the oldest event newer than the position, instead of with what comes from now on. A program that keeps
// the ID of the last event it has handled goes on from there. With several servers an event may become visible up to ten
// seconds later than its ID says: a program that must not miss any takes a position that much older, and handles doubles.
func After(position ID) SubscribeOption { return func(s *Subscription) { s.floor = position } }

// Subscribe delivers what happens in a room from now on: everything that becomes visible after the call, whether or not
// there is a connection yet. The client's user has to be in the room. At most 999 subscriptions of a Live are possible.
func (l *Live) Subscribe(ctx context.Context, room string, options ...SubscribeOption) (*Subscription, error) {
	s := &Subscription{live: l, room: room, wake: make(chan struct{}, 1)}
	for _, o := range options {
		o(s)
	}
	header, err := s.admitted(ctx)
	if err != nil {
		return nil, err
	}
	if s.floor.IsZero() {
		// By the server's clock, which ids go by. What is there already counts as seen.
		now, err := http.ParseTime(header.Get("Date"))
		if err != nil {
			now = time.Now()
		}
		s.floor = id.FirstAt(now.Add(-2 * disorder))
		for w := newWalk(s.floor); !w.done; {
			events, err := w.step(ctx, s)
			if err != nil {
				return nil, err
			}
			for _, e := range events {
				s.seen.add(e.ID)
			}
		}
	}
	s.newest = s.floor
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return nil, l.err
	}
	if len(l.subs) == maxSubscriptions {
		return nil, errors.New("client: too many subscriptions on one connection")
	}
	l.subs = append(l.subs, s)
	notify(l.changed)
	return s, nil
}

// admitted asks the server whether the user may read the room.
func (s *Subscription) admitted(ctx context.Context) (http.Header, error) {
	return s.live.c.call(ctx, request{method: http.MethodGet, path: path("messages", s.room) + "?fetchSize=1"}, nil, nil)
}

// Events goes through the events of the subscription, waiting for each, until ctx or the subscription ends. The error is
// the last that it yields. It may be called again to go on.
func (s *Subscription) Events(ctx context.Context) iter.Seq2[Event, error] { return all(ctx, s.Next) }

func all[T any](ctx context.Context, next func(context.Context) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			v, err := next(ctx)
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// Close ends the subscription. Next then returns ErrClosed.
func (s *Subscription) Close() { s.live.end(s) }

// Next returns the next event and waits until there is one. When ctx has ended it returns ctx's error, and may be called
// again with another one. Any other error is final: the user is not in the room any more (IsForbidden), the room was deleted
// (IsNotFound), the credentials are not accepted (IsUnauthenticated), or it is ErrClosed. That the server is away is no error.
func (s *Subscription) Next(ctx context.Context) (Event, error) {
	for ctx.Err() == nil {
		if s.over != nil {
			return Event{}, s.over
		}
		if len(s.pending) > 0 {
			e := s.pending[0]
			s.pending = s.pending[1:]
			if s.fresh(e.ID) {
				return e, nil
			}
			continue
		}
		if s.missed != nil {
			s.attempt(ctx, s.readMissed)
			continue
		}
		s.take(ctx)
	}
	return Event{}, context.Cause(ctx)
}

// readMissed reads a page of what the connection did not deliver.
func (s *Subscription) readMissed(ctx context.Context) (err error) {
	if s.pending, err = s.missed.step(ctx, s); err == nil && s.missed.done {
		s.missed = nil
	}
	return err
}

// take gets what the connection has delivered, or begins to read what it has not, or waits.
func (s *Subscription) take(ctx context.Context) {
	l := s.live
	l.mu.Lock()
	switch {
	case s.closed:
		s.over = ErrClosed
	case len(s.queue) > 0:
		s.pending, s.queue = s.queue, nil
	case l.err != nil:
		s.over = l.err
	case s.doubted:
		l.mu.Unlock()
		s.attempt(ctx, s.ask)
		return
	case s.behind:
		// Before it reads: what is delivered meanwhile has its place in the queue.
		s.missed = newWalk(s.resume())
		if !s.dropped.IsZero() && s.dropped.Compare(s.missed.at) <= 0 {
			s.missed = newWalk(s.dropped.Before())
		}
		s.behind, s.dropped = false, ID{}
	default:
		l.mu.Unlock()
		select {
		case <-s.wake:
		case <-ctx.Done():
		}
		return
	}
	l.mu.Unlock()
}

// ask finds out whether a doubted subscription may go on.
func (s *Subscription) ask(ctx context.Context) error {
	_, err := s.admitted(ctx)
	if err == nil {
		s.live.mu.Lock()
		defer s.live.mu.Unlock()
		s.doubted = false
		notify(s.live.changed)
	}
	return err
}

// attempt calls f, which talks to the server. If the server refuses, the subscription is over; for any other error there is
// a pause, and the caller tries anew.
func (s *Subscription) attempt(ctx context.Context, f func(context.Context) error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.live.ctx, cancel)()
	err := f(ctx)
	status := StatusOf(err)
	switch {
	case err == nil:
		s.retry.reset()
	case s.live.ctx.Err() != nil:
		s.over = ErrClosed
	case ctx.Err() != nil: // Next returns its error
	case status >= 400 && status < 500 && !IsTemporary(err):
		s.over = err
		s.live.end(s)
	default:
		s.live.c.log.Warn("what was missed in a room cannot be read yet", "room", s.room, "error", err)
		_ = sleep(ctx, s.retry.next()+RetryAfter(err)) // Next looks at ctx
	}
}

// push queues an event. live.mu is held.
func (s *Subscription) push(e Event, limit int) {
	if s.behind || len(s.queue) >= limit {
		// It is read from the server later, with all that follows.
		for _, lost := range append(s.queue, e) {
			if s.dropped.IsZero() || lost.ID.Compare(s.dropped) < 0 {
				s.dropped = lost.ID
			}
		}
		s.behind, s.queue = true, nil
	} else {
		s.queue = append(s.queue, e)
	}
	notify(s.wake)
}

// resume returns the position from which nothing is missed: somewhat older than the newest event, and doubles are dropped.
// live.mu is held.
func (s *Subscription) resume() ID {
	from := id.FirstAt(s.newest.Time().Add(-disorder))
	if from.Compare(s.floor) < 0 {
		return s.floor
	}
	return from
}

// fresh reports whether an event is to be returned: it has not been yet, and the subscription was not closed. It records
// that it is.
func (s *Subscription) fresh(event ID) bool {
	s.live.mu.Lock()
	defer s.live.mu.Unlock()
	if s.closed {
		s.over = ErrClosed
		return false
	}
	if !s.seen.add(event) {
		return false
	}
	if event.Compare(s.newest) > 0 {
		s.newest = event
	}
	return true
}

// recent remembers the ids of the last events: at least rememberedEvents, and all that a resumption may bring again.
type recent struct {
	has    map[ID]struct{}
	order  []ID
	newest ID
}

// rememberedEvents is as many as a server remembers of a room.
const rememberedEvents = 8192

// add reports whether event was not there.
func (r *recent) add(event ID) bool {
	if _, there := r.has[event]; there {
		return false
	}
	if r.has == nil {
		r.has = make(map[ID]struct{})
	}
	r.has[event] = struct{}{}
	r.order = append(r.order, event)
	if event.Compare(r.newest) > 0 {
		r.newest = event
	}
	for len(r.order) > rememberedEvents && r.order[0].Time().Before(r.newest.Time().Add(-2*disorder)) {
		delete(r.has, r.order[0])
		r.order = r.order[1:]
	}
	return true
}

// walk reads what the connection did not deliver: first the changes of messages, then the messages.
type walk struct {
	from, at ID
	messages bool // it has come to the messages
	done     bool
}

func newWalk(from ID) *walk { return &walk{from: from, at: from} }

// step reads the next page.
func (w *walk) step(ctx context.Context, s *Subscription) (events []Event, err error) {
	if w.messages {
		return w.stepMessages(ctx, s)
	}
	p, err := s.live.c.changes(ctx, s.room, w.at)
	if err != nil {
		return nil, err
	}
	for _, c := range p.Changes {
		if _, had := s.seen.has[c.Message.ID]; !had && c.Message.ID.Compare(w.from) > 0 {
			s.seen.add(c.ID) // the message comes later in this walk, as it is after the change
			continue
		}
		events = append(events, Event{ID: c.ID, Kind: c.Kind, Message: c.Message})
	}
	if p.HasMore && p.Next.Compare(w.at) > 0 {
		w.at = p.Next
	} else {
		w.at, w.messages = w.from, true
	}
	return events, nil
}

func (w *walk) stepMessages(ctx context.Context, s *Subscription) (events []Event, err error) {
	p, err := s.live.c.page(ctx, s.room, "after", w.at)
	if err != nil {
		return nil, err
	}
	for _, m := range p.Messages {
		events = append(events, Event{ID: m.ID, Kind: Posted, Message: m})
		w.at = m.ID
	}
	w.done = !p.HasMore || len(p.Messages) == 0
	return events, nil
}
