package chat

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/limit"
)

// MaxUnread bounds the count of unread messages. A count of MaxUnread means that many or more.
const MaxUnread = 100

// MaxRoomStates is the maximum number of rooms in one answer of RoomStates. A greater limit counts as MaxRoomStates.
const MaxRoomStates = 200

// RoomState is a room as one participant sees it.
type RoomState struct {
	Name     string
	Settings RoomSettings
	Last     *Message // the newest; nil if there is none
	Unread   int      // newer than Position, by others, not deleted; at most MaxUnread
	Reading
}

// RoomStates returns the rooms of who, ascending by name, after the given name, and whether there are more. It may return
// fewer than the limit if their newest messages are long.
func (s *Service) RoomStates(ctx context.Context, who Identity, login, after string, limit int) ([]RoomState, bool, error) {
	if login != who.Login {
		return nil, false, ErrForbidden("only '%s' may see what they have read", login)
	}
	limit = min(limit, MaxRoomStates)
	refs, err := s.store.RoomsOf(ctx, who.Tenant, login, position(after), limit+1)
	if err != nil {
		return nil, false, err
	}
	more := len(refs) > limit
	states, err := s.statesOf(ctx, who, refs[:min(limit, len(refs))])
	return states, more || len(states) < min(limit, len(refs)), err
}

// statesStep is how many rooms' newest messages are read at a time.
const statesStep = 50

// statesOf returns the states of the first of the rooms: as many as take less than MaxRead, one at least.
func (s *Service) statesOf(ctx context.Context, who Identity, refs []RoomRef) (states []RoomState, err error) {
	size := 0
	for some := range slices.Chunk(refs, statesStep) {
		part, err := s.roomStates(ctx, who, some)
		if err != nil {
			return nil, err
		}
		for _, st := range part {
			if st.Last != nil {
				size += st.Last.Bytes()
			}
			if size >= MaxRead {
				return states, nil
			}
			states = append(states, st)
		}
	}
	return states, nil
}

