package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-stomp/stomp/v3/frame"
)

const (
	messagesTopic = "/topic/messages/"
	userTopic     = "/topic/me"
	// queueLength bounds what waits for one consumer.
	queueLength = 1024
	// maxSubscriptions is what a server allows on a connection, without that to userTopic.
	maxSubscriptions = 999
)

// Live is one connection that delivers what happens, kept up over restarts of the server and failures of the network. All
// methods may be called concurrently.
type Live struct {
	c       *Client
	ctx     context.Context
	cancel  context.CancelFunc
	done    chan struct{}
	changed chan struct{} // a subscription came, went or may be tried anew
	queue   int           // length of consumers' queues

	mu      sync.Mutex // guards what follows, and the fields that Subscription and Notices say it does
	subs    []*Subscription
	active  map[string]*Subscription // on the present connection, by the id that they have there
	notices []*Notices
	open    bool // the server has accepted all subscriptions
	counter int
	err     error // why there will be no connection any more
}

// Live starts a connection that lasts until Close. It returns immediately: the connection is made in the background.
func (c *Client) Live() *Live {
	l := &Live{c: c, done: make(chan struct{}), changed: make(chan struct{}, 1), queue: queueLength}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	go l.run()
	return l
}

// Close ends the connection and all subscriptions, and waits until the goroutines of Live have ended.
func (l *Live) Close() {
	l.fail(ErrClosed)
	l.cancel()
	<-l.done
}

// run keeps a connection until the end.
func (l *Live) run() {
	defer close(l.done)
	var b backoff
	for {
		s, err := l.c.dial(l.ctx)
		if err == nil {
			err = l.serve(s, &b)
		}
		if l.ctx.Err() != nil {
			return
		}
		if IsUnauthenticated(err) || IsForbidden(err) {
			l.c.log.Error("the server does not accept the credentials any more", "error", err)
			l.fail(err)
			return
		}
		pause := b.next() + RetryAfter(err)
		if restarting(err) {
			l.c.log.Info("the server restarts; connecting again", "in", pause)
		} else {
			l.c.log.Warn("the live connection was lost or could not be made; connecting again", "in", pause, "error", err)
		}
		if sleep(l.ctx, pause) != nil {
			return
		}
	}
}

// fail ends all subscriptions.
func (l *Live) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = err
	}
	for _, s := range l.subs {
		notify(s.wake)
	}
	for _, n := range l.notices {
		notify(n.wake)
	}
}

// serve runs one connection until it ends, and says why it did.
func (l *Live) serve(s *socket, b *backoff) error {
	l.reset()
	defer l.reset()
	var said error
	received := make(chan struct{})
	go func() {
		defer close(received)
		said = l.receive(s, b)
	}()
	stop := context.AfterFunc(l.ctx, s.close)
	defer stop()
	err := l.write(s, received)
	s.close()
	<-received
	// What the server said last explains more than a write that failed.
	if err == nil || errors.As(said, new(refusal)) || restarting(said) {
		return said
	}
	return err
}

// reset forgets what a connection had.
func (l *Live) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open, l.active = false, make(map[string]*Subscription)
	for _, sub := range l.subs {
		sub.wire = ""
	}
}

// write sends subscriptions and heart-beats until the receiver has ended.
func (l *Live) write(s *socket, received chan struct{}) error {
	var beat <-chan time.Time
	if s.beat > 0 {
		ticker := time.NewTicker(s.beat)
		defer ticker.Stop()
		beat = ticker.C
	}
	err := l.sendChanges(s)
	if err == nil {
		// Behind the subscriptions: the receipt of this one says that the server has accepted them all.
		// It need not repeat the messages of subscriptions.
		err = s.send(frame.New(frame.SUBSCRIBE, frame.Id, userTopic, frame.Destination, userTopic, frame.Receipt, userTopic, "skip", "open-rooms"))
	}
	for err == nil {
		select {
		case <-received:
			return nil
		case <-l.changed:
			err = l.sendChanges(s)
		case <-beat:
			err = s.send(nil)
		}
	}
	return err
}

// sendChanges subscribes and unsubscribes so that the connection has what is wanted.
func (l *Live) sendChanges(s *socket) error {
	for _, f := range l.changes() {
		if err := s.send(f); err != nil {
			return err
		}
	}
	return nil
}

