package stomp

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/live"
)

// transport carries the frames of a connection.
type transport interface {
	// wake is called when the queue has entries or the connection is ending. conn.mu is held, and perhaps locks of the
	// hub as well: wake must not block.
	wake()
	// kill ends the transport immediately, even during a write. conn.mu is held.
	kill()
	// silence returns after how long without a frame from the server beat is written. Zero means never.
	silence() (after time.Duration, beat entry)
}

// ending says how a connection ends, in the terms of WebSocket and of SockJS.
type ending struct {
	code   uint16
	reason string
	sockjs string // the closing frame
}

var (
	endGoAway  = ending{1000, "", `c[3000,"Go away!"]`}
	endFault   = ending{1002, "", `c[3000,"Go away!"]`}
	endPolicy  = ending{1008, "", `c[3000,"Go away!"]`}
	endRestart = ending{1012, "Service restart", `c[1012,"Service restart"]`}
)

// conn is one STOMP connection. Its transport passes what it reads to feed, one call at a time, and writes what is in
// the queue.
type conn struct {
	srv   *Server
	login auth.Login
	enc   *encoding
	extra bool // allows topics that KillrChat does not have
	via   transport

	// Used only by the goroutine that calls feed.
	parser    parser
	version   version
	connected atomic.Bool

	opened    time.Time
	lastRead  atomic.Int64 // ns since 1970
	lastWrite atomic.Int64
	writing   atomic.Int64 // when the running write began; 0: none is running
	beatOut   atomic.Int64 // ns; 0: none
	beatIn    atomic.Int64

	account   *account // of the user; its own before Server.start
	index     int      // in Server.conns
	sessIndex int      // in the session's list

	mu      sync.Mutex
	queue   queue
	skips   int   // the subscriptions that skip messages of open rooms; see skip.go
	posted  id.ID // while there are any: the message that was queued last for a subscription to a room's messages
	subs    []*subscription
	ending  *ending // set: nothing more is accepted
	gone    bool    // the subscriptions have ended, and the server's lists do not have it any more
	offline func()  // says that the user has this connection no longer; nil before CONNECT
	drained chan struct{}
}

// send queues a frame that is for this connection only.
func (c *conn) send(frame string) { c.enqueue(entry{enc: c.enc.whole(frame)}) }

// enqueue adds to the queue. If the queue is full, it ends the connection. It does not block.
func (c *conn) enqueue(e entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.push(e)
}

func (c *conn) push(e entry) {
	if c.ending != nil {
		return
	}
	o := &c.srv.opts
	if c.queue.n >= o.QueueMessages || c.queue.n > 0 && c.queue.bytes+e.len() > o.QueueBytes {
		c.srv.tooSlow.Add(1)
		c.queue.clear()
		c.end(errorFrame("too slow", ""), endPolicy)
		return
	}
	c.queue.push(e)
	c.via.wake()
}

// end queues a last frame, which may be empty. The connection ends when everything is written. c.mu is held.
func (c *conn) end(last string, how ending) {
	if c.ending != nil {
		return
	}
	if last != "" {
		c.queue.push(entry{enc: c.enc.whole(last)})
	}
	c.ending = &how
	c.signalDrained()
	c.via.wake()
}

// fail ends the connection with an ERROR frame.
func (c *conn) fail(message, receipt string, how ending) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.end(errorFrame(message, receipt), how)
}

// finish ends the connection without an ERROR frame.
func (c *conn) finish(last string, how ending) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.end(last, how)
}

// abandon ends the connection immediately.
func (c *conn) abandon() {
	c.cut()
	c.release()
}

func (c *conn) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending == nil {
		c.ending = &endGoAway
	}
	c.queue.clear()
	c.signalDrained()
	c.via.kill()
}

// release ends the subscriptions and removes the connection from the server's lists. No lock may be held.
func (c *conn) release() {
	c.mu.Lock()
	if c.gone {
		c.mu.Unlock()
		return
	}
	c.gone = true
	if c.ending == nil {
		c.ending = &endGoAway
	}
	c.signalDrained()
	subs, offline := c.subs, c.offline
	c.subs = nil
	c.mu.Unlock()
	if offline != nil {
		offline()
	}
	c.account.subs.Add(-int64(len(subs)))
	for _, s := range subs {
		s.live.End()
	}
	c.srv.forget(c)
}

