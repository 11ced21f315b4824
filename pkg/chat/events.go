package chat

import (
	"context"
	"time"

	"github.com/confab-chat/confab/pkg/id"
)

// Event is something that happened in a room. It is published after the change is durable: a subscriber that receives
// the event and reads the store finds the change.
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

// MessagePosted is a new message. It may be a system message.
type MessagePosted struct {
	Place
	Message Message
	// Retried says that an earlier attempt stored the message and may have died before it published it. Subscribers that
	// have received the message do not receive it again.
	Retried bool
}

// MessageChanged is a message that was edited, deleted or reacted to. Message is the state right after the change. A
// later event may hold an older state, so whatever shows the message reads it again.
type MessageChanged struct {
	Place
	Change  id.ID // the ID of the change: unique, and in one order with the ids of messages
	Kind    ChangeKind
	Message Message
}

// ReadMoved is a read position that its user moved. Only that user receives it.
type ReadMoved struct {
	Place
	Login string
	Read  id.ID
	Back  bool // the user marked what is newer as unread: the position may have moved back
}

// MuteChanged is a room that a user muted or unmuted. Only that user receives it.
type MuteChanged struct {
	Place
	Login string
	Muted bool
}

// RoomCreated is a new room, with its creator as participant. Only the creator receives it.
type RoomCreated struct {
	Place
	Creator Person
}

// ParticipantJoined is a new participant. The system message about it follows as a separate event.
type ParticipantJoined struct {
	Place
	Person Person
	// Repeated says that the user was a participant before the call. It is unknown whether the earlier call published the
	// event. Only subscribers that have not received it get it.
	Repeated bool
}

// ParticipantLeft is a participant who left or was removed. After this event the user may not receive anything of the
// room.
type ParticipantLeft struct {
	Place
	Person   Person
	Repeated bool // as in ParticipantJoined; the names may be missing then
	Removed  bool // somebody else ended the membership; false where that is not known
}

// ParticipantRenamed is a participant with new names, once in each room they are in. A node that dies between the change
// and the event does not publish it: the names are right when the participants are read.
type ParticipantRenamed struct {
	Place
	Person Person
}

// RoomChanged is a room with other settings. Those who are in it receive it.
type RoomChanged struct {
	Place
	Settings RoomSettings
}

// MemberChanged is a participant with another role, or who was muted or may post anew. Those who are in the room receive it.
type MemberChanged struct {
	Place
	Login string
	Role  Role
	Muted bool
	Until time.Time // of the mute; zero: it has no end
}

// Invited is an invitation to a room. Only the person who is invited receives it.
type Invited struct {
	Place
	Login string
	Title string // what the room is called
	By    Person
}

// RoomDeleted is the last event of a room.
type RoomDeleted struct {
	Place
	By string // login
}

// Publisher delivers events to subscribers. Publish is called once for each event, by one goroutine at a time for each
// room, in the order in which subscribers receive them. When it returns, the events are in the queues of the
// subscribers on this node, and the subscriptions that an event ends have ended. Other nodes follow. Publish never
// blocks on a slow subscriber, and it cannot fail: the store is the truth, events are hints.
type Publisher interface {
	Publish(ctx context.Context, events ...Event)
	// Alone reports whether there is no other node to publish to.
	Alone() bool
	// Flush waits until earlier events have left this process for the other nodes, but not longer than a quarter of a
	// second.
	Flush(ctx context.Context)
}
