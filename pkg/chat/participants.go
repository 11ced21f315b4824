package chat

import (
	"context"

	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/limit"
)

// Join makes who a participant of a room that they may join by themselves, by an invitation if they need one. login, if
// given, has to be theirs: a user cannot join for another. Joining twice changes nothing. Forbidden for who is blocked or
// needs the consent of somebody, Full if the room has no place, or who is in as many groups as they may be in.
func (s *Service) Join(ctx context.Context, who Identity, name string, login *string) error {
	if err := s.may(who.does(limit.Joins)); err != nil {
		return err
	}
	v, err := s.visitNow(ctx, who.Principal(), name)
	if err != nil {
		return err
	}
	if err := speaksFor(who, login); err != nil {
		return err
	}
	p, err := s.Person(ctx, who.Tenant, who.Login)
	if err != nil {
		return err
	}
	if err := v.may(JoinRoom); err != nil {
		return err
	}
	return s.joins(ctx, v, p)
}

// joins makes the visitor a participant, and ends their invitation and request.
func (s *Service) joins(ctx context.Context, v visit, p Person) (err error) {
	ctx, cancel := changing(ctx)
	defer cancel()
	joined := Notice{Type: NoticeJoined, Who: p}
	if v.member.in {
		return s.change(ctx, v.who.Tenant, v.Room, joined)
	}
	counted, err := s.reserveJoins(ctx, v.who.Tenant, v.Settings.Kind, []Person{p})
	if err != nil {
		return err
	}
	defer func() { counted(err) }()
	told, err := s.intendIn(ctx, v.who, v.Room, Act{Deed: DeedJoined, People: []Person{p}, By: p})
	if err != nil {
		return err
	}
	err = s.change(ctx, v.who.Tenant, v.Room, joined)
	if told(err); err != nil {
		return err
	}
	s.unlistJoined(ctx, v.who.Tenant, v.Room, v.member.lists, p.Login)
	// Somebody may have blocked them meanwhile: either this read finds that, or the other one has found the participant.
	lists, err := s.store.OnLists(ctx, v.who.Tenant, v.ID, p.Login)
	if err != nil {
		return err
	}
	if _, blocked := lists[BlockList]; blocked {
		if _, err := s.departAll(ctx, v.who, v.Room, DeedBanned, []Notice{{Type: NoticeBanned, Who: p}}); err != nil {
			return err
		}
		return refuse(JoinRoom, v.Room)
	}
	return nil
}

// unlistJoined takes somebody who has joined from the lists of those who wait.
func (s *Service) unlistJoined(ctx context.Context, t Tenant, r Room, lists map[RoomList]Listed, login string) {
	for _, list := range []RoomList{InviteList, RequestList} {
		if _, on := lists[list]; !on {
			continue
		}
		if _, err := s.store.Unlist(ctx, t, r.ID, list, login); err != nil {
			s.log.Warn("an invitation or a request to join was not removed", "room", r.Name, "error", err)
		}
	}
}

// Types is Access for a notice that who is typing in a room, or has stopped. RateLimited if there are too many.
func (s *Service) Types(ctx context.Context, who Identity, room string) (Room, error) {
	if err := s.may(who.does(limit.Typing)); err != nil {
		return Room{}, err
	}
	r, _, err := s.Access(ctx, who, room)
	return r, err
}

// Leave removes a participant: who, or login if who may remove them. It changes nothing if the user is not in the room.
// Forbidden for the owner of a group, who has to hand it over before, and in a direct conversation. A private room that
// its owner leaves gets another one: the admin, otherwise the participant, who has been in it for longest. One that its
// last participant leaves is deleted.
func (s *Service) Leave(ctx context.Context, who Identity, name string, login *string) error {
	leaving := who.Login
	if login != nil {
		leaving = *login
	}
	return s.removeOne(ctx, who.Principal(), name, leaving, "", nil)
}

// Dismiss is Leave for somebody else, with a reason of at most MaxNote characters, which the notice of it gives. Invalid
// for a longer one.
func (s *Service) Dismiss(ctx context.Context, who Identity, name, login, reason string) error {
	var f faults
	f.upTo("reason", &reason, MaxNote)
	if err := f.err(RoomEntity); err != nil {
		return err
	}
	return s.removeOne(ctx, who.Principal(), name, login, reason, nil)
}

// RemoveMember is RemoveMembers for one.
func (s *Service) RemoveMember(ctx context.Context, who Principal, name, login string) error {
	return s.removeOne(ctx, who, name, login, "", errNotIn)
}

// RemoveMembers is Leave for members only, each by themselves: errs has what came of each of logins. It is Conflict for one
// who is not in the room, and Forbidden for the owner, and for an admin whom another one removes. Those who are removed may
// join again; see List for what prevents that.
func (s *Service) RemoveMembers(ctx context.Context, who Principal, name string, logins []string) (errs []error, err error) {
	return s.remove(ctx, who, name, logins, "", errNotIn)
}

