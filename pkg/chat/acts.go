package chat

import (
	"context"
	"errors"

	"github.com/confab-chat/confab/pkg/id"
)

// ActKind is a kind of what the servers of apps are told of. The texts are part of the platform's API.
type ActKind string

// The kinds of acts.
const (
	MessageAct ActKind = "message"
	RecallAct  ActKind = "recall"
	RosterAct  ActKind = "roster"
	GroupAct   ActKind = "group"
	UserAct    ActKind = "user"
	StatusAct  ActKind = "userStatus"
)

// ActKinds are all kinds of acts.
var ActKinds = []ActKind{MessageAct, RecallAct, RosterAct, GroupAct, UserAct, StatusAct}

// Deed is what was done, of kinds of acts that have several.
type Deed int

// The deeds. An Act has the members that are named.
const (
	_              Deed = iota
	DeedMade            // a room with its People, but for the owner; an account
	DeedEnded           // a room; an account
	DeedJoined          // People; Invited if they were added by one who is neither owner nor admin
	DeedQuit            // People
	DeedRemoved         // People
	DeedBanned          // People, who were in the room
	DeedInformed        // of other settings of the room
	DeedHandedOver      // People: the owner before, and the one now
	DeedSilenced        // On: only who may may post
	DeedAnnounced       // the announcement of the room's settings
	DeedAdmin           // On, People
	DeedMute            // On, People
	DeedBlock           // On, People; of two people: by From
	DeedWhite           // On, People
	DeedContact         // On, by From
	DeedActive          // On, of an account
)

// Act is something that was accepted and that the server of an app may be told of.
type Act struct {
	Tenant Tenant
	Kind   ActKind
	Deed   Deed
	// By is who did it; nobody (no Login) for an app.
	By       Person
	Room     Room    // of messages in rooms, and of GroupAct
	Message  Message // of MessageAct and RecallAct
	Log      Log     // that the message is in
	From, To Person  // of RosterAct; UserAct and StatusAct are about To
	UUID     id.ID   // of UserAct: the account; zero for a user of the chat API, who has none
	People   []Person
	On       bool
	Invited  bool
	// Status is of StatusAct.
	Status Status
}

// Status is how the session of a user has begun or ended.
type Status struct {
	Reason   string // "login", "logout" or "replaced"
	Online   bool   // whether the user has another session, or this one
	Resource string // which session
}

// Outbox keeps what the servers of apps are to be told of; see pkg/callbacks.
type Outbox interface {
	// Wants reports whether an app is told of a kind of acts. Usually it costs no read.
	Wants(ctx context.Context, t Tenant, k ActKind) (bool, error)
	// Intend stores durably that the app is to be told of acts of one kind, before they are done. done is called with what
	// came of it, once: nil if they were done, ErrUndone if nothing had to be done, otherwise the error. If it is not called,
	// or called with Unavailable, the Outbox finds out whether they were.
	Intend(ctx context.Context, acts ...Act) (done func(error), err error)
}

// ErrUndone says that an act was not done because nothing had to be.
var ErrUndone = errors.New("chat: nothing changed")

// intend is Intend of the Outbox, if there is one that wants acts of that kind. make returns the acts.
func (s *Service) intend(ctx context.Context, t Tenant, k ActKind, make func() ([]Act, error)) (done func(error), err error) {
	return Intend(ctx, s.outbox, t, k, make)
}

// Intend is Intend of an Outbox, which may be nil, if it wants acts of that kind. make returns the acts.
func Intend(ctx context.Context, o Outbox, t Tenant, k ActKind, make func() ([]Act, error)) (done func(error), err error) {
	nothing := func(error) {}
	if o == nil {
		return nothing, nil
	}
	wants, err := o.Wants(ctx, t, k)
	if err != nil || !wants {
		return nothing, err
	}
	acts, err := make()
	if err != nil || len(acts) == 0 {
		return nothing, err
	}
	return o.Intend(ctx, acts...)
}

// IntendUser is Intend of an Outbox, which may be nil, for one act of the kind UserAct.
func IntendUser(ctx context.Context, o Outbox, a Act) (done func(error), err error) {
	return Intend(ctx, o, a.Tenant, UserAct, func() ([]Act, error) {
		a.Kind = UserAct
		return []Act{a}, nil
	})
}

// unless is what came of an act that had nothing to do if done before.
func unless(before bool, err error) error {
	if err == nil && before {
		return ErrUndone
	}
	return err
}

// told is whether what happens in a room is told of: it is one that an app sees.
func (r Room) told() bool { return r.Settings.Kind != DirectRoom }

// intendIn is intend for one act of the kind GroupAct.
func (s *Service) intendIn(ctx context.Context, who Principal, r Room, a Act) (done func(error), err error) {
	return s.intend(ctx, who.Tenant, GroupAct, func() ([]Act, error) {
		if !r.told() {
			return nil, nil
		}
		a.Tenant, a.Kind, a.Room = who.Tenant, GroupAct, r
		if a.By.Login == "" {
			a.By = s.doer(ctx, who)
		}
		return chunked(a), nil
	})
}

