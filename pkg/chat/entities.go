package chat

import (
	"time"

	"github.com/confab-chat/confab/pkg/id"
)

// Tenant is the app that data belongs to. It is part of every key.
type Tenant string

// DefaultTenant is the app of the KillrChat API.
const DefaultTenant Tenant = "default"

// SystemLogin is the author of system messages. Nobody signs up or logs in as it.
const SystemLogin = "killrchat"

// System is the person who writes system messages.
var System = Person{Login: SystemLogin, FirstName: SystemLogin, LastName: SystemLogin}

// Identity is who acts: an authenticated user of a tenant.
type Identity struct {
	Tenant Tenant
	Login  string
}

// Person is the public short form of a user. Nothing in it is ever null.
type Person struct {
	Login     string
	FirstName string
	LastName  string
}

// FullName is how system messages name p.
func (p Person) FullName() string { return p.FirstName + " " + p.LastName }

// User is an account.
type User struct {
	Person
	Email     *string // nil or as it was sent, the empty string included
	Bio       *string
	CreatedAt time.Time
	// PasswordHash is an encoded hash (see pkg/auth). It never leaves the server.
	PasswordHash string
	// Epoch is a random text that comes with each new password, empty before the first change. Logins of another
	// epoch are over. It is not part of exports.
	Epoch string
	// Deleted users keep their login for good; all but Login is empty then.
	Deleted bool
}

// Room is a room's own data; its participants are rows of their own. ID tells
// apart rooms that had the same name one after the other. Everything that hangs
// on a room is kept under ID, so nothing of an earlier room is ever seen in a later one.
type Room struct {
	ID        id.ID
	Name      string
	Creator   Person
	Banner    *string
	CreatedAt time.Time // to the millisecond
	Retention Retention
}

// Log is the append-only log that holds a room's messages.
func (r Room) Log(t Tenant) Log { return Log{Tenant: t, ID: r.ID} }

// RoomRef is a room as a list of a user's rooms has it.
type RoomRef struct {
	ID   id.ID
	Name string
}

// Log names an append-only log of messages, ordered by id: a room's history, or
// any other series read by id and page.
type Log struct {
	Tenant Tenant
	ID     id.ID
}

// Message is one entry of a log. Its time is the time in its ID.
type Message struct {
	ID      id.ID
	Author  Person // the profile at the time of writing
	Content string // the present one; empty when Deleted
	System  bool

	EditedAt  time.Time  // of the last edit, to the millisecond; zero if there was none
	Deleted   bool       // for good; the message keeps its place
	ReplyTo   id.ID      // the message of this log that it answers; zero if none
	Reactions []Reaction // see GroupReactions; none when Deleted
	// Withdrawn are reactions that were taken back less than WithdrawnFor ago, in any order. Only what ChangeMessage asks
	// about has them.
	Withdrawn []ReactionBy
}

// CreatedAt returns the message's time in UTC.
func (m Message) CreatedAt() time.Time { return m.ID.Time() }
