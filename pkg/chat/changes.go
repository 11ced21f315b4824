package chat

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/confab-chat/confab/pkg/emoji"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/limit"
)

// Limits of reactions. Users who react at the same moment on different nodes may exceed the last four by a few.
const (
	MaxEmojis    = 20  // different ones on a message
	MaxReactions = 500 // on a message

	// Withdrawn reactions still count here, because stores keep them for WithdrawnFor. Otherwise reactions that are set
	// and withdrawn again and again would make reading the message slower and slower.
	MaxOwnEmojis = 40   // of one user on a message
	MaxUsed      = 2000 // reactions on a message
)

// WithdrawnFor is how long a withdrawn reaction counts as Withdrawn.
const WithdrawnFor = 10 * 24 * time.Hour

// React sets or withdraws a reaction of who: Invalid unless it is one emoji of the Unicode standard. It is stored in the
// one spelling of emoji.Normal. Repeating it changes nothing. Conflict for a deleted message, and for one that has reached
// a limit of reactions. A reaction that earlier versions stored with other text can be withdrawn.
func (s *Service) React(ctx context.Context, who Identity, room string, m id.ID, text string, on bool) (Message, error) {
	normal, ok := emoji.Normal(text)
	if !ok && (on || !couldBeStored(text)) {
		return Message{}, errNoEmoji(text)
	}
	if err := s.may(who.does(limit.Reactions), who.does(limit.MessageReactions, m.String())); err != nil {
		return Message{}, err
	}
	r, p, err := s.Access(ctx, who, room)
	if err != nil {
		return Message{}, err
	}
	return s.changeMessage(ctx, who.Tenant, r, p, m, func(now Message) (Change, error) {
		as := normal
		if !on && now.Reacted(who.Login, text) {
			as = text // from an earlier version
		}
		switch {
		case now.Deleted:
			return Change{}, errDeleted(m)
		case as == "":
			return Change{}, errNoEmoji(text)
		case now.Reacted(who.Login, as) == on:
			return Change{}, nil
		case on:
			if err := roomForReaction(now, who.Login, as); err != nil {
				return Change{}, err
			}
		}
		return Change{Kind: React, Emoji: as, On: on}, nil
	})
}

// couldBeStored reports whether earlier versions may have stored a text as a reaction: 32 bytes without a space.
func couldBeStored(text string) bool {
	return text != "" && len(text) <= 32 && !strings.Contains(text, " ")
}

func errNoEmoji(text string) error {
	var f faults
	f.add("emoji", noEmoji, &text)
	return f.err(MessageEntity)
}

// roomForReaction returns an error if a message cannot have another reaction.
func roomForReaction(m Message, login, emoji string) error {
	all, own, known := 0, 0, false
	for _, r := range m.Reactions {
		all += len(r.Logins)
		known = known || r.Emoji == emoji
		if slices.Contains(r.Logins, login) {
			own++
		}
	}
	back := false
	for _, r := range m.Withdrawn {
		if r.Login == login {
			own++
			back = back || r.Emoji == emoji
		}
	}
	if all >= MaxReactions {
		return refused(Conflict, m.ID, fmt.Sprintf("a message can have %d reactions at most", MaxReactions))
	}
	if !known && len(m.Reactions) >= MaxEmojis {
		return refused(Conflict, m.ID, fmt.Sprintf("a message can have %d different emojis at most", MaxEmojis))
	}
	if back {
		return nil // it counted already
	}
	if own >= MaxOwnEmojis {
		return refused(Conflict, m.ID, fmt.Sprintf("you have used %d different emojis on this message: use one of them, or wait some days", own))
	}
	if all+len(m.Withdrawn) >= MaxUsed {
		return refused(Conflict, m.ID, "reactions on this message have changed too often: wait some days")
	}
	return nil
}

func refused(k Kind, m id.ID, message string) error {
	return &Error{Kind: k, Entity: MessageEntity, Name: m.String(), Message: message}
}

func errDeleted(m id.ID) error { return refused(Conflict, m, "this message was deleted") }

// changeMessage applies the Change that decide returns and publishes it. It returns the message as it is afterwards.
func (s *Service) changeMessage(ctx context.Context, in Tenant, r Room, by Person, m id.ID,
	decide func(now Message) (Change, error)) (Message, error) {
	if s.shown(r).hides(m) {
		return Message{}, ErrNotFound(MessageEntity, m.String())
	}
	return s.changeAny(ctx, in, r, by, m, decide)
}

// changeAny is changeMessage also for a message that retention hides.
func (s *Service) changeAny(ctx context.Context, in Tenant, r Room, by Person, m id.ID,
	decide func(now Message) (Change, error)) (Message, error) {
	ctx, cancel := changing(ctx)
	defer cancel()
	told, err := s.intendRecall(ctx, in, r, m, decide)
	if err != nil {
		return Message{}, err
	}
	t, err := s.begin(ctx, r.Log(in))
	if err != nil {
		told(err)
		return Message{}, err
	}
	var done Change
	var only []string
	now, err := s.store.ChangeMessage(ctx, r.Log(in), m, func(now Message) (Change, error) {
		var err error
		only = now.Only
		if done, err = decide(now); err == nil && done.Kind != "" {
			done.ID, done.By = t.id, by
		}
		return done, err
	})
	if told(unless(done.Kind != Delete, err)); err != nil || done.Kind == "" {
		t.finish(ctx)
		s.settleChange(in, r, done, m, err, decide)
		return now, err
	}
	published := now
	published.Only = only // a deleted message does not say any more whom it was for
	t.finish(ctx, MessageChanged{Place: r.place(in), Change: t.id, Kind: done.Kind, Message: published})
	return now, nil
}
