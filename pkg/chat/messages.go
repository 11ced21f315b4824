package chat

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/limit"
)

// MaxPage is the maximum number of messages in a page. A greater limit counts as MaxPage.
const MaxPage = 200

// NewMessage is a message to post. Author, if given, has to be the user who posts it. Key is the Idempotency-Key, if
// one was given. ReplyTo is the message of the same room that it answers, if any.
//
// A text has a Content. A message of another kind has a Body, and the server makes the Content of it; only one of
// CustomKind may bring its own. Body and Ext may be JSON of any form.
type NewMessage struct {
	Author  *string
	Content *string
	Key     *string
	ReplyTo *id.ID
	Payload
	// Of what is for the platform alone, Payload's Only are members of a group or chat room who get the message, MaxOnly at most;
	// others of these logins count as nobody. To is the receiver of a message in a direct conversation that SendTo sends.

	// From is the author of a message that an app sends: anybody.
	From *Person
	// Index is the log of the app, which is to have a reference to a message in a room; zero for none.
	Index Log
	// Online says that the message waits for nobody: who has no connection now does not get it.
	Online bool
}

// Validate returns all faults of the message.
func (n NewMessage) Validate() []Fault {
	_, _, f := composed(n.Content, n.Payload)
	return f
}

// Post stores a message of who in a room they are in and publishes it. Forbidden for who is muted, or may not post there for
// another reason. When it returns, the message is durable. If who
// has used Key before in this room, Post stores nothing and returns the message that was posted first; Conflict if that
// message has another content, payload or ReplyTo.
func (s *Service) Post(ctx context.Context, who Identity, room string, n NewMessage) (Message, error) {
	return s.Send(ctx, Principal{Identity: who}, room, n)
}

// Send is Post. An app sends as From, in any room of its tenant, without a limit.
func (s *Service) Send(ctx context.Context, who Principal, room string, n NewMessage) (Message, error) {
	if n.Key != nil {
		if err := validKey(*n.Key); err != nil {
			return Message{}, err
		}
	}
	content, payload, f := composed(n.Content, n.Payload)
	if err := f.err(MessageEntity); err != nil {
		return Message{}, err
	}
	r, author, err := s.sender(ctx, who, room, n)
	if err != nil {
		return Message{}, err
	}
	if err := fits(content, payload); err != nil {
		return Message{}, err
	}
	if payload.Only, err = s.within(ctx, who.Tenant, r, n.Only); err != nil {
		return Message{}, err
	}
	if who.Tenant == DefaultTenant && !n.Index.ID.IsZero() {
		payload.To = cmp.Or(n.To, strconv.FormatInt(r.Number(), 10))
	}
	if n.ReplyTo != nil {
		if _, err := s.shown(r).Message(ctx, r.Log(who.Tenant), *n.ReplyTo); err != nil {
			return Message{}, err
		}
	}
	ctx, cancel := changing(ctx)
	defer cancel()
	t, err := s.begin(ctx, r.Log(who.Tenant))
	if err != nil {
		return Message{}, err
	}
	claim := FileClaim{File: payload.File(), Author: Identity{who.Tenant, author.Login}, Room: r.Ref(), Message: t.id, Key: n.Key}
	if claim.File != "" {
		if content, payload, err = s.attach(ctx, claim, payload); err != nil {
			t.finish(ctx)
			return Message{}, err
		}
	}
	m := Message{ID: t.id, Author: author, Content: content, Payload: payload}
	if n.ReplyTo != nil {
		m.ReplyTo = *n.ReplyTo
	}
	told, err := s.intendMessages(ctx, r.Log(who.Tenant), r, m)
	mailed := noMail
	if err == nil {
		if mailed, err = s.mailing(ctx, who.Tenant, r, m, n.Online); err != nil {
			told(err)
		}
	}
	if err != nil {
		t.finish(ctx)
		if claim.File != "" {
			err = errors.Join(err, s.files.Release(ctx, claim))
		}
		return Message{}, err
	}
	repeated := false
	if n.Key == nil {
		err = s.append(ctx, r.Log(who.Tenant), n.Index, r, m)
	} else {
		m, repeated, err = s.store.AppendOnce(ctx, r.Log(who.Tenant), *n.Key, m, s.horizon(s.keep(r)))
	}
	if told(unless(repeated, err)); err != nil {
		t.finish(ctx)
		_ = mailed(ctx, err)
		s.settleMessage(who.Tenant, r, t.id, err)
		if claim.File != "" && !IsKind(err, Unavailable) {
			err = errors.Join(err, s.files.Release(ctx, claim))
		}
		return m, err
	}
	if claim.Message = m.ID; claim.File != "" {
		if err := s.files.Claimed(ctx, claim); err != nil {
			s.log.Warn("a message names a file that does not know it yet", "tenant", who.Tenant, "message", m.ID, "error", err)
		}
	}
	if repeated {
		err = mailed(ctx, errRepeated)
	} else {
		err = mailed(ctx, nil)
	}
	if err != nil {
		t.finish(ctx)
		return m, err
	}
	if repeated && s.shown(r).hides(m.ID) {
		t.finish(ctx)
		return m, nil
	}
	// A retry is published again: the node that stored the message may have died before it published it.
	t.finish(ctx, MessagePosted{Place: r.place(who.Tenant), Message: m, Retried: repeated})
	// A client that knows that a message is stored may post the next one on another node, even if this node dies now. The
	// next message must not be delivered first.
	if !s.pub.Alone() {
		t.wait()
		s.pub.Flush(ctx)
	}
	if repeated {
		return m, nil
	}
	if !who.App {
		s.reads.posted(who.Identity, r.ID, m.ID)
	}
	return m, nil
}

