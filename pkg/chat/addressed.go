package chat

import (
	"cmp"
	"context"
	"time"

	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
)

// Messages that an app, or a user of one, sends to users one by one are in one log of the app, in the order of time. A
// message for several users is there once for each, with an id of its own: each may be recalled alone.
//
// In the chat API's tenant such a message is in the direct conversation of its author and its receiver, and the log of the app
// has a reference to it.

// Friends says who are contacts of each other.
type Friends interface {
	Friends(ctx context.Context, t Tenant, one, two string) (bool, error)
}

// MaxReceivers is how many users one message may be sent to.
const MaxReceivers = 600

// appRoom is the name under which changes of addressed messages are published. No room has it.
const appRoom = "_app"

// Receiver is somebody to whom a message is addressed.
type Receiver struct {
	Name  string // as the message says it
	Login string // empty if there is no such account: the message is kept, and nobody gets it
}

// Sent is what became of a message for one receiver.
type Sent struct {
	Receiver
	ID      id.ID // zero if it was refused
	Refused error // Forbidden
}

// Addressed is a message for users one by one.
type Addressed struct {
	NewMessage
	Log      Log // of the app
	To       []Receiver
	Contacts bool // only contacts of the author may be sent to, but by an app
}

// SendTo stores a message for each of its receivers and returns what became of it for each, in their order. An app sends as
// From, whom it need not have; a user as themselves. A user is refused by receivers who have blocked them or, if Contacts is
// set, are no contacts. Forbidden for an author who is muted. When it returns, the messages are durable; if it fails, none
// is stored, unless the kind is Unavailable, or some are in conversations of the chat API.
func (s *Service) SendTo(ctx context.Context, who Principal, m Addressed) ([]Sent, error) {
	content, payload, f := composed(m.Content, m.Payload)
	if file := payload.File(); file != "" {
		f.add("body.file", notAttached, &file)
	}
	if err := f.err(MessageEntity); err != nil {
		return nil, err
	}
	if err := fits(content, payload); err != nil {
		return nil, err
	}
	author, err := s.addressing(ctx, who, m)
	if err != nil {
		return nil, err
	}
	sent, err := s.accepted(ctx, who, m)
	if err != nil {
		return nil, err
	}
	if who.Tenant == DefaultTenant {
		if err := s.converse(ctx, who, m, author, sent); err != nil {
			return nil, err
		}
	}
	ctx, cancel := changing(ctx)
	defer cancel()
	var ms []Message
	mail := Mailing{Log: m.Log, Author: cmp.Or(author.Login, author.FirstName), Online: m.Online}
	for i, to := range sent {
		if to.Refused != nil || !to.ID.IsZero() {
			continue
		}
		sent[i].ID = s.ids.New()
		p := payload
		p.To = to.Name
		if to.Login != "" {
			mail.Letters = append(mail.Letters, Letter{sent[i].ID, to.Login})
		}
		ms = append(ms, Message{ID: sent[i].ID, Author: author, Content: content, Payload: p})
	}
	if len(ms) == 0 {
		return sent, nil
	}
	told, err := s.intendMessages(ctx, m.Log, Room{}, ms...)
	if err != nil {
		return nil, err
	}
	mailed := noMail
	if s.mail != nil && len(mail.Letters) > 0 {
		if mailed, err = s.mail.Send(ctx, mail); err != nil {
			told(err)
			return nil, err
		}
	}
	err = s.store.AppendBatch(ctx, m.Log, ms)
	told(err)
	return sent, cmp.Or(err, mailed(ctx, err))
}

// converse sends a message to those of its receivers with whom the author can have a direct conversation: who have an account,
// and are somebody else.
func (s *Service) converse(ctx context.Context, who Principal, m Addressed, author Person, sent []Sent) error {
	g, gctx := guard.WithContext(ctx)
	g.SetLimit(bulkParallel)
	for i, to := range sent {
		if to.Refused != nil || to.Login == "" || to.Login == author.Login || author.Login == "" {
			continue
		}
		g.Go(func() error {
			r, err := s.conversation(gctx, who, author, to.Login)
			if err != nil {
				return err
			}
			n := m.NewMessage
			n.Index, n.To = m.Log, to.Name
			if !who.App {
				n.From = nil
			}
			stored, err := s.Send(gctx, who, r.Name, n)
			if IsKind(err, Forbidden) {
				sent[i].Refused = err
				return nil
			}
			sent[i].ID = stored.ID
			return err
		})
	}
	return g.Wait()
}

// addressing returns the author of an addressed message. Forbidden for one who is muted.
func (s *Service) addressing(ctx context.Context, who Principal, m Addressed) (author Person, err error) {
	if who.App {
		if m.From == nil {
			return Person{}, Faulty(MessageEntity, []Fault{Missing("author")})
		}
		author = *m.From
	} else if author, err = s.Person(ctx, who.Tenant, who.Login); err != nil {
		return Person{}, err
	}
	return author, s.unmuted(ctx, Identity{Tenant: who.Tenant, Login: author.Login}, DirectRoom)
}