// intendChange is intendIn for a change of a room. Of one that changes several things the app is told as of settings.
func (s *Service) intendChange(ctx context.Context, v visit, c RoomChange) (done func(error), err error) {
	r := v.Room
	r.Settings = r.Settings.Clone()
	c.Over(&r.Settings)
	a := Act{Deed: DeedInformed}
	switch rest := c; {
	case c.Silent != nil:
		if rest.Silent = nil; !rest.settles() {
			a = Act{Deed: DeedSilenced, On: *c.Silent}
		}
	case c.Announcement != nil:
		if rest.Announcement = nil; !rest.settles() {
			a = Act{Deed: DeedAnnounced}
		}
	}
	return s.intendIn(ctx, v.who, r, a)
}

// doer is who does something. Super admins of chat rooms act for the app, and are named nevertheless.
func (s *Service) doer(ctx context.Context, who Principal) Person {
	if who.Login == "" {
		return Person{}
	}
	p, err := s.Person(ctx, who.Tenant, who.Login)
	if err != nil {
		return Person{}
	}
	return p
}

// maxToldPeople bounds the people of one act. The others of a new room are told of as joining.
const maxToldPeople = 2000

func chunked(a Act) []Act {
	acts := []Act{}
	for rest := a.People; ; {
		next := a
		next.People = rest[:min(len(rest), maxToldPeople)]
		acts, rest = append(acts, next), rest[len(next.People):]
		if len(rest) == 0 {
			return acts
		}
		if a.Deed == DeedMade {
			a.Deed = DeedJoined
		}
	}
}

// intendMessages is intend for new messages of a log, in a room or (r is empty) to users.
func (s *Service) intendMessages(ctx context.Context, l Log, r Room, ms ...Message) (done func(error), err error) {
	return s.intend(ctx, l.Tenant, MessageAct, func() ([]Act, error) {
		if !r.told() {
			if ms[0].To == "" {
				return nil, nil
			}
			r = Room{} // of an app, to a user
		}
		acts := make([]Act, len(ms))
		for i, m := range ms {
			acts[i] = Act{Tenant: l.Tenant, Kind: MessageAct, Room: r, Message: m, Log: l}
		}
		return acts, nil
	})
}

// intendRecall is intend for the deletion of a message, if decide, which says what becomes of it, deletes it.
func (s *Service) intendRecall(ctx context.Context, in Tenant, r Room, m id.ID, decide func(now Message) (Change, error)) (done func(error), err error) {
	return s.intend(ctx, in, RecallAct, func() ([]Act, error) {
		now, err := s.store.Message(ctx, r.Log(in), m)
		if err != nil || !r.told() && now.To == "" {
			return nil, err
		}
		c, err := decide(now)
		if err != nil || c.Kind != Delete {
			return nil, err
		}
		l := r.Log(in)
		if r.Name == appRoom || !r.told() {
			r = Room{}
		}
		return []Act{{Tenant: in, Kind: RecallAct, Room: r, Message: now, Log: l}}, nil
	})
}

// Trace is what is kept of an act to find out later whether it was done.
type Trace struct {
	Kind    ActKind `json:"kind"`
	Deed    Deed    `json:"deed,omitzero"`
	Log     id.ID   `json:"log,omitzero"`
	Message id.ID   `json:"message,omitzero"`
	Room    string  `json:"room,omitzero"`
	RoomID  id.ID   `json:"roomID,omitzero"`
	Login   string  `json:"login,omitzero"`
}

// Trace returns the trace of an act.
func (a Act) Trace() Trace {
	return Trace{Kind: a.Kind, Deed: a.Deed, Log: a.Log.ID, Message: a.Message.ID, Room: a.Room.Name, RoomID: a.Room.ID, Login: a.To.Login}
}

// Done finds out whether an act was done, as far as that can be seen: what nobody can know counts as done.
func (s *Service) Done(ctx context.Context, t Tenant, a Trace) (bool, error) {
	switch {
	case !a.Message.IsZero():
		m, err := s.store.Message(ctx, Log{Tenant: t, ID: a.Log}, a.Message)
		if IsKind(err, NotFound) {
			return false, nil
		}
		return err == nil && (a.Kind != RecallAct || m.Deleted), err
	case a.Kind == GroupAct && (a.Deed == DeedMade || a.Deed == DeedEnded):
		r, err := s.store.Room(ctx, t, a.Room)
		if err != nil && !IsKind(err, NotFound) {
			return false, err
		}
		there := err == nil && r.ID == a.RoomID
		return there == (a.Deed == DeedMade), nil
	}
	return true, nil
}
