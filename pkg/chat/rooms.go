package chat

import (
	"context"
	"slices"
	"time"

	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/limit"
)

// Bounds of one answer about rooms.
const (
	// MaxParticipants bounds the participants shown of one room, and their count; see Service.Participants for all.
	MaxParticipants = 10_000
	// ListedParticipants bounds the participants that a list shows of each room.
	ListedParticipants = 20
	// roomsStep is how many rooms' participants are read at a time.
	roomsStep = 50
	// partParticipants is about how many participants a part of RoomsInParts has; fewRead is how many are read of each room
	// to find those that have more.
	partParticipants, fewRead = 10_000, 100
)

// NewRoom is a room to create. Creator, if given, has to be the user who creates it.
type NewRoom struct {
	Name    string
	Creator *string
	Banner  *string
}

// Validate returns all faults of the room.
func (n NewRoom) Validate() []Fault {
	var f faults
	f.name("roomName", &n.Name)
	if reservedRooms[n.Name] {
		f.add("roomName", reserved, &n.Name)
	}
	f.text("banner", n.Banner)
	return f
}

// RoomView is a room with its participants, ascending by login.
type RoomView struct {
	Room
	Participants []Person
	Count        int           // of all participants; MaxParticipants means that many or more
	Keep         time.Duration // how long messages are kept, by the room's retention or the server's default; 0 for ever
}

// CreateRoom creates a room with who as creator and first participant; Conflict if the name is taken.
func (s *Service) CreateRoom(ctx context.Context, who Identity, n NewRoom) (RoomView, error) {
	if err := Faulty(RoomEntity, n.Validate()); err != nil {
		return RoomView{}, err
	}
	if err := speaksFor(who, n.Creator); err != nil {
		return RoomView{}, err
	}
	if err := s.may(who.does(limit.Rooms)); err != nil {
		return RoomView{}, err
	}
	u, err := s.liveUser(ctx, who.Tenant, who.Login)
	if err != nil {
		return RoomView{}, err
	}
	rid := s.ids.New()
	r := Room{ID: rid, Name: n.Name, Creator: u.Person, Banner: n.Banner, CreatedAt: rid.Time().Truncate(time.Millisecond)}
	ctx, cancel := changing(ctx)
	defer cancel()
	created := RoomCreated{Place: r.place(who.Tenant), Creator: u.Person}
	if err := s.store.CreateRoom(ctx, who.Tenant, r); err != nil {
		s.settle(r.ID, err, func(ctx context.Context) (Event, error) {
			now, err := s.store.Room(ctx, who.Tenant, r.Name)
			if err != nil || now.ID != r.ID {
				return nil, err
			}
			s.entered(ctx, who.Tenant, r, who.Login, rid)
			return created, nil
		})
		return RoomView{}, err
	}
	s.forgetRoom(who.Tenant, r.Name)
	s.entered(ctx, who.Tenant, r, who.Login, rid)
	s.order.begin(r.ID, s.ids).finish(ctx, created)
	return RoomView{Room: r, Participants: []Person{u.Person}, Count: 1, Keep: s.keep(r)}, nil
}

// Room returns a room and its participants. The result may be shared, as that of Messages.
func (s *Service) Room(ctx context.Context, t Tenant, name string) (RoomView, error) {
	return s.sharedRoom(ctx, t, name)
}

func (s *Service) roomView(ctx context.Context, t Tenant, name string) (RoomView, error) {
	r, err := s.room(ctx, t, name)
	if err != nil {
		return RoomView{}, err
	}
	return s.viewOf(ctx, t, r)
}

func (s *Service) viewOf(ctx context.Context, t Tenant, r Room) (RoomView, error) {
	ps, err := s.store.Participants(ctx, t, r.ID, "", MaxParticipants)
	return RoomView{Room: r, Participants: ps, Count: len(ps), Keep: s.keep(r)}, err
}

