package live

import (
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// Kind is the kind of events that a topic has.
type Kind uint8

// The topics of a room, and the topic of a user.
const (
	Messages     Kind = iota // chat.MessagePosted, chat.MessageChanged
	Participants             // chat.ParticipantJoined, chat.ParticipantLeft
	Action                   // chat.RoomDeleted
	Presence                 // PresenceChanged
	Typing                   // TypingChanged
	roomKinds
	// User is the topic of one user, for all rooms. It has
	//   - the user's own chat.ReadMoved and chat.MuteChanged,
	//   - chat.MessagePosted and chat.MessageChanged (edits and deletions) in all the user's rooms,
	//   - the chat.RoomCreated, chat.ParticipantJoined, chat.ParticipantLeft and chat.RoomDeleted that add or remove
	//     one of the user's rooms,
	//   - chat.ParticipantRenamed and chat.MemberChanged for the participants of the user's rooms, and chat.RoomChanged,
	//   - the user's own chat.Invited.
	User
	// feed is a User subscription's room feed in one room.
	feed
	kinds
)

// PresenceChanged says that a participant came online in a room or went offline: the first subscription to the room
// over all nodes began, or the last one ended.
type PresenceChanged struct {
	chat.Place
	Login  string
	Online bool
}

// TypingChanged says that a participant began or stopped typing.
type TypingChanged struct {
	chat.Place
	Login  string
	Typing bool
}

// place is what topics belong to: a room by its ID, or a user. A new room with the name of a deleted one is another
// place.
type place struct {
	tenant chat.Tenant
	room   id.ID
	login  string
}

func placeOf(t chat.Tenant, r chat.RoomRef) place { return place{tenant: t, room: r.ID} }
