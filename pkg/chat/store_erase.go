package chat

import (
	"context"
	"time"

	"github.com/confab-chat/confab/pkg/id"
)

// ErasedLogin replaces the login of an erased author. Nobody can sign up as it, because it is not a valid name.
const ErasedLogin = "deleted user"

// Erased replaces users that were erased.
var Erased = Person{Login: ErasedLogin, FirstName: "Deleted", LastName: "User"}

// Disowned is the replacement of a message's author.
type Disowned struct {
	ID     id.ID
	Author Person
	// Content replaces the text as it was first written, and Payload and Subject what they were; nil leaves all three.
	Content *string
	Payload Payload
	Subject string
}

// Erasure is the removal of all data of a user, while it is running.
type Erasure struct {
	Tenant       Tenant
	Login        string
	Names        []string // full names that system messages without a Subject may contain
	KeepMessages bool     // only their author is replaced
	StartedAt    time.Time
	UpdatedAt    time.Time // of an inherited one only
	// Late is set when all rooms have been processed once. The second pass looks for what was written meanwhile.
	Late bool
	// Done is the last room that is finished. At is the message down to which the next room is finished. Zero: none.
	Done     id.ID `json:",omitzero"`
	At       id.ID `json:",omitzero"`
	OfRooms  int   // rooms to process
	Rooms    int   // rooms finished
	Messages int   // messages that the user wrote or that named them
}

// FootprintStore keeps the rooms a user has ever been in. Only these can have messages by or about the user.
type FootprintStore interface {
	// AddFootprints records that these users are or were in a room. CreateRoom and Join do so by themselves; an import
	// calls it for the authors of messages.
	AddFootprints(ctx context.Context, t Tenant, r RoomRef, logins []string) error
	// Footprints returns the rooms a user is or ever was in, ascending by id, after the given one (zero: from the first).
	// It may return deleted rooms.
	Footprints(ctx context.Context, t Tenant, login string, after id.ID, limit int) ([]RoomRef, error)
	// ForgetFootprints removes all footprints of a user.
	ForgetFootprints(ctx context.Context, t Tenant, login string) error
	// FootprintsSince returns the time since which footprints are kept. Users may have been in rooms that were created
	// earlier without a footprint there. Zero: they were always kept.
	FootprintsSince(ctx context.Context) (time.Time, error)
}

// EraseStore replaces users in messages. RoomStore.DisownRoom replaces the
// creators of rooms.
type EraseStore interface {
	// MarkErased records that a deleted account was erased: User then returns it with Erased set. It changes nothing for
	// an account that is not deleted. Repeating it is no error.
	MarkErased(ctx context.Context, t Tenant, login string) error
	// Disown replaces the author, and the text where one is given, of messages that are in the log; it skips others.
	// Append or ChangeMessage of the same message at the same time do not undo it.
	Disown(ctx context.Context, l Log, ms []Disowned) error
	// ForgetTraces removes what the store keeps of a user in a room after they have left: how their membership was decided,
	// their idempotency keys, and what the room's lists have of them, as somebody who is listed or who has listed others. A participant of a room that exists stays one. The account has ended, and no Join, Leave or
	// AppendOnce of the user is running any more: one that is could succeed twice. The room may be deleted. Repeating it is
	// no error.
	ForgetTraces(ctx context.Context, t Tenant, r RoomRef, login string) error
}