// Rooms returns a range of rooms, ascending by name, each with its first ListedParticipants, and whether there are more.
// It may return fewer than the limit, as together they take less than MaxRead.
func (s *Service) Rooms(ctx context.Context, t Tenant, rg Range) ([]RoomView, bool, error) {
	rs, more, err := s.roomRange(ctx, t, rg)
	if err != nil {
		return nil, false, err
	}
	views, err := s.views(ctx, t, rs)
	return views, more || len(views) < len(rs), err
}

func (s *Service) roomRange(ctx context.Context, t Tenant, rg Range) ([]Room, bool, error) {
	list := func(after string, limit int) ([]Room, error) { return s.store.Rooms(ctx, t, after, limit) }
	return rangeOf(rg, list, func(r Room) string { return r.Name })
}

// RoomsByName returns those of names that exist, in the order of names, each once, as Rooms does. more says that they took
// too much, so that the last ones are missing.
func (s *Service) RoomsByName(ctx context.Context, t Tenant, names []string) (_ []RoomView, more bool, err error) {
	found, err := s.store.RoomsByName(ctx, t, validNames(names))
	if err != nil {
		return nil, false, err
	}
	rs := make([]Room, 0, len(found))
	for _, n := range names {
		if r, ok := found[n]; ok {
			rs = append(rs, r)
			delete(found, n)
		}
	}
	views, err := s.views(ctx, t, rs)
	return views, len(views) < len(rs), err
}

// views returns the first rooms of rs as a list shows them: as many as take less than MaxRead, one at least.
func (s *Service) views(ctx context.Context, t Tenant, rs []Room) ([]RoomView, error) {
	views := make([]RoomView, 0, len(rs))
	size := 0
	for part := range slices.Chunk(rs, roomsStep) {
		people, err := s.store.ParticipantsOf(ctx, t, idsOf(part), ListedParticipants+1)
		if err != nil {
			return nil, err
		}
		var large []id.ID
		for _, r := range part {
			if len(people[r.ID]) > ListedParticipants {
				large = append(large, r.ID)
			}
		}
		counts, err := s.store.CountParticipants(ctx, t, large, MaxParticipants)
		if err != nil {
			return nil, err
		}
		for _, r := range part {
			ps := people[r.ID]
			v := RoomView{Room: r, Participants: ps[:min(len(ps), ListedParticipants)], Count: max(counts[r.ID], len(ps)), Keep: s.keep(r)}
			if size += v.bytes(); size >= MaxRead && len(views) > 0 {
				return views, nil
			}
			views = append(views, v)
		}
	}
	return views, nil
}

func idsOf(rs []Room) []id.ID {
	ids := make([]id.ID, len(rs))
	for i, r := range rs {
		ids[i] = r.ID
	}
	return ids
}

// bytes returns about how many bytes a room takes in an answer.
func (v RoomView) bytes() int {
	n := v.bytesAlone()
	for _, p := range v.Participants {
		n += personBytes(p)
	}
	return n
}

// bytesAlone is bytes without participants.
func (v RoomView) bytesAlone() int {
	const room = 250
	n := room + len(v.Name)
	if v.Banner != nil {
		n += len(*v.Banner)
	}
	return n
}

func personBytes(p Person) int {
	const person = 50
	return person + len(p.Login) + len(p.FirstName) + len(p.LastName)
}

// Bounded returns the view with the first of its participants: as many as take less than MaxRead. Count stays.
func (v RoomView) Bounded() RoomView {
	size := v.bytesAlone()
	for i, p := range v.Participants {
		if size += personBytes(p); size >= MaxRead {
			v.Participants = v.Participants[:i]
			break
		}
	}
	return v
}

// RoomsInParts visits a range of rooms, ascending by name, with up to MaxParticipants of each. They come in parts of about
// partParticipants participants. last is true for the last part, which may be empty. An error of visit ends the reading
// and is returned as it is.
func (s *Service) RoomsInParts(ctx context.Context, t Tenant, rg Range, visit func(part []RoomView, last bool) error) error {
	rs, _, err := s.roomRange(ctx, t, rg)
	if err != nil {
		return err
	}
	var part []RoomView
	participants := 0
	for step := range slices.Chunk(rs, roomsStep) {
		people, err := s.store.ParticipantsOf(ctx, t, idsOf(step), fewRead)
		if err != nil {
			return err
		}
		for _, r := range step {
			v := RoomView{Room: r, Participants: people[r.ID], Count: len(people[r.ID]), Keep: s.keep(r)}
			if len(v.Participants) == fewRead {
				if v, err = s.viewOf(ctx, t, r); err != nil {
					return err
				}
			}
			part = append(part, v)
			if participants += len(v.Participants); participants >= partParticipants {
				if err := visit(part, false); err != nil {
					return err
				}
				part, participants = nil, 0
			}
		}
	}
	return visit(part, true)
}

