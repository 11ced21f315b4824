package chat

import "strings"

// Action is what somebody wants to do in a room.
type Action string

// The actions in rooms.
const (
	SeeRoom           Action = "see a room"           // that there is one, and what it is called
	SeeParticipants   Action = "see the participants" // and who governs, and the announcement
	SeeLists          Action = "see the lists"        // of who is muted, blocked or invited, or has asked to join
	JoinRoom          Action = "join a room"          // by oneself
	AskToJoin         Action = "ask to join"
	LeaveRoom         Action = "leave a room" // by oneself
	TakePart          Action = "take part"    // read, react, say what one has read
	PostMessage       Action = "post a message"
	EditMessage       Action = "edit a message"
	DeleteMessage     Action = "delete a message"
	AddParticipant    Action = "add a participant" // or invite somebody
	RemoveParticipant Action = "remove a participant"
	Moderate          Action = "mute or block somebody" // or let them post in a silent room; and undo it
	ChangeRoom        Action = "change a room"          // its banner, title, description, announcement and silence
	GovernRoom        Action = "govern a room"          // who gets in, who is owner and admin, how long it keeps messages
	DeleteRoom        Action = "delete a room"
)

// Actions are all actions, in the order of the policy.
func Actions() (all []Action) {
	for _, r := range policy {
		all = append(all, r.action)
	}
	return all
}

// Relation is what somebody is to a room and what the room is to them, and what they are to the message or person that an
// action is about. Relations are combined.
type Relation uint32

const (
	// App is an app of the platform, or an administrator of it.
	App Relation = 1 << iota
	// Participant is in the room.
	Participant
	// Owner owns the room: its creator, until they hand it over. The creator of an open room stays the owner after leaving it.
	Owner
	// Admin was made an admin of the room by its owner.
	Admin
	// Speaker is not silenced: not muted, and the room is not disabled, nor silent for them. The owner and admins never are.
	Speaker
	// Invitee has an invitation to the room.
	Invitee
	// Unblocked is not on the room's block list.
	Unblocked
	// Unbound may go: not the owner of a group or chat room, who has to hand it over before, and not in a direct conversation.
	Unbound

	// Shown says that the room shows everybody that it is there: all but private rooms, private groups and direct
	// conversations.
	Shown
	// Open says that the room shows everybody who is in it: open rooms and chat rooms.
	Open
	// Free says that the room lets everybody join who sees it, without anybody's consent.
	Free
	// Inviting says that the room lets its participants add and invite others.
	Inviting

	// Author has written the message.
	Author
	// Ordinary is somebody else who is neither the owner nor an admin; the action is about them.
	Ordinary
	// NotOwner is somebody else who is not the owner; the action is about them.
	NotOwner
)

// rule is one action of the policy: it is open to whoever has one of the combinations of relations. The refusal is the message
// for others, with {room} for what the room is called.
type rule struct {
	action  Action
	who     []Relation
	refusal string
}

// policy decides what is allowed in rooms; nothing else does. What the rules read of the store, the access cache has.
var policy = []rule{
	{SeeRoom, []Relation{Shown, Participant, Invitee, App},
		"there is no such room"}, // never shown: who may not see a room gets the error of one that does not exist
	{SeeParticipants, []Relation{Open, Participant, App},
		"only participants may see who is in the room '{room}'"},
	{SeeLists, []Relation{Admin, Owner, App},
		"only the owner and admins of the room '{room}' may see this"},
	{JoinRoom, []Relation{Participant, Free | Unblocked, Invitee | Unblocked},
		"you cannot join the room '{room}': somebody who is in it has to add you"},
	{AskToJoin, []Relation{Shown | Unblocked},
		"you cannot ask to join the room '{room}'"},
	{LeaveRoom, []Relation{Unbound},
		"you cannot leave the room '{room}': an owner has to hand it over first, and a direct conversation cannot be left"},
	{TakePart, []Relation{Participant},
		"only participants may do this: join the room '{room}' first"},
	{PostMessage, []Relation{Participant | Speaker, App | Speaker},
		"you cannot post in the room '{room}' now: you are muted there, or only some may post there"},
	{EditMessage, []Relation{Participant | Author | Speaker, App},
		"only its author may edit a message"},
	{DeleteMessage, []Relation{Participant | Author, Participant | Owner, Participant | Admin, App},
		"only its author, or the owner or an admin of the room, may delete a message"},
	{AddParticipant, []Relation{Participant | Inviting, Admin, Owner, App},
		"only the owner and admins of the room '{room}' may add others to it"},
	{RemoveParticipant, []Relation{Owner | NotOwner, Admin | Ordinary, App | NotOwner},
		"only the owner and admins of the room '{room}' may remove others from it, and not the owner, or as an admin another one"},
	{Moderate, []Relation{Owner | NotOwner, Admin | Ordinary, App | NotOwner},
		"only the owner and admins of the room '{room}' may do this, and not to the owner, or as an admin to another one"},
	{ChangeRoom, []Relation{Admin, Owner, App},
		"only the owner and admins of the room '{room}' may change it"},
	{GovernRoom, []Relation{Owner, App},
		"only the owner of the room '{room}' may do this"},
	{DeleteRoom, []Relation{Owner, App},
		"only its owner may delete the room '{room}'"},
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
func refuse(a Action, r Room) error {
	return &Error{Kind: Forbidden, Entity: RoomEntity, Name: r.Name, Message: strings.ReplaceAll(ruleOf(a).refusal, "{room}", r.Called())}
}

// Called is what people call a room: its title, or its name.
func (r Room) Called() string {
	if r.Settings.Title != "" {
		return r.Settings.Title
	}
	return r.Name
}

// Owner returns the login of the room's owner; empty for a direct conversation, which has none.
func (r Room) Owner() string {
	switch {
	case r.Settings.Kind == DirectRoom:
		return ""
	case r.Settings.Owner != "":
		return r.Settings.Owner
	}
	return r.Creator.Login
}