// accepted finds out which receivers take a message.
func (s *Service) accepted(ctx context.Context, who Principal, m Addressed) ([]Sent, error) {
	sent := make([]Sent, len(m.To))
	g, gctx := guard.WithContext(ctx)
	g.SetLimit(bulkParallel)
	for i, to := range m.To {
		sent[i].Receiver = to
		if who.App || to.Login == "" || s.blocks == nil {
			continue
		}
		g.Go(func() error {
			err := s.takes(gctx, who.Identity, to.Login, m.Contacts)
			if IsKind(err, Forbidden) {
				sent[i].Refused, err = err, nil
			}
			return err
		})
	}
	return sent, g.Wait()
}

// takes returns Forbidden if somebody takes no message of who.
func (s *Service) takes(ctx context.Context, who Identity, login string, contacts bool) error {
	blocked, err := s.blocks.Blocks(ctx, who.Tenant, login, who.Login)
	if err != nil {
		return err
	}
	if blocked {
		return ErrForbidden("the receiver has blocked you")
	}
	if !contacts || s.friends == nil {
		return nil
	}
	are, err := s.friends.Friends(ctx, who.Tenant, who.Login, login)
	if err == nil && !are {
		err = ErrForbidden("the receiver is not one of your contacts")
	}
	return err
}

// conversationOf returns the name of the direct conversation that a message is in which was addressed to a user of the chat API;
// empty for others.
func (s *Service) conversationOf(ctx context.Context, l Log, m id.ID, to Receiver) (string, error) {
	if l.Tenant != DefaultTenant || to.Login == "" {
		return "", nil
	}
	row, err := s.store.Message(ctx, l, m)
	if IsKind(err, NotFound) || err == nil && (row.Kind != referenceKind || row.To != to.Name) {
		return "", nil
	}
	return DirectRoomName(l.Tenant, []string{row.Author.Login, to.Login}), err
}

// RewriteTo is Rewrite for a message that was addressed to a user. NotFound if there is no such message to that receiver, or it
// was recalled.
func (s *Service) RewriteTo(ctx context.Context, who Principal, l Log, m id.ID, to Receiver, with Rewrite) error {
	room, err := s.conversationOf(ctx, l, m, to)
	if err != nil {
		return err
	}
	if room != "" {
		_, err := s.Rewrite(ctx, who, room, m, with)
		return err
	}
	_, err = s.changeMessage(ctx, who.Tenant, Room{ID: l.ID, Name: appRoom}, System, m, func(now Message) (Change, error) {
		switch {
		case now.Deleted || now.Kind == referenceKind || now.To != to.Name:
			return Change{}, ErrNotFound(MessageEntity, m.String())
		case !who.App && !May(EditMessage, Participant|Speaker|now.relation(who.Identity)):
			return Change{}, refused(Forbidden, m, ruleOf(EditMessage).refusal)
		}
		return with.change(now, s.inTime(m, with.Window))
	})
	if err == nil && s.mail != nil && to.Login != "" {
		s.mail.Changed(l, Letter{m, to.Login})
	}
	return err
}

// RecallFrom is Recall for a message that was addressed to a user. The author may recall it, and the app. NotFound if there
// is no such message to that receiver, or it was recalled.
func (s *Service) RecallFrom(ctx context.Context, who Principal, l Log, m id.ID, to Receiver, window time.Duration) error {
	if room, err := s.conversationOf(ctx, l, m, to); err != nil {
		return err
	} else if room != "" {
		return s.Recall(ctx, who, room, m, Recall{Window: window, Once: true})
	}
	withdrawn, letter := noMail, Letter{m, to.Login}
	if s.mail != nil && to.Login != "" {
		var err error
		if withdrawn, err = s.mail.Withdraw(ctx, Mailing{Log: l, Letters: []Letter{letter}}); err != nil {
			return err
		}
	}
	_, err := s.changeMessage(ctx, who.Tenant, Room{ID: l.ID, Name: appRoom}, System, m, func(now Message) (Change, error) {
		switch {
		case now.Deleted || now.Kind == referenceKind || now.To != to.Name:
			return Change{}, ErrNotFound(MessageEntity, m.String())
		// It is in no room: whoever may edit a message where they are in may take it back.
		case !who.App && !May(EditMessage, Participant|Speaker|now.relation(who.Identity)):
			return Change{}, refused(Forbidden, m, "only its author may recall a message")
		}
		return Change{Kind: Delete}, s.inTime(m, window)
	})
	if err := cmp.Or(err, withdrawn(ctx, err)); err != nil {
		return err
	}
	if s.mail != nil && to.Login != "" {
		s.mail.Changed(l, letter)
	}
	return nil
}