// online counts the connection for the presence of its user. No lock may be held.
func (c *conn) online() {
	offline := c.srv.opts.Hub.Connected(c.login.Identity)
	c.mu.Lock()
	gone := c.gone
	c.offline = offline
	c.mu.Unlock()
	if gone {
		offline()
	}
}

const (
	joinFrames = 64       // most frames in one write
	joinBytes  = 64 << 10 // about as many bytes in one write
)

// take appends the entries to be written next to dst. If the queue is empty and the connection is ending, it returns
// how.
func (c *conn) take(dst []entry) (out []entry, end *ending) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.takeLocked(dst)
}

func (c *conn) takeLocked(dst []entry) ([]entry, *ending) {
	for len(dst) == 0 && c.queue.n > 0 {
		dst = slices.DeleteFunc(c.queue.take(dst, joinFrames, joinBytes), func(e entry) bool {
			return e.sub != nil && !e.keep && e.sub.dropped.Load()
		})
	}
	if c.queue.n <= c.srv.opts.QueueMessages/4 && c.queue.bytes <= min(c.srv.opts.QueueBytes/4, replayBytes/2) {
		c.signalDrained()
	}
	if len(dst) == 0 {
		return dst, c.ending
	}
	return dst, nil
}

func (c *conn) signalDrained() {
	if c.drained != nil {
		close(c.drained)
		c.drained = nil
	}
}

// replayBytes is about how many bytes of a replay are queued at a time.
const replayBytes = 512 << 10

// sendPatiently waits until the queue has room, then queues e. It returns false if the connection has ended. Replays
// use it: they may be longer than the queue, and that does not mean that the client is slow.
func (c *conn) sendPatiently(e entry) bool {
	for {
		sent, wait := c.sendOrWait(e)
		if wait == nil {
			return sent
		}
		<-wait
	}
}

// sendOrWait queues e if there is room. If there is none, it returns a channel that is closed when there may be. If the
// connection has ended, it does neither.
func (c *conn) sendOrWait(e entry) (sent bool, wait chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending != nil {
		return false, nil
	}
	o := &c.srv.opts
	if c.queue.n < o.QueueMessages/2 && (c.queue.n == 0 || c.queue.bytes+e.len() < min(o.QueueBytes/2, replayBytes)) {
		c.push(e)
		return true, nil
	}
	if c.drained == nil {
		c.drained = make(chan struct{})
	}
	return false, c.drained
}

// subscription is a client's subscription.
type subscription struct {
	conn *conn
	live *live.Subscription
	id   string // unescaped
	dest string
	line []byte // see encoding.subscriptionLine
	skip bool   // see skip.go
	// dropped is true when the client has unsubscribed. Entries still in the queue are not written then.
	dropped atomic.Bool
	ended   bool // by the hub; guarded by conn.mu
}

// Deliver implements live.Subscriber.
func (s *subscription) Deliver(d *live.Delivery) {
	if !s.wants(d) {
		return
	}
	if s.skips(d) {
		return
	}
	s.conn.enqueueDelivery(entry{enc: d.As(s.conn.enc), sub: s}, d)
}

// wants reports whether the client receives d. At KillrChat's mounts it is false for changes of messages, because
// KillrChat's front ends take every frame for a new message.
func (s *subscription) wants(d *live.Delivery) bool {
	_, change := d.Event.(chat.MessageChanged)
	return !change || s.conn.extra
}

// Ended implements live.Subscriber.
func (s *subscription) Ended() {
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	s.ended = true
	c.drop(s)
}

// Lost implements live.Subscriber.
func (s *subscription) Lost() {
	s.conn.fail("events were missed; connect again and resume", "", endPolicy)
}

// drop removes s from the list. c.mu is held.
func (c *conn) drop(s *subscription) {
	for i, t := range c.subs {
		if t == s {
			last := len(c.subs) - 1
			c.subs[i] = c.subs[last]
			c.subs[last] = nil
			if s.skip {
				c.skips--
			}
			c.subs = c.subs[:last]
			c.account.subs.Add(-1)
			return
		}
	}
}
