package chat

import "strings"

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

// Relation is what somebody is to a room, and to the message or person that an action is about. Relations are combined.
type Relation uint8

const (
	// Participant is in the room.
	Participant Relation = 1 << iota
	// Owner is the creator of the room, also after leaving it.
	Owner
	// Author has written the message.
	Author
	// Themselves is the person that the action is about.
	Themselves
)

// rule is one action of the policy: it is open to whoever has one of the combinations of relations. The refusal is the message
// for others, with {room} for the name of the room.
type rule struct {
	action  Action
	who     []Relation
	refusal string
}

// policy decides what is allowed in rooms; nothing else does. What the rules read of the store, the access cache has.
var policy = []rule{
	{TakePart, []Relation{Participant}, "only participants may do this: join the room '{room}' first"},
	{EditMessage, []Relation{Participant | Author}, "only its author may edit a message"},
	{DeleteMessage, []Relation{Participant | Author, Participant | Owner}, "only its author or the room's creator may delete a message"},
	{RemoveParticipant, []Relation{Owner, Themselves}, "only the creator of the room '{room}' may remove others from it"},
	{ChangeRoom, []Relation{Owner}, "only its creator may change or delete the room '{room}'"},
	{DeleteRoom, []Relation{Owner}, "only its creator may change or delete the room '{room}'"},
}

func ruleOf(a Action) rule {
	for _, r := range policy {
		if r.action == a {
			return r
		}
	}
	return rule{} // nobody may do what has no rule
}

// May reports whether an action is open to somebody with these relations.
func May(a Action, is Relation) bool {
	for _, need := range ruleOf(a).who {
		if is&need == need {
			return true
		}
	}
	return false
}

// refuse is the error for somebody to whom an action in a room is not open.
func refuse(a Action, room string) error {
	return &Error{Kind: Forbidden, Entity: RoomEntity, Name: room, Message: strings.ReplaceAll(ruleOf(a).refusal, "{room}", room)}
}

// relation is what who is to a room, beside being in it.
func (r Room) relation(who Identity) (is Relation) {
	if r.Creator.Login == who.Login {
		is = Owner
	}
	return is
}

// relation is what who is to a message. Messages of the system have no author.
func (m Message) relation(who Identity) (is Relation) {
	if !m.System && m.Author.Login == who.Login {
		is = Author
	}
	return is
}