func (s *Service) roomStates(ctx context.Context, who Identity, refs []RoomRef) ([]RoomState, error) {
	rooms, positions := make([]id.ID, len(refs)), make([]Position, len(refs))
	for i, ref := range refs {
		rooms[i], positions[i].Log = ref.ID, Log{Tenant: who.Tenant, ID: ref.ID}
	}
	var readings map[id.ID]Reading
	var newest map[id.ID]Message
	var there map[id.ID]Room
	g, gctx := guard.WithContext(ctx)
	g.Go(func() (err error) {
		readings, err = s.readings(gctx, who, rooms)
		return err
	})
	g.Go(func() (err error) {
		var hidden map[id.ID]id.ID
		if hidden, there, err = s.horizons(gctx, who.Tenant, refs); err != nil {
			return err
		}
		for i, ref := range refs {
			positions[i].After = hidden[ref.ID]
		}
		newest, err = s.store.Newest(gctx, positions)
		return err
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	states := make([]RoomState, len(refs))
	var spans []Span
	for i, ref := range refs {
		states[i] = RoomState{Name: ref.Name, Settings: there[ref.ID].Settings, Reading: readings[ref.ID]}
		if m, ok := newest[ref.ID]; ok {
			states[i].Last = &m
			if read := states[i].Position(); m.ID.Compare(read) > 0 {
				// The count is of the messages up to the newest one of this state: clients add those that are newer.
				spans = append(spans, Span{Position: positions[i].orAfter(read), UpTo: m.ID})
			}
		}
	}
	counts, err := s.store.CountUnread(ctx, spans, who.Login, MaxUnread)
	if err != nil {
		return nil, err
	}
	for i, ref := range refs {
		states[i].Unread = counts[ref.ID]
	}
	return states, nil
}

// orAfter returns the later one of p and a position in the same log.
func (p Position) orAfter(at id.ID) Position {
	if p.After.IsZero() || !at.IsZero() && at.Compare(p.After) > 0 {
		p.After = at
	}
	return p
}

// readings returns the readings of the store, updated with the positions that this node has not written yet.
func (s *Service) readings(ctx context.Context, who Identity, rooms []id.ID) (map[id.ID]Reading, error) {
	// This comes first: a position that is not pending any more is in the store.
	waiting := s.reads.waiting(who, rooms)
	kept, err := s.store.Readings(ctx, who.Tenant, who.Login, rooms)
	if err != nil {
		return nil, err
	}
	for room, read := range waiting {
		if k := kept[room]; read.Compare(k.Read) > 0 {
			k.Read = read
			kept[room] = k
		}
	}
	return kept, nil
}

// MarkRead moves the read position of who in a room they are in to one of its messages. A message older than the
// position changes nothing.
func (s *Service) MarkRead(ctx context.Context, who Identity, room string, m id.ID) error {
	r, now, err := s.reading(ctx, who, room, m)
	if err != nil || m.Compare(now.Position()) <= 0 {
		return err
	}
	moved := ReadMoved{Place: r.place(who.Tenant), Login: who.Login, Read: m}
	if now.isBack() && m.Compare(now.Back.From) <= 0 {
		return s.setBack(ctx, who, r, moved, Back{To: m, From: now.Back.From})
	}
	return s.changeReading(ctx, r, moved,
		func(ctx context.Context) error { return s.store.SetRead(ctx, who.Tenant, r.ID, who.Login, m) },
		who, func(now Reading) bool { return now.Read.Compare(m) >= 0 })
}

// MarkUnread moves the read position of who in a room they are in to just before one of its messages, so that this message
// and all newer ones are unread, and no older one is.
func (s *Service) MarkUnread(ctx context.Context, who Identity, room string, m id.ID) error {
	r, now, err := s.reading(ctx, who, room, m)
	if err != nil {
		return err
	}
	v, log := s.shown(r), r.Log(who.Tenant)
	before, err := v.Older(ctx, log, m, 1)
	if err != nil {
		return err
	}
	newest, err := v.Older(ctx, log, id.Max, 1)
	if err != nil {
		return err
	}
	b := Back{To: id.FirstAt(m.Time()), From: m}
	if len(before) > 0 {
		b.To = before[0].ID
	}
	// Positions that are being written now, on any node, are of messages that exist.
	for _, at := range []id.ID{now.Read, now.Back.From} {
		if at.Compare(b.From) > 0 {
			b.From = at
		}
	}
	if len(newest) > 0 && newest[0].ID.Compare(b.From) > 0 {
		b.From = newest[0].ID
	}
	return s.setBack(ctx, who, r, ReadMoved{Place: r.place(who.Tenant), Login: who.Login, Read: b.To, Back: true}, b)
}

// reading returns a room and the reading of who of it, who wants to move the position to a message of it, or before it.
func (s *Service) reading(ctx context.Context, who Identity, room string, m id.ID) (r Room, now Reading, err error) {
	if err := s.may(who.does(limit.Reads)); err != nil {
		return r, now, err
	}
	if r, _, err = s.Access(ctx, who, room); err != nil {
		return r, now, err
	}
	if _, err := s.shown(r).Message(ctx, r.Log(who.Tenant), m); err != nil {
		return r, now, err
	}
	all, err := s.readings(ctx, who, []id.ID{r.ID})
	return r, all[r.ID], err
}

func (s *Service) setBack(ctx context.Context, who Identity, r Room, moved ReadMoved, b Back) error {
	return s.changeReading(ctx, r, moved,
		func(ctx context.Context) error { return s.store.SetBack(ctx, who.Tenant, r.ID, who.Login, b) },
		who, func(now Reading) bool { return now.Back == b })
}

// Mute mutes or unmutes a room for who. It is a setting for front ends: the server delivers everything as before.
func (s *Service) Mute(ctx context.Context, who Identity, room string, muted bool) error {
	if err := s.may(who.does(limit.Changes)); err != nil {
		return err
	}
	r, _, err := s.Access(ctx, who, room)
	if err != nil {
		return err
	}
	return s.changeReading(ctx, r, MuteChanged{Place: r.place(who.Tenant), Login: who.Login, Muted: muted},
		func(ctx context.Context) error { return s.store.SetMuted(ctx, who.Tenant, r.ID, who.Login, muted) },
		who, func(now Reading) bool { return now.Muted == muted })
}

// changeReading changes the reading of who of a room and publishes the change. done reports whether a reading shows the
// change.
func (s *Service) changeReading(ctx context.Context, r Room, e Event, change func(ctx context.Context) error,
	who Identity, done func(Reading) bool) error {
	ctx, cancel := changing(ctx)
	defer cancel()
	t := s.order.begin(r.ID, s.ids)
	if err := change(ctx); err != nil {
		t.finish(ctx)
		s.settle(r.ID, err, func(ctx context.Context) (Event, error) {
			now, err := s.store.Readings(ctx, who.Tenant, who.Login, []id.ID{r.ID})
			if err != nil || !done(now[r.ID]) {
				return nil, err
			}
			return e, nil
		})
		return err
	}
	t.finish(ctx, e)
	return nil
}

// entered sets the read position of a user who has just joined, so that older messages are not unread.
func (s *Service) entered(ctx context.Context, t Tenant, r Room, login string, at id.ID) {
	if err := s.store.SetRead(ctx, t, r.ID, login, at); err != nil {
		s.log.Warn("a read position was not set", "room", r.Name, "error", err)
	}
}

// departed removes the reading of a user who has left.
func (s *Service) departed(ctx context.Context, t Tenant, r Room, login string) {
	s.reads.drop(reader{Identity{t, login}, r.ID})
	if err := s.store.ForgetReading(ctx, t, r.ID, login); err != nil {
		s.log.Warn("a read position was not removed", "room", r.Name, "error", err)
	}
}

// reads moves the read positions of users who post, in the background. A message does not wait for it. Of a user's many
// messages it writes only the newest, about once a second. A crash may lose positions; the user's own messages are not
// counted as unread even then.
type reads struct {
	store ReadStore
	log   *slog.Logger
	wake  chan struct{}

	mu      sync.Mutex
	pending map[reader]id.ID // until it is stored
}

type reader struct {
	who  Identity
	room id.ID
}

const (
	// maxPending bounds the positions that wait. Positions beyond it are dropped.
	maxPending    = 100_000
	readsParallel = 8
	// readsEvery is how long positions wait for newer ones of the same users.
	readsEvery = time.Second
	// lastReads is how long a closing service waits for the store.
	lastReads = 2 * time.Second
)

func newReads(store ReadStore, log *slog.Logger) *reads {
	return &reads{store: store, log: log, wake: make(chan struct{}, 1), pending: map[reader]id.ID{}}
}

func (r *reads) posted(who Identity, room, at id.ID) {
	k := reader{who, room}
	r.mu.Lock()
	defer r.mu.Unlock()
	if old, there := r.pending[k]; there && old.Compare(at) > 0 || !there && len(r.pending) >= maxPending {
		return
	}
	r.pending[k] = at
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *reads) drop(k reader) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.pending, k)
}

