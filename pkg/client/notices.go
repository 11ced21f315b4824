package client

import (
	"context"
	"iter"
	"slices"
)

// NoticeKind is what a Notice is about.
type NoticeKind string

// The kinds of notices.
const (
	// Resync says that notices before this one may be missing: read what the program needs, with MyRooms for example. It is
	// the first notice, and comes whenever the connection was made anew or the queue was full.
	Resync NoticeKind = "resync"

	// MessagePosted says that Message is new. Those of a room that has a Subscription of this Live come there instead, and
	// perhaps here too.
	MessagePosted  NoticeKind = "message"
	MessageChanged NoticeKind = "change" // Message was edited or deleted, as Change says
	Joined         NoticeKind = "joined" // the user is in Room
	Left           NoticeKind = "left"   // the user is not in Room any more
	RoomDeleted    NoticeKind = "deleted"
	ReadMoved      NoticeKind = "read" // the read position in Room is Read
	MuteChanged    NoticeKind = "mute" // Room is Muted or not
)

// Notice is something that happened in a room of the client's user, or to what the user has read.
type Notice struct {
	Kind    NoticeKind `json:"-"`
	Change  Kind       `json:"-"`
	Room    string     `json:"roomName"`
	Message *Message   `json:"message"`
	Read    ID         `json:"messageId"`
	// MarkedUnread is true if the read position may have moved back.
	MarkedUnread bool `json:"markedUnread"`
	Muted        bool `json:"muted"`
}

// Notices deliver what happens in all rooms of the client's user, as long as there is a connection: other than a
// Subscription they do not make up for what was missed, but say so. One goroutine at a time may use them, except Close.
type Notices struct {
	live *Live
	wake chan struct{}

	// Guarded by live.mu.
	queue  []Notice
	closed bool
}

// Notices starts to deliver notices. The first one is Resync, when there is a connection.
func (l *Live) Notices() *Notices {
	n := &Notices{live: l, wake: make(chan struct{}, 1)}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.notices = append(l.notices, n)
	if l.open {
		n.push(Notice{Kind: Resync}, l.queue)
	}
	return n
}

// Events goes through the notices, as Subscription.Events does through events.
func (n *Notices) Events(ctx context.Context) iter.Seq2[Notice, error] { return all(ctx, n.Next) }

// Next returns the next notice and waits until there is one. When ctx has ended it returns ctx's error; any other is final.
func (n *Notices) Next(ctx context.Context) (Notice, error) {
	for ctx.Err() == nil {
		if next, ok, err := n.take(); ok || err != nil {
			return next, err
		}
		select {
		case <-n.wake:
		case <-ctx.Done():
		}
	}
	return Notice{}, context.Cause(ctx)
}

func (n *Notices) take() (next Notice, ok bool, err error) {
	n.live.mu.Lock()
	defer n.live.mu.Unlock()
	switch {
	case n.closed:
		return next, false, ErrClosed
	case len(n.queue) > 0:
		next, n.queue = n.queue[0], n.queue[1:]
		return next, true, nil
	}
	return next, false, n.live.err
}

// push queues a notice. live.mu is held.
func (n *Notices) push(next Notice, limit int) {
	if len(n.queue) >= limit {
		n.queue = []Notice{{Kind: Resync}}
	}
	n.queue = append(n.queue, next)
	notify(n.wake)
}

// Close ends the notices. Next then returns ErrClosed.
func (n *Notices) Close() {
	l := n.live
	l.mu.Lock()
	defer l.mu.Unlock()
	n.closed = true
	l.notices = slices.DeleteFunc(l.notices, func(o *Notices) bool { return o == n })
	notify(n.wake)
}
