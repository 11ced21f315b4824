package live

import (
	"context"
	"iter"
	"slices"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// MaxReplay is the greatest number of messages and changes that are replayed.
const MaxReplay = 1000

const (
	// replayKeeps bounds the texts that a replay keeps from finding out what was missed. The other texts are read when it is
	// their turn to be delivered.
	replayKeeps = 256 << 10
	// missedStep is how many messages are then read at a time.
	missedStep = 16
	// missedTimeout bounds the reading of so many.
	missedTimeout = 10 * time.Second
)

// Missed is what a subscriber has missed: messages and changes, in ascending order. It has their ids, and only a part of
// their texts, because a slow client may take minutes to receive them. Its methods may not be called concurrently.
type Missed struct {
	hub   *Hub
	room  *room
	keeps int // how many bytes of texts list may have
	list  []missed
	read  int // bytes of the texts that were found
}

// missed is a message or a change of one.
type missed struct {
	id      id.ID
	kind    chat.ChangeKind // empty for a message
	message id.ID
	d       *Delivery // nil: it is read when it is delivered
}

// Len returns how many messages and changes there are. Fewer are delivered if messages are removed meanwhile.
func (m *Missed) Len() int { return len(m.list) }

// entry returns the entry of a message (with kind empty), or of a change of one.
func (m *Missed) entry(entry id.ID, kind chat.ChangeKind, msg chat.Message) missed {
	x := missed{id: entry, kind: kind, message: msg.ID}
	if m.read += msg.Bytes(); m.read <= m.keeps {
		x.d = m.delivery(x, msg)
	}
	return x
}

// add adds a message.
func (m *Missed) add(msg chat.Message) { m.list = append(m.list, m.entry(msg.ID, "", msg)) }

func (m *Missed) delivery(x missed, msg chat.Message) *Delivery {
	if x.kind == "" {
		return m.hub.delivery(m.room, msg)
	}
	return m.hub.changeDelivery(m.room, chat.MessageChange{ID: x.id, Kind: x.kind, Message: msg})
}

// Each reads and yields the deliveries, a few at a time. It keeps none of those that it has yielded. After an error, which
// comes last, the subscriber has to resume.
func (m *Missed) Each(ctx context.Context) iter.Seq2[*Delivery, error] {
	return func(yield func(*Delivery, error) bool) {
		for i := range m.list {
			x := &m.list[i]
			if x.d == nil {
				if err := m.readFirst(ctx, m.list[i:]); err != nil {
					yield(nil, err)
					return
				}
			}
			d := x.d
			x.d = nil
			if d != nil && !yield(d, nil) { // otherwise its message is gone
				return
			}
		}
	}
}

// readFirst reads the messages of the first entries of rest.
func (m *Missed) readFirst(ctx context.Context, rest []missed) error {
	ctx, cancel := context.WithTimeout(ctx, missedTimeout)
	defer cancel()
	var ids []id.ID
	n := 0
	for ; n < len(rest) && rest[n].d == nil && len(ids) < missedStep; n++ {
		if !slices.Contains(ids, rest[n].message) {
			ids = append(ids, rest[n].message)
		}
	}
	var found map[id.ID]chat.Message
	if err := within(ctx, m.hub.long, func() (err error) {
		found, err = m.hub.opts.History.MessagesByID(ctx, m.room.at(), ids)
		return err
	}); err != nil {
		return err
	}
	for i, x := range rest[:n] {
		if msg, ok := found[x.message]; ok {
			rest[i].d = m.delivery(x, msg)
		}
	}
	return nil
}

// Replay returns what a subscriber has missed whose last received message is after. It has
//
//   - every newer message,
//   - newer changes of messages; of several changes of the same kind of one message, only the last,
//   - older messages and changes that this node delivered after that message.
//
// If that is more than MaxReplay or cannot be read, nothing is returned and recovered is false.
//
// The subscription must have been made with hold. After Replay, whatever its result, the caller must hand the deliveries
// to the client and call Replayed.
func (h *Hub) Replay(ctx context.Context, s *Subscription, after id.ID) (m *Missed, recovered bool) {
	none := &Missed{hub: h, room: s.room}
	var late []id.ID
	s.room.shard.locked(func() { late = s.room.recent.overtaken(after) })
	m = &Missed{hub: h, room: s.room, keeps: replayKeeps}
	complete, err := h.find(ctx, m, after, late)
	if err != nil {
		h.log.Warn("cannot replay", "room", s.room.name, "error", err)
	}
	if err != nil || !complete || len(m.list) > MaxReplay {
		return none, false
	}
	slices.SortStableFunc(m.list, func(a, b missed) int { return a.id.Compare(b.id) })
	s.resumedFrom(after)
	return m, true
}

// find adds what was missed since after to m. late are the ids that were delivered after that position although they are
// older. complete is false if that is too much, or not there any more.
func (h *Hub) find(ctx context.Context, m *Missed, after id.ID, late []id.ID) (complete bool, err error) {
	if err := within(ctx, h.replays, func() (err error) {
		complete, err = h.lateOnes(ctx, m, after, late)
		return err
	}); err != nil || !complete {
		return false, err
	}
	reading := h.replays
	for at := after; len(m.list) <= MaxReplay; reading = h.long {
		atEnd := false
		if err := within(ctx, reading, func() (err error) {
			most := MaxReplay + 1 - len(m.list)
			ms, err := h.opts.History.Newer(ctx, m.room.at(), at, false, most)
			for _, msg := range ms {
				m.add(msg)
				at = msg.ID
			}
			atEnd = chat.AtEnd(ms, most)
			return err
		}); err != nil {
			return false, err
		}
		if atEnd {
			err = within(ctx, reading, func() (err error) {
				complete, err = h.changesSince(ctx, m, after)
				return err
			})
			return complete, err
		}
	}
	return false, nil
}

// within calls f when few enough others run, and returns its error, or that of ctx if it ends before.
func within(ctx context.Context, bound *semaphore.Weighted, f func() error) error {
	if err := bound.Acquire(ctx, 1); err != nil {
		return err
	}
	defer bound.Release(1)
	return f()
}

// lateOnes adds the messages and changes in late: they are older than after, but this node delivered them after it. The
// client has received most of the messages between them.
func (h *Hub) lateOnes(ctx context.Context, m *Missed, after id.ID, late []id.ID) (complete bool, err error) {
	if len(late) == 0 || len(late) > MaxReplay {
		return len(late) == 0, nil
	}
	wanted := make(map[id.ID]bool, len(late))
	for _, x := range late {
		wanted[x] = true
	}
	from, inclusive := slices.MinFunc(late, id.ID.Compare), true
	for len(wanted) > 0 && from.Compare(after) < 0 {
		ms, err := h.opts.History.Newer(ctx, m.room.at(), from, inclusive, 200)
		if err != nil {
			return false, err
		}
		if len(ms) == 0 {
			break
		}
		for _, msg := range ms {
			if wanted[msg.ID] {
				m.add(msg)
				delete(wanted, msg.ID)
			}
		}
		from, inclusive = ms[len(ms)-1].ID, false
	}
	if err := h.lateChanges(ctx, m, wanted); err != nil {
		return false, err
	}
	return len(m.list) == len(late), nil
}

// Replayed ends the holding of deliveries. Deliveries held since Subscribe that are not in m are delivered now. Later
// ones are delivered directly.
func (s *Subscription) Replayed(m *Missed) {
	ids := make(map[id.ID]struct{}, len(m.list))
	for _, x := range m.list {
		// A change is delivered again: the replay may have read the message just before it changed.
		if x.kind == "" {
			ids[x.id] = struct{}{}
		}
	}
	s.release(ids)
}

func (h *Hub) delivery(r *room, m chat.Message) *Delivery {
	return &Delivery{Kind: Messages, Room: r.name, ID: m.ID, Event: chat.MessagePosted{
		Place:   chat.Place{Tenant: r.key.tenant, Room: r.ref()},
		Message: m,
	}}
}
