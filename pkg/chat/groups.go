package chat

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/limit"
)

// MaxBulk is how many people one call may add, invite or list.
const MaxBulk = MaxJoins

// bulkParallel is how many people are read or changed concurrently.
const bulkParallel = 8

// NewGroup is a room to create whose members come into it with its owner.
type NewGroup struct {
	Name     string       // of an open room; the server names others
	Settings RoomSettings // of any kind but DirectRoom; the server sets Owner and Admins
	Owner    string       // a login; empty: who creates it
	Members  []string     // logins; the owner may be among them
}

// Validate returns all faults of the group.
func (n NewGroup) Validate() []Fault {
	s := n.Settings
	var f faults
	if s.Kind == DirectRoom {
		f.add("kind", "may not be that of a direct conversation", nil)
		return f
	}
	c := RoomChange{Title: &s.Title, Description: &s.Description, Custom: &s.Custom, Avatar: &s.Avatar, Announcement: &s.Announcement}
	if s.Kind == OpenRoom {
		f.roomName(n.Name)
	}
	f = append(f, c.Validate(s.Kind)...)
	if s.MaxMembers < 0 || s.MaxMembers == 0 && s.Kind.needsOwner() {
		f.add("maxMembers", "must be at least 1", nil)
	}
	return f
}

// CreateGroup creates a room with all its members, or nothing. A user creates rooms of their own only (Forbidden
// otherwise); chat rooms are created by apps. NotFound for an owner or member without an account, Full if there are more
// of them than MaxMembers, or if a quota (RoomQuotas) is used up, Conflict if the name of an open room is taken,
// Invalid with faults.
func (s *Service) CreateGroup(ctx context.Context, who Principal, n NewGroup) (RoomView, error) {
	if err := Faulty(RoomEntity, n.Validate()); err != nil {
		return RoomView{}, err
	}
	if n.Owner == "" {
		n.Owner = who.Login
	}
	if !who.App {
		if err := speaksFor(who.Identity, &n.Owner); err != nil {
			return RoomView{}, err
		}
		if n.Settings.Kind == ChatRoom {
			return RoomView{}, ErrForbidden("only an administrator of the app may create chat rooms")
		}
	}
	if err := s.limited(who, limit.Rooms); err != nil {
		return RoomView{}, err
	}
	people, err := s.peopleOf(ctx, who.Tenant, append([]string{n.Owner}, n.Members...))
	if err != nil {
		return RoomView{}, err
	}
	if most := n.Settings.MaxMembers; most > 0 && len(people) > most {
		return RoomView{}, ErrFull("")
	}
	if err := s.mayHold(ctx, who.Tenant, n.Settings.MaxMembers); err != nil {
		return RoomView{}, err
	}
	settings := n.Settings.Clone()
	settings.Owner, settings.Admins = "", nil
	return s.createWith(ctx, who, people, func(rid id.ID) Room {
		if settings.Kind == OpenRoom {
			return Room{Name: n.Name, Settings: settings}
		}
		return Room{Name: RoomNameOf(rid), Settings: settings}
	})
}

// createWith creates a room with the first of people as its creator and the others as members, all or nothing. The room
// that it makes has what is not set below.
func (s *Service) createWith(ctx context.Context, who Principal, people []Person, of func(id.ID) Room) (_ RoomView, err error) {
	t := who.Tenant
	rid := s.ids.New()
	r := of(rid)
	r.ID, r.Creator, r.CreatedAt = rid, people[0], rid.Time().Truncate(time.Millisecond)
	ctx, cancel := changing(ctx)
	defer cancel()
	made, err := s.reserveRoom(ctx, t, r.Settings.Kind, people)
	if err != nil {
		return RoomView{}, err
	}
	defer func() { made(err) }()
	told, err := s.intendIn(ctx, who, r, Act{Deed: DeedMade, People: people[1:]})
	if err != nil {
		return RoomView{}, err
	}
	if err := s.createRoom(ctx, t, r); err != nil {
		told(err)
		return RoomView{}, err
	}
	for some := range slices.Chunk(people[1:], MaxJoins) {
		if err := s.joinAll(ctx, t, r, some); err != nil {
			undo := s.endRoom(ctx, Identity{Tenant: t, Login: r.Creator.Login}, r)
			if undo != nil {
				s.log.Error("a room whose members could not join was not removed", "room", r.Name, "error", undo)
			}
			told(errors.Join(ErrUndone, undo))
			return RoomView{}, err
		}
	}
	told(nil)
	ps := slices.SortedFunc(slices.Values(people), comparePeople)
	return RoomView{Room: r, Participants: ps, Count: len(ps), Keep: s.keep(r)}, nil
}

