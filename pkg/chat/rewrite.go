package chat

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/limit"
)

// ErrTooLate is in the chain of the error for a message that is too old to be rewritten or recalled.
var ErrTooLate = errors.New("the message is too old")

// Rewrite is what an edit makes of a message. What is nil stays as it is; the kind stays always. A custom message with a
// new body and no new content gets the content that the server makes.
type Rewrite struct {
	Content *string
	// Payload's Kind may be empty. Another one than the message's is a conflict.
	Payload
	Window time.Duration // how old the message may be; 0: as old as it is
}

// EditMessage replaces the content of a message. Only its author may do so, as a participant who may post. The rules for
// content are those of Post. The same content again changes nothing. Conflict for a deleted message, and for one that is
// neither a text nor a custom message.
func (s *Service) EditMessage(ctx context.Context, who Identity, room string, m id.ID, content *string) (Message, error) {
	return s.Rewrite(ctx, Principal{Identity: who}, room, m, Rewrite{Content: content})
}

// Rewrite is EditMessage for all that can be edited. An app may rewrite any message.
func (s *Service) Rewrite(ctx context.Context, who Principal, room string, m id.ID, to Rewrite) (Message, error) {
	var f faults
	if to.Content != nil || to.Body == nil && to.Ext == nil {
		f.content("content", to.Content)
	}
	if err := f.err(MessageEntity); err != nil {
		return Message{}, err
	}
	v, err := s.editor(ctx, who, room)
	if err != nil {
		return Message{}, err
	}
	if to.Content != nil {
		if err := fits(*to.Content, Payload{}); err != nil {
			return Message{}, err
		}
	}
	return s.changeMessage(ctx, who.Tenant, v.Room, v.member.Person, m, func(now Message) (Change, error) {
		switch is := v.is | now.relation(who.Identity); {
		case !May(EditMessage, is|Speaker):
			return Change{}, refused(Forbidden, m, ruleOf(EditMessage).refusal)
		case !May(EditMessage, is):
			return Change{}, refuse(PostMessage, v.Room)
		}
		if now.Deleted {
			return Change{}, errDeleted(m)
		}
		return to.change(now, s.inTime(m, to.Window))
	})
}

// change returns the change of a message that the edit is, unless it comes too late.
func (to Rewrite) change(now Message, late error) (Change, error) {
	if late != nil {
		return Change{}, late
	}
	content, payload, err := to.of(now)
	if err != nil || content == now.Content && payload.Same(now.Payload) {
		return Change{}, err
	}
	return Change{Kind: Edit, Content: content, Payload: payload}, nil
}

// of returns what a message is after the edit.
func (to Rewrite) of(now Message) (content string, p Payload, err error) {
	if now.System || now.Kind != TextKind && now.Kind != CustomKind {
		return "", p, refused(Conflict, now.ID, "only texts and custom messages can be edited")
	}
	if to.Kind != "" && to.Kind != now.Kind && (to.Kind != "text" || now.Kind != TextKind) {
		return "", p, refused(Conflict, now.ID, "an edit does not change the kind of a message")
	}
	p = now.Payload
	text := to.Content
	if text == nil && to.Body == nil {
		text = &now.Content
	}
	if to.Body != nil {
		p.Body = to.Body
	}
	if to.Ext != nil {
		p.Ext = to.Ext
	}
	content, p, f := composed(text, p)
	if err := f.err(MessageEntity); err != nil {
		return "", p, err
	}
	p.To, p.Only = now.To, now.Only
	return content, p, fits(content, p)
}

// Recall is how a message is deleted for everybody.
type Recall struct {
	Window time.Duration // how old the message may be; 0: as old as it is
	// Force is for messages that retention hides, too.
	Force bool
	// Once makes it NotFound that the message was deleted before.
	Once bool
}

// DeleteMessage permanently empties a message. Its author and the room's owner and admins may do so, as participants.
// Repeating it changes nothing.
func (s *Service) DeleteMessage(ctx context.Context, who Identity, room string, m id.ID) error {
	return s.Recall(ctx, Principal{Identity: who}, room, m, Recall{})
}

// Recall is DeleteMessage, for messages that are not older than a window. An app may recall any message but those of the
// system. ErrTooLate is in the chain of the error for a message that is older, which is Forbidden.
func (s *Service) Recall(ctx context.Context, who Principal, room string, m id.ID, how Recall) error {
	v, err := s.editor(ctx, who, room)
	if err != nil {
		return err
	}
	change := s.changeMessage
	if how.Force {
		change = s.changeAny
	}
	all, err := s.store.MessagesByID(ctx, v.Log(who.Tenant), []id.ID{m})
	if err != nil {
		return err
	}
	removeFile, err := s.detaching(ctx, v.Log(who.Tenant), all[m])
	if err != nil {
		return err
	}
	withdrawn, err := s.withdrawing(ctx, who.Tenant, v.Room, all[m])
	if err != nil {
		return err
	}
	_, err = change(ctx, who.Tenant, v.Room, v.member.Person, m, func(now Message) (Change, error) {
		switch {
		case now.System:
			return Change{}, refused(Forbidden, m, "messages of the system cannot be deleted")
		case !May(DeleteMessage, v.is|now.relation(who.Identity)):
			return Change{}, refused(Forbidden, m, ruleOf(DeleteMessage).refusal)
		case now.Deleted && how.Once:
			return Change{}, ErrNotFound(MessageEntity, m.String())
		case now.Deleted:
			return Change{}, nil
		}
		return Change{Kind: Delete}, s.inTime(m, how.Window)
	})
	if err == nil {
		removeFile()
	}
	return cmp.Or(err, withdrawn(ctx, err))
}

// editor returns the room of a message that is to be edited or deleted, and who does it.
func (s *Service) editor(ctx context.Context, who Principal, room string) (visit, error) {
	if err := s.limited(who, limit.Edits); err != nil {
		return visit{}, err
	}
	v, err := s.take(ctx, who, room)
	if who.App {
		v.member.Person = System
	}
	return v, err
}

// inTime returns an error with ErrTooLate for a message that is older than a window, which is none if 0.
func (s *Service) inTime(m id.ID, window time.Duration) error {
	if window == 0 || s.now().Sub(m.Time()) <= window {
		return nil
	}
	return &Error{Kind: Forbidden, Entity: MessageEntity, Name: m.String(), Message: "the message is too old for this", Cause: ErrTooLate}
}
