package chat

import (
	"context"

	"github.com/confab-chat/confab/pkg/id"
)

// Event is something that happened in a room, told after it is durable: who
// hears it and looks finds it.
type Event interface {
	// Where returns the room it happened in.
	Where() (Tenant, RoomRef)
}

// Place is the room an event happened in.
type Place struct {
	Tenant Tenant
	Room   RoomRef
}

// Where implements Event.
func (p Place) Where() (Tenant, RoomRef) { return p.Tenant, p.Room }

// MessagePosted is a new message, a system message too.
type MessagePosted struct {
	Place
	Message Message
	// Retried says that the message was stored by an earlier try, which may have died
	// before it told of it. Who has heard the message does not hear it again.
	Retried bool
}

// MessageChanged is a message that was edited, deleted or reacted to. Message is as it was right
// after; a later event may hold an older state, so who shows it reads it anew.
type MessageChanged struct {
	Place
	Change  id.ID // of the change: unique, and in one order with the ids of messages
	Kind    ChangeKind
	Message Message
}

// ReadMoved is a read position that its user moved. Only they hear of it.
type ReadMoved struct {
	Place
	Login string
	Read  id.ID
}

// MuteChanged is a room that a user muted, or no longer does. Only they hear of it.
type MuteChanged struct {
	Place
	Login string
	Muted bool
}

// RoomCreated is a new room, with its creator in it. Only they hear of it.
type RoomCreated struct {
	Place
	Creator Person
}

// ParticipantJoined is a new participant. The system message about it follows as an event of its own.
type ParticipantJoined struct {
	Place
	Person Person
	// Repeated says that they were a participant before the call: whether an earlier one published it is not known. It
	// reaches only those who do not know it yet.
	Repeated bool
}

// ParticipantLeft is a participant who left or was removed. Nothing of the room may reach
// them any more, this event itself excepted.
type ParticipantLeft struct {
	Place
	Person   Person
	Repeated bool // as in ParticipantJoined; the names may be missing then
}

// RoomDeleted is the end of a room: the last event of it.
type RoomDeleted struct {
	Place
	By string // login
}

// Publisher hears of events. Publish is called once for each event, by one
// goroutine at a time for each room, in the order subscribers shall see them. When it
// returns, subscribers on this node have the events in their queues and the
// subscriptions that an event ends are ended; other nodes follow. It never blocks
// on a slow subscriber, and cannot fail: the store is the truth, events are hints.
type Publisher interface {
	Publish(ctx context.Context, events ...Event)
	// Alone reports whether no other node is there to be told.
	Alone() bool
	// Flush waits until what was published before has left this process for the other nodes, but
	// not longer than a quarter of a second.
	Flush(ctx context.Context)
}
