package chat

import (
	"context"

	"github.com/confab-chat/confab/pkg/id"
)

// Mail brings messages to the mailboxes of accounts of apps; see pkg/delivery.
type Mail interface {
	// Send is called before messages are stored in a log. It makes sure that they come to all mailboxes that they are for,
	// also if this server dies. The caller stores them and then calls done, with the error of that. When done returns, few
	// receivers have the message in their mailboxes; for many, work goes on. If the error is Unavailable the outcome is
	// settled later.
	Send(ctx context.Context, m Mailing) (done func(ctx context.Context, err error) error, err error)
	// Withdraw is Send for a message that is about to be recalled: it is taken out of all mailboxes.
	Withdraw(ctx context.Context, m Mailing) (done func(ctx context.Context, err error) error, err error)
	// Changed says that the message of a letter was edited or recalled.
	Changed(log Log, l Letter)
}

// Mailing is messages of one log and who gets them.
type Mailing struct {
	Log Log
	// Letters are messages to users one by one.
	Letters []Letter
	// Message is one message to all who are in the room that the log is of, but its author. Zero: there are only Letters.
	Message id.ID
	// Author is the login of the author; of letters it may be the name of somebody who has none. What one author sends to many
	// comes to each of them in order.
	Author string
	// Only, if not nil, are those of them who get it: MaxOnly at most.
	Only []string
	// Online leaves out those who have no connection now.
	Online bool
}

// Letter is a message to one user.
type Letter struct {
	Message id.ID
	Login   string
}

// noMail is what is to be done after a message that goes to no mailbox.
func noMail(context.Context, error) error { return nil }

// mailed reports whether a message of a room is in mailboxes: those of groups of apps, and of the chat API's rooms what an app
// has sent there. Who is in other rooms reads their log.
func (r Room) mailed(m Message) bool {
	return r.Settings.Kind == GroupRoom || r.Settings.Kind != ChatRoom && m.To != ""
}

// lettersOf is a message of a direct conversation to all who are in it but its author.
func (r Room) lettersOf(t Tenant, m Message) Mailing {
	mail := Mailing{Log: r.Log(t)}
	for _, login := range r.Settings.Between {
		if login != m.Author.Login {
			mail.Letters = append(mail.Letters, Letter{m.ID, login})
		}
	}
	return mail
}

// mailing returns what delivers a new message of a room to mailboxes.
func (s *Service) mailing(ctx context.Context, t Tenant, r Room, m Message, online bool) (func(context.Context, error) error, error) {
	if s.mail == nil || !r.mailed(m) {
		return noMail, nil
	}
	if r.Settings.Kind == DirectRoom {
		mail := r.lettersOf(t, m)
		mail.Online = online
		return s.mail.Send(ctx, mail)
	}
	return s.mail.Send(ctx, Mailing{Log: r.Log(t), Message: m.ID, Author: m.Author.Login, Only: m.Only, Online: online})
}

// withdrawing returns what takes a message of a room out of mailboxes.
func (s *Service) withdrawing(ctx context.Context, t Tenant, r Room, m Message) (func(context.Context, error) error, error) {
	if s.mail == nil || m.ID.IsZero() || !r.mailed(m) {
		return noMail, nil
	}
	if r.Settings.Kind == DirectRoom {
		return s.mail.Withdraw(ctx, r.lettersOf(t, m))
	}
	return s.mail.Withdraw(ctx, Mailing{Log: r.Log(t), Message: m.ID})
}