// peopleOf returns people by their logins, in this order, each once: NotFound, or Gone, if one of them has no account.
func (s *Service) peopleOf(ctx context.Context, t Tenant, logins []string) ([]Person, error) {
	var unique []string
	for _, login := range logins {
		if !slices.Contains(unique, login) {
			unique = append(unique, login)
		}
	}
	people := make([]Person, len(unique))
	g, gctx := guard.WithContext(ctx)
	g.SetLimit(bulkParallel)
	for i, login := range unique {
		g.Go(func() (err error) {
			people[i], err = s.Person(gctx, t, login)
			return err
		})
	}
	return people, g.Wait()
}

// bulk returns Invalid for a list of people that is empty or too long.
func bulk(logins []string) error {
	if len(logins) == 0 || len(logins) > MaxBulk {
		return ErrInvalid("name 1 to %d people", MaxBulk)
	}
	return nil
}

// candidate is somebody whom an action is about, with what is known of them in the room.
type candidate struct {
	Person
	member
}

func peopleIn(all []candidate) []Person {
	people := make([]Person, len(all))
	for i, c := range all {
		people[i] = c.Person
	}
	return people
}

// candidates returns people of the tenant with what they are in a room, in the order of logins, each once. NotFound for one
// without an account.
func (s *Service) candidates(ctx context.Context, t Tenant, r Room, logins []string) ([]candidate, error) {
	people, err := s.peopleOf(ctx, t, logins)
	if err != nil {
		return nil, err
	}
	all := make([]candidate, len(people))
	g, gctx := guard.WithContext(ctx)
	g.SetLimit(bulkParallel)
	for i, p := range people {
		all[i].Person = p
		g.Go(func() (err error) {
			all[i].member, err = s.memberNow(gctx, t, r.ID, p.Login)
			return err
		})
	}
	return all, g.Wait()
}

// blocked reports whether somebody is on the block list.
func (m member) blocked() bool {
	_, on := m.lists[BlockList]
	return on
}

// AddMembers adds people to a room, all or nobody, without asking them, and returns those who were not in it, in the order
// of logins. Who may add others says the room; a user who names only themselves joins. The owner, admins and apps take
// somebody off the block list by adding them; others may not add who is blocked. Conflict if all are in the room already,
// Full if it has not a place for each, or one of them is in as many groups as they may be in, NotFound if one has no
// account, Invalid for more than MaxBulk.
func (s *Service) AddMembers(ctx context.Context, who Principal, name string, logins []string) (added []string, err error) {
	if err := bulk(logins); err != nil {
		return nil, err
	}
	if err := s.limited(who, limit.Joins); err != nil {
		return nil, err
	}
	v, err := s.visitNow(ctx, who, name)
	if err != nil {
		return nil, err
	}
	action := AddParticipant
	if !who.App && len(logins) == 1 && logins[0] == who.Login {
		action = JoinRoom
	}
	if err := v.may(action); err != nil {
		return nil, err
	}
	all, err := s.candidates(ctx, who.Tenant, v.Room, logins)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(c candidate) bool { return c.in })
	if len(all) == 0 {
		return nil, errIn(v.Room, logins[0])
	}
	for _, c := range all {
		if action == AddParticipant && c.blocked() {
			if err := v.mayAbout(Moderate, c.Person.Login); err != nil {
				return nil, err
			}
		}
		added = append(added, c.Person.Login)
	}
	if action == JoinRoom {
		return added, s.joins(ctx, v, all[0].Person)
	}
	by, err := s.actor(ctx, v)
	if err != nil {
		return nil, err
	}
	joined, err := s.reserveJoins(ctx, who.Tenant, v.Settings.Kind, peopleIn(all))
	if err != nil {
		return nil, err
	}
	defer func() { joined(err) }()
	told, err := s.intendIn(ctx, who, v.Room, Act{Deed: DeedJoined, People: peopleIn(all), By: by, Invited: v.is&(App|Owner|Admin) == 0})
	if err != nil {
		return nil, err
	}
	err = s.addAll(ctx, who.Tenant, v.Room, all, by)
	told(err)
	return added, err
}

// addAll makes people who are not in a room participants, and takes them off the lists that this ends.
func (s *Service) addAll(ctx context.Context, t Tenant, r Room, all []candidate, by Person) error {
	ctx, cancel := changing(ctx)
	defer cancel()
	if err := s.joinAll(ctx, t, r, peopleIn(all)); err != nil {
		return err
	}
	for _, c := range all {
		s.unlistJoined(ctx, t, r, c.lists, c.Person.Login)
		if c.blocked() {
			if _, err := s.store.Unlist(ctx, t, r.ID, BlockList, c.Person.Login); err != nil {
				return err
			}
		}
		s.notify(ctx, t, r, Notice{Type: NoticeJoined, Who: c.Person, By: by})
	}
	return nil
}

