package sse

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/inbox"
	"github.com/confab-chat/confab/pkg/live"
)

const (
	// maxQueued and maxQueuedBytes bound what waits to be written beside the mailbox.
	maxQueued      = 512
	maxQueuedBytes = 1 << 20
	// page is how many references are read, and messages are written, at a time.
	page = 100
	// sorted is how many waiting messages are put in order at the beginning.
	sorted = 16_384
	// absent is how long a message may come after its reference; see pkg/delivery.
	absent = time.Minute
	// again is the pause before a message that is not there yet, or a store that did not answer, is asked for anew.
	again = time.Second
)

// event is something from the hub that waits to be written.
type event struct {
	kind    chat.RoomKind // empty: that of the room is to be found out
	room    chat.RoomRef
	log     id.ID
	message chat.Message
	change  chat.ChangeKind // empty for a new message
	reread  bool            // the message is to be read
}

// output is what a stream writes to.
type output interface {
	// write writes all, in bounded time.
	write(b []byte) error
	close()
}

// stream is one session.
type stream struct {
	srv    *Server
	id     id.ID
	login  auth.Login
	who    chat.Identity
	name   string
	device string
	// appGone says whether what the user belongs to was deleted; may be nil.
	appGone func(context.Context) (bool, error)
	out     output
	gone    <-chan struct{} // closed when the client is gone

	wake chan struct{} // has a value when something below was set

	mu     sync.Mutex
	mail   bool // the mailbox may have something new
	events []event
	bytes  int
	why    Reason // set: the stream ends
	retry  time.Duration
	until  time.Time // when the token ends; zero: never

	// Used by the goroutine of the stream only.
	at      int64               // the mailbox is read up to here
	begun   bool                // what waited at the beginning is written
	missing map[id.ID]inbox.Ref // whose messages were not there
	buf     bytes.Buffer
}

// wakeFor changes the stream under its lock and wakes its goroutine.
func (st *stream) wakeFor(change func()) {
	st.mu.Lock()
	change()
	st.mu.Unlock()
	select {
	case st.wake <- struct{}{}:
	default:
	}
}

func (st *stream) close(why Reason) { st.wakeFor(func() { st.why = cmp.Or(st.why, why) }) }

// queue adds an event, or ends a stream that does not keep up.
func (st *stream) queue(e event) {
	st.wakeFor(func() {
		size := e.message.Bytes()
		if len(st.events) >= maxQueued || st.bytes+size > maxQueuedBytes && len(st.events) > 0 {
			st.why, st.events = cmp.Or(st.why, Slow), nil
			return
		}
		st.events, st.bytes = append(st.events, e), st.bytes+size
	})
}

// Deliver implements live.Subscriber.
func (st *stream) Deliver(d *live.Delivery) {
	switch e := d.Event.(type) {
	case chat.MessagePosted:
		if !e.Message.System && e.Message.Author.Login != st.who.Login && e.Message.For(st.who.Login) {
			st.queue(event{room: e.Room, log: e.Room.ID, message: e.Message})
		}
	case chat.MessageChanged:
		if (e.Kind == chat.Delete || e.Kind == chat.Edit) && e.Message.For(st.who.Login) {
			st.queue(event{room: e.Room, log: e.Room.ID, message: e.Message, change: e.Kind})
		}
	}
}

// Ended implements live.Subscriber.
func (st *stream) Ended() {}

// Lost implements live.Subscriber: the client comes again.
func (st *stream) Lost() { st.close(Slow) }

// run writes until the stream ends. Each turn has a goroutine of its own: reading the store needs a large stack, which a
// stream that is idle would keep.
func (st *stream) run(ctx context.Context) {
	timer := time.NewTimer(comment)
	defer timer.Stop()
	for idle := false; ; {
		wait, ended := comment, true // after a panic too
		done := make(chan struct{})
		go func() {
			defer close(done)
			guard.Run(st.srv.opts.Log, "an event stream", func() { wait, ended = st.turn(ctx, idle) })
		}()
		<-done
		if ended {
			return
		}
		timer.Reset(wait)
		select {
		case <-st.wake:
			idle = false
		case <-st.gone:
			return
		case <-timer.C:
			idle = wait == comment
		}
	}
}

// turn writes what there is, and a comment if the stream was idle. It returns when the next turn is due at the latest, and
// whether the stream has ended.
func (st *stream) turn(ctx context.Context, idle bool) (wait time.Duration, ended bool) {
	st.mu.Lock()
	mail, events, why, retry, until := st.mail, st.events, st.why, st.retry, st.until
	st.mail, st.events, st.bytes = false, nil, 0
	st.mu.Unlock()
	if !until.IsZero() && !st.srv.opts.Now().Before(until) {
		why = cmp.Or(why, Expired)
	}
	switch {
	case why != "":
		data, _ := json.Marshal(map[string]Reason{"reason": why})
		st.put("close", "", data)
		_ = st.flush()
		return 0, true
	case retry > 0:
		st.buf.WriteString("retry: " + strconv.FormatInt(retry.Milliseconds(), 10) + "\n\n")
		_ = st.flush()
		return 0, true
	case idle:
		st.buf.WriteString(":\n")
	}
	wait = comment
	if mail || len(st.missing) > 0 {
		if err := st.readMail(ctx); err != nil {
			st.wakeLater(&wait)
		} else if len(st.missing) > 0 {
			wait = again
		}
	}
	for _, e := range events {
		if err := st.putEvent(ctx, e); err != nil {
			break // the room, or the message, is gone
		}
	}
	if !until.IsZero() {
		wait = min(wait, max(until.Sub(st.srv.opts.Now()), time.Millisecond))
	}
	return wait, st.flush() != nil
}

