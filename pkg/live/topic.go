package live

import (
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// Kind is what a topic is about.
type Kind uint8

// The topics of a room, and the one of a user.
const (
	Messages     Kind = iota // chat.MessagePosted, chat.MessageChanged
	Participants             // chat.ParticipantJoined, chat.ParticipantLeft
	Action                   // chat.RoomDeleted
	Presence                 // PresenceChanged
	Typing                   // TypingChanged
	roomKinds
	// User is the topic of one user, whatever the room: chat.ReadMoved and chat.MuteChanged of
	// theirs, chat.MessagePosted and chat.MessageChanged (edits and deletions) in all their rooms, and chat.RoomCreated, chat.ParticipantJoined, chat.ParticipantLeft and
	// chat.RoomDeleted that make or end one of their rooms.
	User
	// feed is a User subscription's room feed in one room.
	feed
	kinds
)

// PresenceChanged tells that a participant's first subscription to a room, over all
// nodes, began or the last one ended.
type PresenceChanged struct {
	chat.Place
	Login  string
	Online bool
}

// TypingChanged tells that a participant began or stopped to write.
type TypingChanged struct {
	chat.Place
	Login  string
	Typing bool
}

// place is what topics hang on: a room by its ID, or a user. A new room under an
// old name is another place.
type place struct {
	tenant chat.Tenant
	room   id.ID
	login  string
}

func placeOf(t chat.Tenant, r chat.RoomRef) place { return place{tenant: t, room: r.ID} }