// joinAll makes at most MaxJoins people participants, all or nobody, and publishes that.
func (s *Service) joinAll(ctx context.Context, t Tenant, r Room, people []Person) error {
	if len(people) == 0 {
		return nil
	}
	ticket := s.order.begin(r.ID, s.ids)
	in, err := s.store.JoinAll(ctx, t, r, people, s.ids.New)
	for _, p := range people {
		s.forgetMember(t, r.ID, p.Login)
	}
	if err != nil {
		ticket.finish(ctx)
		for _, p := range people {
			s.settleMembership(t, r, p, true, err)
		}
		return err
	}
	events := make([]Event, len(people))
	at := ticket.id
	g := guard.NewGroup()
	g.SetLimit(bulkParallel)
	for i, p := range people {
		changed := slices.Contains(in, p.Login)
		if events[i] = (ParticipantJoined{Place: r.place(t), Person: p, Repeated: !changed}); !changed {
			continue
		}
		g.Go(func() error {
			s.entered(ctx, t, r, p.Login, at)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		s.log.Error("read positions were not set", "room", r.Name, "error", err)
	}
	ticket.finish(ctx, events...)
	ticket.wait()
	return nil
}

// ListMembers returns members of a room in the order of joining: after the position from, the oldest first, or before it,
// the newest first (zero: from the first, or the last, on), and whether there are more. Forbidden for who may not see them.
// Members of open rooms are listed by Participants: some may have joined before their order was kept.
func (s *Service) ListMembers(ctx context.Context, who Principal, name string, from id.ID, newest bool, limit int) (ms []Member, more bool, err error) {
	r, err := s.LookInside(ctx, who, name)
	if err != nil {
		return nil, false, err
	}
	ms, err = s.store.Members(ctx, who.Tenant, r.ID, from, newest, limit+1)
	return ms[:min(limit, len(ms))], len(ms) > limit, err
}

// Joined is a room that somebody is in, with their place in the order of joining.
type Joined struct {
	Room
	Since id.ID
}

// JoinedRooms returns the rooms that a user is in, the one joined last first: those joined before the position (zero: from
// the last one), and whether there may be more. Some of a page may be missing: they were deleted meanwhile. Forbidden for
// others than the user and their app.
func (s *Service) JoinedRooms(ctx context.Context, who Principal, login string, before id.ID, limit int) (rs []Joined, more bool, err error) {
	if !who.App && login != who.Login {
		return nil, false, ErrForbidden("only '%s' may see which rooms they are in", login)
	}
	refs, err := s.store.RoomsByJoining(ctx, who.Tenant, login, before, limit+1)
	if err != nil {
		return nil, false, err
	}
	more = len(refs) > limit
	rs, err = s.roomsOf(ctx, who.Tenant, refs[:min(limit, len(refs))])
	return rs, more, err
}

// RoomsWith is JoinedRooms ascending by name, after the given one (empty: from the first), whenever the user has joined
// them. next is where to go on; empty if there are no more.
func (s *Service) RoomsWith(ctx context.Context, who Principal, login, after string, limit int) (rs []Room, next string, err error) {
	if !who.App && login != who.Login {
		return nil, "", ErrForbidden("only '%s' may see which rooms they are in", login)
	}
	refs, err := s.store.RoomsOf(ctx, who.Tenant, login, after, limit)
	if err != nil {
		return nil, "", err
	}
	joined := make([]JoinedRoom, len(refs))
	for i, ref := range refs {
		joined[i].RoomRef = ref
	}
	if len(refs) == limit {
		next = refs[limit-1].Name
	}
	found, err := s.roomsOf(ctx, who.Tenant, joined)
	for _, r := range found {
		rs = append(rs, r.Room)
	}
	return rs, next, err
}

// roomsOf reads the rooms that are still there.
func (s *Service) roomsOf(ctx context.Context, t Tenant, refs []JoinedRoom) ([]Joined, error) {
	names := make([]string, len(refs))
	for i, ref := range refs {
		names[i] = ref.Name
	}
	found, err := s.store.RoomsByName(ctx, t, names)
	if err != nil {
		return nil, err
	}
	rs := make([]Joined, 0, len(refs))
	for _, ref := range refs {
		if r, ok := found[ref.Name]; ok && r.ID == ref.ID {
			rs = append(rs, Joined{r, ref.Since})
		}
	}
	return rs, nil
}