func (l *Live) changes() (frames []*frame.Frame) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for wire, sub := range l.active {
		if sub.doubted || sub.closed {
			delete(l.active, wire)
			sub.wire = ""
			frames = append(frames, frame.New(frame.UNSUBSCRIBE, frame.Id, wire))
		}
	}
	for _, sub := range l.subs {
		if sub.wire != "" || sub.doubted {
			continue
		}
		// Never one that was used: what is still delivered for an earlier subscription must not count for this one.
		l.counter++
		sub.wire = strconv.Itoa(l.counter)
		l.active[sub.wire] = sub
		frames = append(frames, frame.New(frame.SUBSCRIBE, frame.Id, sub.wire, frame.Destination, messagesTopic+sub.room,
			frame.Receipt, sub.wire, "after", sub.resume().String()))
	}
	return frames
}

// receive reads frames until the connection ends. It never waits for consumers.
func (l *Live) receive(s *socket, b *backoff) error {
	for {
		f, err := s.next()
		if err != nil {
			return err
		}
		switch f.Command {
		case frame.MESSAGE:
			err = l.deliver(f)
		case frame.RECEIPT:
			l.accepted(f, b)
		case frame.ERROR:
			r := refusalOf(f)
			l.doubt(func(sub *Subscription) bool { return sub.wire != "" && sub.wire == r.receipt })
			err = r
		}
		if err != nil {
			return err
		}
	}
}

// accepted handles the receipt of a SUBSCRIBE.
func (l *Live) accepted(f *frame.Frame, b *backoff) {
	l.mu.Lock()
	defer l.mu.Unlock()
	receipt := f.Header.Get(frame.ReceiptId)
	if receipt == userTopic {
		b.reset()
		l.open = true
		l.notice(Notice{Kind: Resync})
		return
	}
	if sub := l.active[receipt]; sub != nil && f.Header.Get("recovered") != "true" {
		sub.behind = true
		notify(sub.wake)
	}
}

// doubt ends subscriptions on the connection that the server may have ended. Their consumers find out whether they may go on.
func (l *Live) doubt(which func(*Subscription) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, sub := range l.subs {
		if which(sub) {
			sub.doubted = true
			notify(sub.wake)
		}
	}
	notify(l.changed)
}

// deliver hands on a MESSAGE frame.
func (l *Live) deliver(f *frame.Frame) error {
	if f.Header.Get(frame.Destination) == userTopic {
		return l.deliverNotice(f)
	}
	e := Event{Kind: Posted}
	if kind := f.Header.Get("change"); kind != "" {
		e.Kind = Kind(kind)
	}
	err := json.Unmarshal(f.Body, &e.Message)
	if err == nil {
		e.ID, err = ParseID(f.Header.Get(frame.MessageId))
	}
	if err != nil {
		return fmt.Errorf("an event that cannot be read: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch sub := l.active[f.Header.Get(frame.Subscription)]; {
	case sub != nil && !sub.closed:
		sub.push(e, l.queue)
	case e.Kind == Posted: // the subscription was closed meanwhile, and userTopic does not repeat the message
		l.notice(Notice{Kind: MessagePosted, Room: strings.TrimPrefix(f.Header.Get(frame.Destination), messagesTopic), Message: &e.Message})
	}
	return nil
}

// notice queues a notice for all who want them. mu is held.
func (l *Live) notice(n Notice) {
	for _, each := range l.notices {
		each.push(n, l.queue)
	}
}

func (l *Live) deliverNotice(f *frame.Frame) error {
	n := Notice{Kind: NoticeKind(f.Header.Get("event")), Change: Kind(f.Header.Get("change"))}
	if err := json.Unmarshal(f.Body, &n); err != nil {
		return fmt.Errorf("a notice that cannot be read: %w", err)
	}
	if n.Kind == Left || n.Kind == RoomDeleted {
		l.doubt(func(sub *Subscription) bool { return sub.room == n.Room })
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.notice(n)
	return nil
}

// end removes a subscription.
func (l *Live) end(sub *Subscription) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sub.closed = true
	l.subs = slices.DeleteFunc(l.subs, func(s *Subscription) bool { return s == sub })
	notify(l.changed)
	notify(sub.wake)
}

// notify wakes who waits on c, which holds one value.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
