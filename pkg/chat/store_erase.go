package chat

import (
	"context"
	"time"

	"github.com/confab-chat/confab/pkg/id"
)

// ErasedLogin is the author's login where a user was erased. Nobody can sign up as it: it is no valid name.
const ErasedLogin = "deleted user"

// Erased is who stands in the place of users that were erased.
var Erased = Person{Login: ErasedLogin, FirstName: "Deleted", LastName: "User"}

// Disowned says what a message has in place of its author.
type Disowned struct {
	ID     id.ID
	Author Person
	// Content replaces the text as it was first written; nil leaves it.
	Content *string
}

// Erasure is the removal of a user from all that is kept of them, while it is under way.
type Erasure struct {
	Tenant       Tenant
	Login        string
	Names        []string // full names that system messages may have for them
	KeepMessages bool     // only their author is replaced
	StartedAt    time.Time
	UpdatedAt    time.Time
	// Late is set when all rooms are done once, and what was being written meanwhile is looked for.
	Late bool
	// Done is the last room that is done, At the message down to which the next one is; zero: none.
	Done, At id.ID
	OfRooms  int // rooms to go through
	Rooms    int // done
	Messages int // that were the user's, or named them
}

// FootprintStore keeps in which rooms a user has been, which is where messages of theirs, or about them, can be.
type FootprintStore interface {
	// AddFootprints notes that these users are or were in a room. CreateRoom and Join do so by themselves; it is for
	// authors that an import brings along.
	AddFootprints(ctx context.Context, t Tenant, r RoomRef, logins []string) error
	// Footprints returns the rooms a user is or ever was in, ascending by id, after the given one (zero: from the
	// first). Rooms that are deleted may be among them.
	Footprints(ctx context.Context, t Tenant, login string, after id.ID, limit int) ([]RoomRef, error)
	// ForgetFootprints forgets all of a user's.
	ForgetFootprints(ctx context.Context, t Tenant, login string) error
}

// EraseStore replaces users in rooms' messages, and keeps erasures that are under way. RoomStore.DisownRoom is for rooms themselves.
type EraseStore interface {
	// Disown replaces the author, and the text where one is given, of messages that are in the log; others are passed
	// over. It lasts, whatever Append or ChangeMessage of the same message do at the same time.
	Disown(ctx context.Context, l Log, ms []Disowned) error
	// PutErasure keeps e in the place of the one of the same user.
	PutErasure(ctx context.Context, e Erasure) error
	// Erasure returns the erasure of a user: NotFound (UserEntity) if none is under way.
	Erasure(ctx context.Context, t Tenant, login string) (Erasure, error)
	// Erasures returns erasures under way, in a stable order of their own, after that of the given user (zero: from the
	// first). It need not exist any more.
	Erasures(ctx context.Context, after Identity, limit int) ([]Erasure, error)
	// EndErasure forgets the erasure of a user; repeating it is no error.
	EndErasure(ctx context.Context, t Tenant, login string) error
}
