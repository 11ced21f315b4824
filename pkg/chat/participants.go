package chat

import (
	"context"

	"github.com/confab-chat/confab/pkg/limit"
)

// Join makes who a participant. login, if given, has to be theirs: a user cannot join for another. Joining twice
// changes nothing.
func (s *Service) Join(ctx context.Context, who Identity, name string, login *string) error {
	if err := s.may(who.does(limit.Joins)); err != nil {
		return err
	}
	r, err := s.room(ctx, who.Tenant, name)
	if err != nil {
		return err
	}
	if err := speaksFor(who, login); err != nil {
		return err
	}
	u, err := s.liveUser(ctx, who.Tenant, who.Login)
	if err != nil {
		return err
	}
	return s.change(ctx, who.Tenant, r, u.Person, u.Person, true)
}

// Types is Access for a notice that who is typing in a room, or has stopped. RateLimited if there are too many.
func (s *Service) Types(ctx context.Context, who Identity, room string) (Room, error) {
	if err := s.may(who.does(limit.Typing)); err != nil {
		return Room{}, err
	}
	r, _, err := s.Access(ctx, who, room)
	return r, err
}

// Leave removes a participant: who, or login if who is the room's creator. It changes nothing if the user is not in the
// room.
func (s *Service) Leave(ctx context.Context, who Identity, name string, login *string) error {
	if err := s.may(who.does(limit.Joins)); err != nil {
		return err
	}
	r, err := s.room(ctx, who.Tenant, name)
	if err != nil {
		return err
	}
	leaving, is := who.Login, r.relation(who)
	if login != nil {
		leaving = *login
	}
	if leaving == who.Login {
		is |= Themselves
	}
	if !May(RemoveParticipant, is) {
		return refuse(RemoveParticipant, name)
	}
	if !ValidName(leaving) {
		return ErrNotFound(UserEntity, leaving)
	}
	p, err := s.store.Participant(ctx, who.Tenant, r.ID, leaving)
	if IsKind(err, NotFound) {
		// An earlier attempt may have died before it was published.
		gone := membershipEvent(r.place(who.Tenant), Person{Login: leaving}, false, true)
		s.order.begin(r.ID, s.ids).finish(ctx, gone)
		return nil
	}
	if err != nil {
		return err
	}
	by := p
	if leaving != who.Login {
		u, err := s.liveUser(ctx, who.Tenant, who.Login)
		if err != nil {
			return err
		}
		by = u.Person
	}
	return s.change(ctx, who.Tenant, r, p, by, false)
}

// Participants returns a range of the participants of a room, ascending by login, and whether there are more.
func (s *Service) Participants(ctx context.Context, t Tenant, name string, rg Range) ([]Person, bool, error) {
	r, err := s.room(ctx, t, name)
	if err != nil {
		return nil, false, err
	}
	list := func(after string, limit int) ([]Person, error) {
		return s.store.Participants(ctx, t, r.ID, after, limit)
	}
	return rangeOf(rg, list, func(p Person) string { return p.Login })
}

const joinsText, leavesText = " joins the room", " leaves the room"

// membershipEvent returns the event that p has joined or left.
func membershipEvent(at Place, p Person, join, repeated bool) Event {
	if join {
		return ParticipantJoined{Place: at, Person: p, Repeated: repeated}
	}
	return ParticipantLeft{Place: at, Person: p, Repeated: repeated}
}

// change stores a change of a membership, by whom it was made, and then, if anything changed, the system message about it. It publishes both,
// the participant first. If nothing changed, it publishes the state nevertheless, because the node that made the change
// may have died before it did so.
func (s *Service) change(ctx context.Context, t Tenant, r Room, p, by Person, join bool) error {
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

	var changed bool
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
	events = append(events, membershipEvent(r.place(t), p, join, !changed))
	if !changed {
		return nil
	}
	told := Notice{Type: NoticeLeft, Who: p}
	switch {
	case join:
		told.Type = NoticeJoined
	case by.Login != p.Login:
		told.Type, told.By = NoticeRemoved, by
	}
	m := told.Message(ticket.id)
	if join {
		s.entered(ctx, t, r, p.Login, ticket.id)
	} else {
		s.departed(ctx, t, r, p.Login)
	}
	if err := s.store.Append(ctx, r.Log(t), m); err != nil {
		// The membership has changed and is published; only the message about it is missing.
		s.log.Error("a system message was not stored", "room", r.Name, "error", err)
		s.settleMessage(t, r, m.ID, err)
		return nil
	}
	events = append(events, MessagePosted{Place: r.place(t), Message: m})
	return nil
}