// MaxOnly is how many members of a room a message may be for that is not for all.
const MaxOnly = 20

// within returns those of logins who are in a room in which messages may be for some only; nil if logins is that.
func (s *Service) within(ctx context.Context, t Tenant, r Room, logins []string) ([]string, error) {
	if logins == nil {
		return nil, nil
	}
	if k := r.Settings.Kind; k != GroupRoom && k != ChatRoom {
		return nil, ErrForbidden("in the room '%s' messages are for all who are in it", r.Called())
	}
	if len(logins) > MaxOnly {
		return nil, ErrInvalid("name %d members at most", MaxOnly)
	}
	in := make([]bool, len(logins))
	g, gctx := guard.WithContext(ctx)
	g.SetLimit(bulkParallel)
	for i, login := range logins {
		g.Go(func() error {
			m, err := s.cachedMember(gctx, Principal{Identity: Identity{Tenant: t, Login: login}}, r)
			in[i] = m.in
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	only := []string{}
	for i, login := range logins {
		if in[i] && !slices.Contains(only, login) {
			only = append(only, login)
		}
	}
	return only, nil
}

// append stores a message of a room. The reference comes first: one without a message is not shown.
func (s *Service) append(ctx context.Context, l, index Log, r Room, m Message) error {
	if !index.ID.IsZero() {
		if err := s.store.Append(ctx, index, referenceTo(r, m)); err != nil {
			return err
		}
	}
	return s.store.Append(ctx, l, m)
}

// errRepeated is why a message whose id was taken is not stored.
var errRepeated = &Error{Kind: Conflict, Message: "the message was sent before"}

// sender returns the room in which a message is to be posted and its author.
func (s *Service) sender(ctx context.Context, who Principal, room string, n NewMessage) (Room, Person, error) {
	if err := s.limited(who, limit.Posts); err != nil {
		return Room{}, Person{}, err
	}
	v, err := s.speaks(ctx, who, room)
	switch {
	case err != nil:
		return Room{}, Person{}, err
	case !who.App:
		return v.Room, v.member.Person, speaksFor(who.Identity, n.Author)
	case n.From == nil:
		return Room{}, Person{}, Faulty(MessageEntity, []Fault{Missing("author")})
	}
	return v.Room, *n.From, s.unmuted(ctx, Identity{Tenant: who.Tenant, Login: n.From.Login}, v.Settings.Kind)
}

// MayAttach returns the room if who may send a file to it, under an Idempotency-Key or without one (nil): whoever may post
// there. It counts as an upload.
func (s *Service) MayAttach(ctx context.Context, who Identity, room string, key *string) (Room, error) {
	if key != nil {
		if err := validKey(*key); err != nil {
			return Room{}, err
		}
	}
	if err := s.may(who.does(limit.Uploads)); err != nil {
		return Room{}, err
	}
	v, err := s.speaks(ctx, who.Principal(), room)
	return v.Room, err
}

func fits(content string, p Payload) error {
	if len(content) > MaxContent {
		return &Error{Kind: TooLarge, Entity: MessageEntity, Message: "the content of a message is at most 65536 bytes of UTF-8"}
	}
	return fitsPayload(p)
}

// Message returns one message of a room; who has to be a participant.
func (s *Service) Message(ctx context.Context, who Identity, room string, m id.ID) (Message, error) {
	r, _, err := s.Access(ctx, who, room)
	if err != nil {
		return Message{}, err
	}
	return s.shown(r).Message(ctx, r.Log(who.Tenant), m)
}

// PageQuery selects a page of a log. At most one of Before, After and Around is set; none means the newest page. A
// Limit above MaxPage counts as MaxPage.
type PageQuery struct {
	Before, After, Around *id.ID
	Limit                 int
}

// Page is a part of a log, oldest first. It has fewer messages than its limit only at the end of the log, or if more
// would take MaxRead. It is empty only if there are none.
type Page struct {
	Messages []Message
	// HasMoreBefore and HasMoreAfter say whether there are messages older or newer than the page. Only the direction of
	// the query is known: HasMoreAfter is false on the newest page and on a page before a position, HasMoreBefore is false
	// on a page after one.
	HasMoreBefore, HasMoreAfter bool
}

// HasMore says whether there are more messages in the direction of the query, for Around in either direction.
func (p Page) HasMore() bool { return p.HasMoreBefore || p.HasMoreAfter }

// Messages returns a page of a room; who has to be a participant. Callers that ask for the same page at the same time
// may share the result, so the caller may not change it.
func (s *Service) Messages(ctx context.Context, who Identity, room string, q PageQuery) (Page, error) {
	r, _, err := s.Access(ctx, who, room)
	if err != nil {
		return Page{}, err
	}
	return s.sharedPage(ctx, who.Tenant, r, q)
}

func (v shown) page(ctx context.Context, l Log, q PageQuery) (Page, error) {
	n := min(q.Limit, MaxPage)
	switch {
	case q.After != nil:
		ms, more, err := v.newerPart(ctx, l, *q.After, false, n)
		return Page{Messages: ms, HasMoreAfter: more}, err
	case q.Around != nil:
		return v.around(ctx, l, *q.Around, n)
	}
	before := id.Max
	if q.Before != nil {
		before = *q.Before
	}
	ms, more, err := v.olderPart(ctx, l, before, n)
	slices.Reverse(ms)
	return Page{Messages: ms, HasMoreBefore: more}, err
}

// olderPart returns up to n messages older than the position, newest first, and whether there are more. They take less
// than MaxRead.
func (v shown) olderPart(ctx context.Context, l Log, than id.ID, n int) (ms []Message, more bool, err error) {
	ms, err = v.Older(ctx, l, than, n+1)
	ms, more = firstPart(ms, n)
	return ms, more, err
}

// newerPart returns up to n messages newer than the position, or from it on if inclusive, oldest first, and whether there
// are more. They take less than MaxRead.
func (v shown) newerPart(ctx context.Context, l Log, than id.ID, inclusive bool, n int) (ms []Message, more bool, err error) {
	ms, err = v.Newer(ctx, l, than, inclusive, n+1)
	ms, more = firstPart(ms, n)
	return ms, more, err
}

// firstPart returns a read of up to n+1 messages without its last one, if that is not the end: it shows that there are
// more. As a message takes less than MaxRead, something is left.
func firstPart(read []Message, n int) (ms []Message, more bool) {
	if AtEnd(read, n+1) {
		return read, false
	}
	return read[:len(read)-1], true
}

// around returns the page with (n-1)/2 messages before the position and the rest from the position on. Near an end of
// the log it takes more messages from the other side. A page that would take MaxRead loses messages at its longer side.
func (v shown) around(ctx context.Context, l Log, at id.ID, n int) (Page, error) {
	older, olderMore, err := v.olderPart(ctx, l, at, n)
	if err != nil {
		return Page{}, err
	}
	newer, newerMore, err := v.newerPart(ctx, l, at, true, n)
	if err != nil {
		return Page{}, err
	}
	before := min((n-1)/2, len(older))
	after := min(n-before, len(newer))
	before = min(n-after, len(older))
	for size := Bytes(older[:before]) + Bytes(newer[:after]); size >= MaxRead; {
		if before >= after {
			before--
			size -= older[before].Bytes()
		} else {
			after--
			size -= newer[after].Bytes()
		}
	}
	ms := slices.Clone(older[:before])
	slices.Reverse(ms)
	return Page{
		Messages:      append(ms, newer[:after]...),
		HasMoreBefore: olderMore || len(older) > before,
		HasMoreAfter:  newerMore || len(newer) > after,
	}, nil
}
