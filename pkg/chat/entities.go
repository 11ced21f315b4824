package chat

import (
	"time"

	"github.com/confab-chat/confab/pkg/id"
)

// Tenant is the app that data belong to. It is part of every key.
type Tenant string

// DefaultTenant is the app of the KillrChat API.
const DefaultTenant Tenant = "default"

// SystemLogin is the author of system messages. Nobody can sign up or log in as it.
const SystemLogin = "killrchat"

// System is the author of system messages.
var System = Person{Login: SystemLogin, FirstName: SystemLogin, LastName: SystemLogin}

// Identity is an authenticated user of a tenant.
type Identity struct {
	Tenant Tenant
	Login  string
}

// Principal is who asks: a user, or an app of the platform, or an administrator of it (App). To these everything in their
// tenant is open that is open to the owner of each room, whether or not Login names a user.
type Principal struct {
	Identity
	App bool
}

// Person is the public short form of a user. Nothing in it is ever null.
type Person struct {
	Login     string
	FirstName string
	LastName  string
}

// FullName returns the name of p in system messages.
func (p Person) FullName() string { return p.FirstName + " " + p.LastName }

// User is an account.
type User struct {
	Person
	Email     *string // nil or as it was sent, the empty string included
	Bio       *string
	Timezone  *string // an IANA name; nil means UTC
	CreatedAt time.Time
	// PasswordHash is an encoded hash (see pkg/auth). It never leaves the server.
	PasswordHash string
	// Epoch is a random text that is replaced with each new password and by EndLogins, and empty before the first change.
	// Logins of another epoch have ended. Exports do not contain it.
	Epoch string
	// Bot says that the account is a program's: it has no password, and acts by tokens that administrators make.
	Bot bool
	// Disabled says that an administrator has closed the account: nobody can log in, and all logins have ended.
	Disabled bool
	// Deleted is set for a deleted user. The login stays taken permanently; all fields but Login and Erased are empty.
	Deleted bool
	// Erased is set for a deleted user who was erased too. Imports bring nothing of such a user back.
	Erased bool
}

// Room is the data of a room itself; participants are stored separately. ID distinguishes rooms that had the same name
// one after the other. Everything that belongs to a room is stored under its ID, so a later room never shows anything
// of an earlier one.
type Room struct {
	ID        id.ID
	Name      string
	Creator   Person
	Banner    *string
	CreatedAt time.Time // to the millisecond
	Retention Retention
	Settings  RoomSettings
}

// Ref identifies the room.
func (r Room) Ref() RoomRef { return RoomRef{ID: r.ID, Name: r.Name} }

// Log is the append-only log that holds a room's messages.
func (r Room) Log(t Tenant) Log { return Log{Tenant: t, ID: r.ID} }

// RoomRef identifies a room, as in the list of a user's rooms.
type RoomRef struct {
	ID   id.ID
	Name string
}

// Log identifies an append-only log of messages, ordered by id: a room's history, or another series that is read by id
// and page.
type Log struct {
	Tenant Tenant
	ID     id.ID
}

// Message is one entry of a log. Its time is the time in its ID.
type Message struct {
	ID     id.ID
	Author Person // the profile at the time of writing
	// Content is the current text; empty if Deleted. Of a message of another kind it is what is shown to readers who do not
	// know the kind.
	Content string
	// Payload is what the message has beside its text now; zero if Deleted. That of a system message is a Notice, unless an
	// earlier version wrote it.
	Payload
	System bool
	// Subject is the login of the user whom a system message is about. It is empty if the message is about nobody, was
	// written by an earlier version, or that user was erased. It is for erasing: clients do not receive it.
	Subject string

	EditedAt  time.Time  // of the last edit, to the millisecond; zero if there was none
	Deleted   bool       // permanently; the message keeps its place
	ReplyTo   id.ID      // the message of this log that it answers; zero if none
	Reactions []Reaction // see GroupReactions; none if Deleted
	// Withdrawn are reactions that were withdrawn less than WithdrawnFor ago, in any order. It is set only in the message
	// that ChangeMessage passes to decide.
	Withdrawn []ReactionBy
}

// CreatedAt returns the message's time in UTC.
func (m Message) CreatedAt() time.Time { return m.ID.Time() }
