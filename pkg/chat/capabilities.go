package chat

import (
	"context"
	"time"
)

// Capabilities returns what who may do in a room now, in the order of Actions. An action about somebody or about a message is
// among them if who may do it to an ordinary participant or to the messages of others; EditMessage, if they may do it to
// their own, which they may delete whenever they take part. Joining is among them for those who are not in the room,
// leaving for those who are. until is when a mute that keeps who from posting ends by itself; zero if there is none.
func (s *Service) Capabilities(ctx context.Context, who Identity, name string) (open []Action, until time.Time, err error) {
	v, err := s.visitNow(ctx, who.Principal(), name)
	if err != nil {
		return nil, until, err
	}
	switch err := s.maySpeak(ctx, v); {
	case IsKind(err, Forbidden):
		v.is &^= Speaker
		if until, err = s.mutedUntil(ctx, v); err != nil {
			return nil, until, err
		}
	case err != nil:
		return nil, until, err
	}
	for _, a := range Actions() {
		is := v.is | Ordinary | NotOwner
		if a == EditMessage {
			is |= Author
		}
		switch a {
		case JoinRoom, AskToJoin:
			if v.member.in {
				continue
			}
		case LeaveRoom:
			if !v.member.in {
				continue
			}
		}
		if May(a, is) {
			open = append(open, a)
		}
	}
	return open, until, nil
}

// endless is how far away the end of a mute is that has none.
const endless = 100 * 365 * 24 * time.Hour

// mutedUntil is when the visitor's mutes are over, in this room and in all of its kind; zero if one of them has no end, or
// there are none.
func (s *Service) mutedUntil(ctx context.Context, v visit) (until time.Time, err error) {
	now := s.now()
	if mute, on := v.member.lists[MuteList]; on && !mute.ended(now) {
		if mute.Until.IsZero() {
			return time.Time{}, nil
		}
		until = mute.Until
	}
	if s.mutes == nil {
		return until, nil
	}
	everywhere, err := s.mutes.MutedUntil(ctx, v.who.Identity, v.Settings.Kind)
	if everywhere.After(now) && everywhere.After(until) {
		until = everywhere
	}
	if until.Sub(now) > endless {
		until = time.Time{}
	}
	return until, err
}