func (s *Service) removeOne(ctx context.Context, who Principal, name, login, reason string, missing func(r Room, login string) error) error {
	errs, err := s.remove(ctx, who, name, []string{login}, reason, missing)
	if err != nil {
		return err
	}
	return errs[0]
}

// errNotIn is the error for an action about somebody who would have to be in the room.
func errNotIn(r Room, login string) error {
	return &Error{Kind: Conflict, Entity: RoomEntity, Message: "'" + login + "' is not in the room '" + r.Called() + "'"}
}

// errIn is the error for somebody who is in the room already.
func errIn(r Room, login string) error {
	return &Error{Kind: Conflict, Entity: RoomEntity, Message: "'" + login + "' is in the room '" + r.Called() + "' already"}
}

// remove removes participants, for a reason if there is one. missing, if set, returns the error for somebody who is not in
// the room.
func (s *Service) remove(ctx context.Context, who Principal, name string, logins []string, reason string, missing func(r Room, login string) error) (errs []error, err error) {
	if err := s.limited(who, limit.Joins); err != nil {
		return nil, err
	}
	v, err := s.visitNow(ctx, who, name)
	if err != nil {
		return nil, err
	}
	errs, notices := make([]error, len(logins)), make([]Notice, len(logins))
	g, gctx := guard.WithContext(ctx)
	g.SetLimit(bulkParallel)
	for i, login := range logins {
		g.Go(func() error {
			notices[i], errs[i] = s.removal(gctx, v, login, reason, missing)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	deed := DeedRemoved
	var leave []Notice
	var at []int
	for i, n := range notices {
		if errs[i] == nil && n.Who.Login != "" {
			leave, at = append(leave, n), append(at, i)
		}
		if n.Type == NoticeLeft {
			deed = DeedQuit
		}
	}
	outcomes, err := s.departAll(ctx, who, v.Room, deed, leave)
	if len(outcomes) == 0 {
		return errs, err
	}
	for i, err := range outcomes {
		errs[at[i]] = err
	}
	return errs, nil
}

// removal returns the notice of the removal of somebody by the visitor; none if there is nobody to remove.
func (s *Service) removal(ctx context.Context, v visit, leaving, reason string, missing func(r Room, login string) error) (n Notice, err error) {
	n, action := Notice{Type: NoticeRemoved, Text: reason}, RemoveParticipant
	if leaving == v.who.Login && !v.who.App {
		n, action = Notice{Type: NoticeLeft}, LeaveRoom
	}
	if err := v.mayAbout(action, leaving); err != nil {
		return n, err
	}
	n.Who = v.member.Person
	if leaving != v.who.Login {
		if n.Who, err = s.participantNow(ctx, v.who.Tenant, v.Room, leaving); err != nil {
			return n, err
		}
	}
	if n.Who.Login == "" {
		if missing != nil {
			return n, missing(v.Room, leaving)
		}
		// An earlier attempt may have died before it was published.
		gone := ParticipantLeft{Place: v.place(v.who.Tenant), Person: Person{Login: leaving}, Repeated: true}
		s.order.begin(v.ID, s.ids).finish(ctx, gone)
		return n, nil
	}
	if n.Type == NoticeRemoved {
		n.By, err = s.actor(ctx, v)
	}
	return n, err
}

// departAll ends the memberships of several, some at the same time, and returns what came of each. The app is told of all
// in one act. If that is not possible, err says so, and nothing is done; otherwise err is the first of the outcomes.
func (s *Service) departAll(ctx context.Context, who Principal, r Room, d Deed, ns []Notice) (outcomes []error, err error) {
	if len(ns) == 0 {
		return nil, nil
	}
	people := make([]Person, len(ns))
	for i, n := range ns {
		people[i] = n.Who
	}
	told, err := s.intendIn(ctx, who, r, Act{Deed: d, People: people})
	if err != nil {
		return nil, err
	}
	outcomes = make([]error, len(ns))
	g := guard.NewGroup()
	g.SetLimit(bulkParallel)
	for i, n := range ns {
		g.Go(func() error {
			outcomes[i] = s.depart(ctx, who.Tenant, r, n)
			return nil
		})
	}
	err = g.Wait()
	for _, one := range outcomes {
		if err == nil {
			err = one
		}
	}
	told(err)
	return outcomes, err
}

// participantNow returns a participant as the store has them; empty for somebody else.
func (s *Service) participantNow(ctx context.Context, t Tenant, r Room, login string) (Person, error) {
	if !validLogin(login) {
		return Person{}, ErrNotFound(UserEntity, login)
	}
	p, err := s.store.Participant(ctx, t, r.ID, login)
	if IsKind(err, NotFound) {
		return Person{}, nil
	}
	return p, err
}

// depart ends the membership of n.Who, and with it what they were in the room.
func (s *Service) depart(ctx context.Context, t Tenant, r Room, n Notice) error {
	p := n.Who
	ctx, cancel := changing(ctx)
	defer cancel()
	if r.governs(p.Login) == Owner && r.Settings.Kind != OpenRoom {
		// Before they go: a server that dies in between leaves no room without an owner.
		if err := s.handOver(ctx, t, r, p.Login); err != nil {
			return err
		}
	}
	if err := s.change(ctx, t, r, n); err != nil {
		return err
	}
	if err := s.endRoles(ctx, t, r.Ref(), p.Login); err != nil {
		s.log.Warn("what somebody was in a room they have left was not ended", "room", r.Name, "error", err)
	}
	if k := r.Settings.Kind; k == PrivateRoom || k == DirectRoom {
		return s.endEmpty(ctx, t, r)
	}
	return nil
}

// endEmpty deletes a room that nobody sees any more.
func (s *Service) endEmpty(ctx context.Context, t Tenant, r Room) error {
	rest, err := s.store.Participants(ctx, t, r.ID, "", 1)
	if err != nil || len(rest) > 0 {
		return err
	}
	err = s.deleteRoom(ctx, Principal{Identity: Identity{Tenant: t, Login: SystemLogin}, App: true}, r)
	if IsKind(err, NotFound) {
		return nil
	}
	return err
}

// Participants returns a range of the participants of a room, ascending by login, and whether there are more. Forbidden for
// who may see the room and not who is in it.
func (s *Service) Participants(ctx context.Context, who Principal, name string, rg Range) ([]Person, bool, error) {
	r, err := s.LookInside(ctx, who, name)
	if err != nil {
		return nil, false, err
	}
	list := func(after string, limit int) ([]Person, error) {
		return s.store.Participants(ctx, who.Tenant, r.ID, after, limit)
	}
	return rangeOf(rg, list, func(p Person) string { return p.Login })
}

// Has reports whether a login is in a room whose participants who may see; Forbidden for others.
func (s *Service) Has(ctx context.Context, who Principal, name, login string) (bool, error) {
	r, err := s.LookInside(ctx, who, name)
	if err != nil {
		return false, err
	}
	p, err := s.participantNow(ctx, who.Tenant, r, login)
	return p.Login != "", err
}

// Look returns a room that who may see, without its participants: NotFound for others, as for a room that does not exist.
// It reads without the caches.
func (s *Service) Look(ctx context.Context, who Principal, name string) (Room, error) {
	return s.look(ctx, who, SeeRoom, name)
}

// LookInside is Look for who may see the participants, the admins and the announcement; Forbidden for others.
func (s *Service) LookInside(ctx context.Context, who Principal, name string) (Room, error) {
	return s.look(ctx, who, SeeParticipants, name)
}

// look reads who is in the room, and its lists, only if the room itself does not say that the action is open to who.
func (s *Service) look(ctx context.Context, who Principal, a Action, name string) (Room, error) {
	r, err := s.room(ctx, who.Tenant, name)
	if err != nil || May(a, r.relation(who)) {
		return r, err
	}
	v, err := s.visitRoom(ctx, who, r)
	if err != nil {
		return Room{}, err
	}
	return v.Room, v.may(a)
}

const joinsText, leavesText = " joins the room", " leaves the room"

// change stores a change of the membership of n.Who and then, if anything changed, the notice of it. It publishes both, the
// participant first. If nothing changed, it publishes the state nevertheless, because the node that made the change may
// have died before it did so.
func (s *Service) change(ctx context.Context, t Tenant, r Room, n Notice) error {
	p := n.Who
	ctx, cancel := changing(ctx)
	defer cancel()
	ticket, err := s.begin(ctx, r.Log(t))
	if err != nil {
		return err
	}
	var events []Event
	defer func() {
		ticket.finish(ctx, events...)
		ticket.wait()
	}()

	join, changed := n.Type == NoticeJoined, false
	if join {
		changed, err = s.store.Join(ctx, t, r, p, ticket.id)
	} else {
		changed, err = s.store.Leave(ctx, t, r, p.Login)
	}
	s.forgetMember(t, r.ID, p.Login)
	if err != nil {
		s.settleMembership(t, r, p, join, err)
		return err
	}
	if join {
		events = append(events, ParticipantJoined{Place: r.place(t), Person: p, Repeated: !changed})
	} else {
		events = append(events, ParticipantLeft{Place: r.place(t), Person: p, Repeated: !changed, Removed: changed && n.Type != NoticeLeft})
	}
	if !changed {
		return nil
	}
	if join {
		s.entered(ctx, t, r, p.Login, ticket.id)
	} else {
		s.departed(ctx, t, r, p.Login)
		if err := s.index.Left(ctx, t, r, p.Login); err != nil {
			s.log.Warn("what somebody had in a room they have left was not removed", "room", r.Name, "error", err)
		}
	}
	if r.Settings.Kind.hasNotices() {
		events = append(events, s.appendNotice(ctx, t, r, n.Message(ticket.id))...)
	}
	return nil
}
