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

// mailing returns what delivers a message to the members of a group of an app. Other rooms have no mail: who is in them reads
// their log.
func (s *Service) mailing(ctx context.Context, t Tenant, r Room, m Message, online bool) (func(context.Context, error) error, error) {
	if s.mail == nil || t == DefaultTenant || r.Settings.Kind != GroupRoom {
		return noMail, nil
	}
	return s.mail.Send(ctx, Mailing{Log: r.Log(t), Message: m.ID, Author: m.Author.Login, Only: m.Only, Online: online})
}

// withdrawing returns what takes a message out of the mailboxes of a group.
func (s *Service) withdrawing(ctx context.Context, t Tenant, r Room, m id.ID) (func(context.Context, error) error, error) {
	if s.mail == nil || t == DefaultTenant || r.Settings.Kind != GroupRoom {
		return noMail, nil
	}
	return s.mail.Withdraw(ctx, Mailing{Log: r.Log(t), Message: m})
}
