package chat

import (
	"context"
	"slices"
	"time"

	"github.com/confab-chat/confab/pkg/guard"
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
	Name    string // of an open room; the server names others
	Creator *string
	Banner  *string
	// Kind is OpenRoom or PrivateRoom. A private room needs a Title.
	Kind               RoomKind
	Title, Description *string
	// MembersInvite lets all participants of a private room invite others, not only its owner and admins.
	MembersInvite bool
}

// Validate returns all faults of the room.
func (n NewRoom) Validate() []Fault {
	var f faults
	switch n.Kind {
	case OpenRoom:
		f.roomName(n.Name)
	case PrivateRoom:
		if n.Name != "" {
			f.add("roomName", "cannot be chosen for a private room: give it a title", &n.Name)
		}
		if n.Title == nil {
			f.add("title", notEmpty, nil)
		}
	default:
		f.add("kind", "must be that of an open or a private room", nil)
		return f
	}
	c := RoomChange{Title: n.Title, Description: n.Description}
	if n.MembersInvite {
		c.MembersInvite = &n.MembersInvite
	}
	f = append(f, c.Validate(n.Kind)...)
	f.text("banner", n.Banner)
	return f
}

// room returns the room to create, but for what createWith sets.
func (n NewRoom) room(rid id.ID) Room {
	r := Room{Name: n.Name, Banner: n.Banner, Settings: RoomSettings{Kind: n.Kind, MembersInvite: n.MembersInvite}}
	if n.Kind != OpenRoom {
		r.Name = RoomNameOf(rid)
	}
	RoomChange{Title: n.Title, Description: n.Description}.Over(&r.Settings)
	return r
}

// RoomView is a room with its participants, ascending by login.
type RoomView struct {
	Room
	Participants []Person
	Count        int           // of all participants; MaxParticipants means that many or more
	Keep         time.Duration // how long messages are kept, by the room's retention or the server's default; 0 for ever
}

// CreateRoom creates an open or private room with who as owner and first participant; Conflict if the name is taken, Full if
// a quota (RoomQuotas) is used up.
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
	p, err := s.Person(ctx, who.Tenant, who.Login)
	if err != nil {
		return RoomView{}, err
	}
	return s.createWith(ctx, who.Principal(), []Person{p}, n.room)
}

// createRoom creates a room with its creator in it.
func (s *Service) createRoom(ctx context.Context, t Tenant, r Room) error {
	created := RoomCreated{Place: r.place(t), Creator: r.Creator}
	if err := s.index.Enter(ctx, t, r); err != nil {
		return err
	}
	if err := s.store.CreateRoom(ctx, t, r); err != nil {
		if !IsKind(err, Unavailable) {
			s.index.Remove(ctx, t, r)
		}
		s.settle(r.ID, err, func(ctx context.Context) (Event, error) {
			now, err := s.store.Room(ctx, t, r.Name)
			if err != nil || now.ID != r.ID {
				return nil, err
			}
			s.entered(ctx, t, r, r.Creator.Login, r.ID)
			return created, nil
		})
		return err
	}
	s.forgetRoom(t, r.Name)
	s.entered(ctx, t, r, r.Creator.Login, r.ID)
	s.order.begin(r.ID, s.ids).finish(ctx, created)
	return nil
}