// OwnRoom returns a room as it is now to its creator, otherwise Forbidden.
func (s *Service) OwnRoom(ctx context.Context, who Identity, name string) (RoomView, error) {
	r, err := s.roomFor(ctx, who, ChangeRoom, name)
	if err != nil {
		return RoomView{}, err
	}
	return s.viewOf(ctx, who.Tenant, r)
}

// SetBanner replaces a room's banner; only its creator may do so. If was is not nil and the banner is no longer that of
// was, the error is Stale.
func (s *Service) SetBanner(ctx context.Context, who Identity, name string, banner *string, was *Room) (RoomView, error) {
	var f faults
	f.text("banner", banner)
	if err := f.err(RoomEntity); err != nil {
		return RoomView{}, err
	}
	if err := s.may(who.does(limit.Changes)); err != nil {
		return RoomView{}, err
	}
	r, err := s.roomFor(ctx, who, ChangeRoom, name)
	if err != nil {
		return RoomView{}, err
	}
	wctx, cancel := changing(ctx)
	defer cancel()
	err = s.store.SetBanner(wctx, who.Tenant, r.Ref(), banner, was)
	s.forgetRoom(who.Tenant, name)
	if err != nil {
		return RoomView{}, err
	}
	return s.Room(ctx, who.Tenant, name)
}

// DeleteRoom deletes a room, its messages and memberships; only its creator may do so. The name is free when it
// returns. The rows on disk are removed in the background.
func (s *Service) DeleteRoom(ctx context.Context, who Identity, name string) error {
	r, err := s.roomFor(ctx, who, DeleteRoom, name)
	if err != nil {
		return err
	}
	return s.deleteRoom(ctx, who, r)
}

func (s *Service) deleteRoom(ctx context.Context, who Identity, r Room) error {
	ctx, cancel := changing(ctx)
	defer cancel()
	// The intent is stored first: if this server dies in the middle, another one completes the deletion.
	sweep, err := s.jobs.Intend(ctx, Sweep{Tenant: who.Tenant, Room: r.Ref(), DeletedAt: s.now()}.Work())
	if err != nil {
		return err
	}
	t := s.order.begin(r.ID, s.ids)
	err = s.store.DeleteRoom(ctx, who.Tenant, r)
	s.forgetRoom(who.Tenant, r.Name)
	deleted := RoomDeleted{Place: r.place(who.Tenant), By: who.Login}
	if err != nil && !IsKind(err, NotFound) {
		t.finish(ctx)
		s.settle(r.ID, err, func(ctx context.Context) (Event, error) {
			now, err := s.store.Room(ctx, who.Tenant, r.Name)
			if there := err == nil && now.ID == r.ID; there || err != nil && !IsKind(err, NotFound) {
				return nil, err
			}
			s.forgetRoom(who.Tenant, r.Name)
			return deleted, nil
		})
		return err
	}
	// The room is gone. If another call has deleted it, that call may have died before it published the deletion.
	t.finish(ctx, deleted)
	t.wait()
	sweep()
	return err
}

// roomFor returns the room if an action in it is open to who, whether or not they are in it; otherwise Forbidden.
func (s *Service) roomFor(ctx context.Context, who Identity, a Action, name string) (Room, error) {
	r, err := s.room(ctx, who.Tenant, name)
	if err != nil {
		return Room{}, err
	}
	if !May(a, r.relation(who)) {
		return Room{}, refuse(a, name)
	}
	return r, nil
}

func (r Room) place(t Tenant) Place {
	return Place{Tenant: t, Room: r.Ref()}
}
