package chat

import (
	"fmt"
	"strings"
)

// Action is what somebody wants to do in a room.
type Action string

// The actions in rooms. What is not in this list is open to every account of the tenant: to see a room and who is in it,
// to join it, and to leave it.
const (
	TakePart          Action = "take part" // read, post, react, say what one has read, mute
	EditMessage       Action = "edit a message"
	DeleteMessage     Action = "delete a message"
	RemoveParticipant Action = "remove a participant"
	ChangeRoom        Action = "change a room" // its banner and retention
	DeleteRoom        Action = "delete a room"
)

// Standing is what somebody is to a room, and to the message or person that an action is about. Standings are combined.
type Standing uint8

const (
	// Participant is in the room.
	Participant Standing = 1 << iota
	// Owner is the creator of the room, also after leaving it.
	Owner
	// Author has written the message.
	Author
	// Themselves is the person that the action is about.
	Themselves
)

// rule is one action of the policy: it is open to whoever has one of the combinations of standings. The refusal is the message
// for others, with the name of the room.
type rule struct {
	action  Action
	who     []Standing
	refusal string
}

// policy decides what is allowed in rooms; nothing else does. What the rules read of the store, the access cache has.
var policy = []rule{
	{TakePart, []Standing{Participant}, "only participants may do this: join the room '%s' first"},
	{EditMessage, []Standing{Participant | Author}, "only its author may edit a message"},
	{DeleteMessage, []Standing{Participant | Author, Participant | Owner}, "only its author or the room's creator may delete a message"},
	{RemoveParticipant, []Standing{Owner, Themselves}, "only the creator of the room '%s' may remove others from it"},
	{ChangeRoom, []Standing{Owner}, "only its creator may change or delete the room '%s'"},
	{DeleteRoom, []Standing{Owner}, "only its creator may change or delete the room '%s'"},
}

func ruleOf(a Action) rule {
	for _, r := range policy {
		if r.action == a {
			return r
		}
	}
	return rule{} // nobody may do what has no rule
}

// May reports whether an action is open to somebody with these standings.
func May(a Action, is Standing) bool {
	for _, need := range ruleOf(a).who {
		if is&need == need {
			return true
		}
	}
	return false
}

// refuse is the error for somebody to whom an action in a room is not open.
func refuse(a Action, room string) error {
	message := ruleOf(a).refusal
	if strings.Contains(message, "%s") {
		message = fmt.Sprintf(message, room)
	}
	return &Error{Kind: Forbidden, Entity: RoomEntity, Name: room, Message: message}
}

// standing is what who is to a room, beside being in it.
func (r Room) standing(who Identity) (is Standing) {
	if r.Creator.Login == who.Login {
		is = Owner
	}
	return is
}

// standing is what who is to a message. Messages of the system have no author.
func (m Message) standing(who Identity) (is Standing) {
	if !m.System && m.Author.Login == who.Login {
		is = Author
	}
	return is
}