// wakeLater makes a stream whose mailbox could not be read look again soon.
func (st *stream) wakeLater(wait *time.Duration) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.mail = true
	*wait = again
}

// last is how a stream that ends is reported.
func (st *stream) last() chat.Status {
	st.mu.Lock()
	defer st.mu.Unlock()
	s := chat.Status{Reason: "logout", Resource: st.device, Online: len(st.srv.opts.Hub.Devices(st.who)) > 0}
	if st.why != "" || st.retry > 0 {
		s.Reason = "replaced"
	}
	return s
}

// put adds an event to what is written next.
func (st *stream) put(name, messageID string, data []byte) {
	st.buf.WriteString("event: " + name + "\n")
	if messageID != "" {
		st.buf.WriteString("id: " + messageID + "\n")
	}
	fmt.Fprintf(&st.buf, "data: %s\n\n", data)
}

// keptBuffer is the largest buffer that an idle stream keeps.
const keptBuffer = 1 << 10

func (st *stream) flush() error {
	if st.buf.Len() == 0 {
		return nil
	}
	err := st.out.write(st.buf.Bytes())
	if st.buf.Reset(); st.buf.Cap() > keptBuffer {
		st.buf = bytes.Buffer{}
	}
	return err
}

// putEvent writes an event of the hub.
func (st *stream) putEvent(ctx context.Context, e event) error {
	i := Item{Tenant: st.who.Tenant, Kind: e.kind, Log: e.log, Message: e.message}
	if i.Kind == "" {
		var err error
		if i.Kind, err = st.srv.kindOf(ctx, st.who.Tenant, e.room); err != nil {
			return err
		}
	}
	if e.reread {
		found, err := st.srv.opts.Messages(ctx, chat.Log{Tenant: st.who.Tenant, ID: e.log}, []id.ID{e.message.ID})
		if err != nil {
			return err
		}
		m, there := found[e.message.ID]
		if !there {
			return nil
		}
		if i.Message, e.change = m, chat.Edit; m.Deleted {
			i.To, e.change = st.name, chat.Delete // nothing is left of it but this
		}
	}
	mailed := i.Kind == chat.GroupRoom || i.Kind != chat.ChatRoom && i.To != ""
	if i.Kind == chat.DirectRoom && i.To == "" { // said in the chat API
		i.To = st.name
	}
	switch {
	case e.change == chat.Delete:
		st.put("recall", "", st.srv.opts.Encode.Recall(i))
	case e.change == chat.Edit:
		st.put("rewrite", "", st.srv.opts.Encode.Rewrite(i))
	case !mailed:
		u, data := st.srv.opts.Encode.Message(i)
		st.put("message", u, data)
	}
	return nil
}

// readMail writes what is new in the mailbox.
func (st *stream) readMail(ctx context.Context) error {
	for {
		refs, next, more, err := st.next(ctx)
		if err != nil {
			return err
		}
		for _, r := range st.missing {
			refs = append(refs, r)
		}
		if !st.begun || len(st.missing) > 0 {
			slices.SortFunc(refs, func(a, b inbox.Ref) int { return a.Message.Compare(b.Message) })
		}
		for some := range slices.Chunk(refs, page) {
			if err := st.putMail(ctx, some); err != nil {
				return err
			}
			if err := st.flush(); err != nil {
				return err
			}
		}
		if st.at = next; !more {
			st.begun = true
			return nil
		}
	}
}

// next reads references: at the beginning as many as are put in order.
func (st *stream) next(ctx context.Context) (refs []inbox.Ref, next int64, more bool, err error) {
	next = st.at
	for {
		var some []inbox.Ref
		some, next, more, err = st.srv.opts.Boxes.Waiting(ctx, st.who, next, page)
		refs = append(refs, some...)
		if err != nil || !more || st.begun || len(refs) >= sorted {
			return refs, next, more, err
		}
	}
}

// putMail writes messages of the mailbox.
func (st *stream) putMail(ctx context.Context, refs []inbox.Ref) error {
	byLog := map[id.ID][]id.ID{}
	for _, r := range refs {
		byLog[r.Log] = append(byLog[r.Log], r.Message)
	}
	found := map[id.ID]chat.Message{}
	for log, ids := range byLog {
		slices.SortFunc(ids, id.ID.Compare)
		ms, err := st.srv.opts.Messages(ctx, chat.Log{Tenant: st.who.Tenant, ID: log}, slices.Compact(ids))
		if err != nil {
			return err
		}
		for u, m := range ms {
			found[u] = m
		}
	}
	var dead []id.ID
	for _, r := range refs {
		m, there := found[r.Message]
		switch {
		case there && !m.Deleted:
			kind := chat.DirectRoom
			if r.Reason == inbox.ToGroup {
				kind = chat.GroupRoom
			}
			u, data := st.srv.opts.Encode.Message(Item{Tenant: st.who.Tenant, Kind: kind, Log: r.Log, Message: m})
			st.put("message", u, data)
			delete(st.missing, r.Message)
		case there || st.srv.opts.Now().Sub(r.Message.Time()) > absent:
			dead = append(dead, r.Message)
			delete(st.missing, r.Message)
		default:
			if st.missing == nil {
				st.missing = map[id.ID]inbox.Ref{}
			}
			st.missing[r.Message] = r
		}
	}
	if len(dead) > 0 { // recalled, or never stored: nobody can acknowledge them
		if _, err := st.srv.opts.Boxes.Acknowledge(ctx, st.who, dead); err != nil {
			return err
		}
	}
	return nil
}