func (r *reads) waiting(who Identity, rooms []id.ID) map[id.ID]id.ID {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.pending) == 0 {
		return nil
	}
	out := map[id.ID]id.ID{}
	for _, room := range rooms {
		if at, ok := r.pending[reader{who, room}]; ok {
			out[room] = at
		}
	}
	return out
}

// keep writes pending positions until ctx ends, and then those that are left.
func (r *reads) keep(ctx context.Context) {
	for {
		select {
		case <-r.wake:
			select {
			case <-time.After(readsEvery):
			case <-ctx.Done():
			}
			r.flush(ctx, writeTimeout)
		case <-ctx.Done():
			r.flush(ctx, lastReads)
			return
		}
	}
}

func (r *reads) flush(ctx context.Context, within time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer cancel()
	r.mu.Lock()
	batch := make(map[reader]id.ID, len(r.pending))
	for k, at := range r.pending {
		batch[k] = at
	}
	r.mu.Unlock()
	g := guard.NewGroup()
	g.SetLimit(readsParallel)
	for k, at := range batch {
		g.Go(func() error {
			err := r.store.SetRead(ctx, k.who.Tenant, k.room, k.who.Login, at)
			if err != nil && !Reported(err) {
				r.log.Warn("a read position was not moved", "error", err)
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.pending[k] == at {
				delete(r.pending, k)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		r.log.Error("a read position was not moved", "error", err)
	}
}
