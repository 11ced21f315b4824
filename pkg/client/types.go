package client

import (
	"encoding/json"
	"time"

	"github.com/confab-chat/confab/pkg/id"
)

// ID is the id of a message or of a change: a version-1 UUID, which contains its time. Order ids with Compare, never by
// their text. The zero ID is no id.
type ID = id.ID

// ParseID reads the text of an ID.
func ParseID(text string) (ID, error) { return id.Parse(text) }

// Person is what is shown of a user beside what they do.
type Person struct {
	Login     string `json:"login"`
	FirstName string `json:"firstname"`
	LastName  string `json:"lastname"`
}

// User is a profile. What is null on the server, or not shown to this client, is empty.
type User struct {
	Person
	Email string   `json:"email"`
	Bio   string   `json:"bio"`
	Rooms []string `json:"chatRooms"`
}

// NewUser is who signs up. Email and Bio may be empty.
type NewUser struct {
	Person
	Password string `json:"password"`
	Email    string `json:"email,omitempty"`
	Bio      string `json:"bio,omitempty"`
}

// Room is a room. Of a large one Participants has the first 10,000, in lists the first 20; Client.Participants has all.
type Room struct {
	Name         string    `json:"roomName"`
	Kind         RoomKind  `json:"kind"`
	Title        string    `json:"title"` // empty: the room is called by its name
	Description  string    `json:"description"`
	Announcement string    `json:"announcement"`
	Owner        string    `json:"owner"`   // a login; empty for a direct conversation
	Admins       []string  `json:"admins"`  // logins
	Silent       bool      `json:"silent"`  // only the owner, admins and those on WhiteList may post
	Between      []Person  `json:"between"` // of a direct conversation
	Creator      Person    `json:"creator"`
	Banner       string    `json:"banner"`
	Participants []Person  `json:"participants"`
	Count        int       `json:"participantCount"` // of participants; 10,000 means that many or more
	CreatedAt    time.Time `json:"creationDate"`
}

// RoomState is what the client's user has to read in one of their rooms.
type RoomState struct {
	Name    string   `json:"roomName"`
	Kind    RoomKind `json:"kind"`
	Title   string   `json:"title"`
	Between []Person `json:"between"` // of a direct conversation

	Last *Message `json:"lastMessage"` // nil if the room has none
	Read ID       `json:"lastRead"`    // zero: nothing
	// MarkedUnread is true if Read may be older than it was, because the user marked messages as unread.
	MarkedUnread bool `json:"markedUnread"`
	Unread       int  `json:"unread"` // 100 means 100 or more
	Muted        bool `json:"muted"`
}

// Message is a message as it is now.
type Message struct {
	ID      ID     `json:"messageId"`
	Author  Person `json:"author"` // with the names at the time of writing
	Content string `json:"content"`
	// System is true for what the server writes: that somebody joined or left.
	System    bool      `json:"systemMessage"`
	CreatedAt time.Time `json:"creationDate"`

	// Kind is empty for a text. Content stands for a message whose kind a program does not know. Body is what the message is,
	// by its kind, and Ext what clients have added for each other; both are JSON objects, or nil. The description of the API
	// has the members of each Body. A Body of kind notice is that of a system message.
	Kind string          `json:"kind"`
	Body json.RawMessage `json:"body"`
	Ext  json.RawMessage `json:"ext"`

	EditedAt  time.Time  `json:"editedAt"` // zero: never
	Deleted   bool       `json:"deleted"`  // it keeps its place, without content
	ReplyTo   ID         `json:"replyTo"`  // zero: it answers none
	Reactions []Reaction `json:"reactions"`
}

// Reaction is one emoji that users have put to a message. Logins has the first 50.
type Reaction struct {
	Emoji  string   `json:"emoji"`
	Logins []string `json:"logins"`
	Count  int      `json:"count"`
}

// Kind is what happened to a message.
type Kind string

// The kinds of events.
const (
	Posted  Kind = "post"
	Edited  Kind = "edit"
	Deleted Kind = "delete"
	Reacted Kind = "react"
)

// Event is a new message of a room, or a change of one, with the message as it was when the event was read.
type Event struct {
	// ID is the message's for Posted, and the change's own otherwise. Both are in one order.
	ID      ID
	Kind    Kind
	Message Message
}