// Room returns a room and its participants as who sees them: NotFound for a room that who may not see; somebody who sees
// it without being in it gets what they may see. The result may be shared, as that of Messages.
func (s *Service) Room(ctx context.Context, who Principal, name string) (RoomView, error) {
	view, err := s.sharedRoom(ctx, who.Tenant, name)
	if err != nil {
		return RoomView{}, err
	}
	return s.seen(ctx, who, view)
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

// Rooms returns a range of open rooms, ascending by name, each with its first ListedParticipants, and whether there are more.
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

// RoomsByName returns those of names that exist and that who may see, in the order of names, each once, as Room shows them,
// but for the participants, of which it returns as many as Rooms. more says that they took too much, so that the last ones
// are missing.
func (s *Service) RoomsByName(ctx context.Context, who Principal, names []string) (_ []RoomView, more bool, err error) {
	found, err := s.store.RoomsByName(ctx, who.Tenant, validRooms(names))
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
	visits, err := s.visits(ctx, who, rs)
	if err != nil {
		return nil, false, err
	}
	rs = slices.DeleteFunc(rs, func(r Room) bool { return visits[r.ID] == nil })
	views, err := s.views(ctx, who.Tenant, rs)
	for i, v := range views {
		views[i] = visits[v.ID].show(v)
	}
	return views, len(views) < len(rs), err
}

// visits returns of rooms those that who may see, keyed by ID.
func (s *Service) visits(ctx context.Context, who Principal, rs []Room) (map[id.ID]*visit, error) {
	all := make([]*visit, len(rs))
	g, gctx := guard.WithContext(ctx)
	g.SetLimit(bulkParallel)
	for i, r := range rs {
		if is := r.relation(who); May(SeeParticipants, is) {
			all[i] = &visit{Room: r, who: who, is: is}
			continue
		}
		g.Go(func() error {
			v, err := s.visitRoom(gctx, who, r)
			if IsKind(err, NotFound) {
				return nil
			}
			all[i] = &v
			return err
		})
	}
	err := g.Wait()
	visits := make(map[id.ID]*visit, len(rs))
	for i, r := range rs {
		if all[i] != nil {
			visits[r.ID] = all[i]
		}
	}
	return visits, err
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
		var large []Room
		for _, r := range part {
			if len(people[r.ID]) > ListedParticipants {
				large = append(large, r)
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

// RoomsInParts visits a range of open rooms, ascending by name, with up to MaxParticipants of each. They come in parts of about
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

// OwnRoom returns a room as it is now to who may change it, otherwise Forbidden.
func (s *Service) OwnRoom(ctx context.Context, who Identity, name string) (RoomView, error) {
	r, err := s.roomFor(ctx, who, ChangeRoom, name)
	if err != nil {
		return RoomView{}, err
	}
	return s.viewOf(ctx, who.Tenant, r)
}

// SetBanner replaces a room's banner; only its owner and admins may do so. If was is not nil and the banner is no longer that of
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
	return s.sharedRoom(ctx, who.Tenant, name)
}

// DeleteRoom is DeleteRoomAs for a user.
func (s *Service) DeleteRoom(ctx context.Context, who Identity, name string) error {
	return s.DeleteRoomAs(ctx, who.Principal(), name)
}

// DeleteRoomAs deletes a room, its messages and memberships; only its owner and apps may do so. The name is free when it
// returns. The rows on disk are removed in the background.
func (s *Service) DeleteRoomAs(ctx context.Context, who Principal, name string) error {
	v, err := s.visitNow(ctx, who, name)
	if err == nil {
		err = v.may(DeleteRoom)
	}
	if err != nil {
		return err
	}
	return s.deleteRoom(ctx, who, v.Room)
}

// deleteRoom deletes a room, and the app is told.
func (s *Service) deleteRoom(ctx context.Context, who Principal, r Room) error {
	told, err := s.intendIn(ctx, who, r, Act{Deed: DeedEnded})
	if err != nil {
		return err
	}
	err = s.endRoom(ctx, who.Identity, r)
	told(err)
	return err
}

func (s *Service) endRoom(ctx context.Context, who Identity, r Room) error {
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
	s.index.Remove(ctx, who.Tenant, r)
	s.counts.Forget(roomsKey(who.Tenant, r.Settings.Kind))
	sweep()
	return err
}

// roomFor returns the room if an action in it is open to who, whether or not they are in it; otherwise Forbidden.
func (s *Service) roomFor(ctx context.Context, who Identity, a Action, name string) (Room, error) {
	v, err := s.visitNow(ctx, who.Principal(), name)
	if err != nil {
		return Room{}, err
	}
	return v.Room, v.may(a)
}

func (r Room) place(t Tenant) Place {
	return Place{Tenant: t, Room: r.Ref()}
}
