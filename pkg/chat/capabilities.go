package chat

import "context"

// Capabilities returns what who may do in a room now, in the order of Actions. An action about somebody or about a message is
// among them if who may do it to an ordinary participant or to the messages of others; EditMessage, if they may do it to
// their own, which they may delete whenever they take part. Joining is among them for those who are not in the room,
// leaving for those who are.
func (s *Service) Capabilities(ctx context.Context, who Identity, name string) ([]Action, error) {
	v, err := s.visitNow(ctx, who.Principal(), name)
	if err != nil {
		return nil, err
	}
	switch err := s.maySpeak(ctx, v); {
	case IsKind(err, Forbidden):
		v.is &^= Speaker
	case err != nil:
		return nil, err
	}
	var open []Action
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
	return open, nil
}
