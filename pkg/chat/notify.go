package chat

import "context"

// hasNotices reports whether a room of the kind has system messages. Groups and chat rooms of the platform have none: people
// stream through them, and their messages are those that somebody has sent.
func (k RoomKind) hasNotices() bool { return k == OpenRoom || k == PrivateRoom }

// notify posts a system message, if the room has such messages. The change that it is about is stored: an error is only
// logged.
func (s *Service) notify(ctx context.Context, t Tenant, r Room, n Notice) {
	if !r.Settings.Kind.hasNotices() {
		return
	}
	ticket, err := s.begin(ctx, r.Log(t))
	if err != nil {
		s.log.Error("a system message was not stored", "room", r.Name, "error", err)
		return
	}
	ticket.finish(ctx, s.appendNotice(ctx, t, r, n.Message(ticket.id))...)
}

// appendNotice stores a system message and returns its event; none if it was not stored.
func (s *Service) appendNotice(ctx context.Context, t Tenant, r Room, m Message) []Event {
	if err := s.store.Append(ctx, r.Log(t), m); err != nil {
		// What it is about has changed and is published; only the message about it is missing.
		s.log.Error("a system message was not stored", "room", r.Name, "error", err)
		s.settleMessage(t, r, m.ID, err)
		return nil
	}
	return []Event{MessagePosted{Place: r.place(t), Message: m}}
}

// actor returns the visitor as who has done something; nobody for an app.
func (s *Service) actor(ctx context.Context, v visit) (Person, error) {
	if v.who.App || v.member.in {
		return v.member.Person, nil
	}
	return s.Person(ctx, v.who.Tenant, v.who.Login)
}
