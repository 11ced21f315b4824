package chat

import (
	"context"
	"time"

	"github.com/confab-chat/confab/pkg/id"
)

// The interfaces below are what the domain needs kept. They hold for all of them:
//
//   - A nil error of a writing method means durable: a crash right afterwards loses nothing.
//   - Every method may be called concurrently and honours its context's deadline.
//   - Errors are *Error: NotFound, Gone and Conflict where said, Unavailable when the
//     store cannot answer (the outcome of a write is then unknown, and to repeat it with
//     the same arguments is safe), Internal otherwise.
//   - Text comes back byte for byte; times come back in UTC to the millisecond.
//   - SetBanner, RenameCreator, SetRetention, DeleteRoom, SweepRoom and DisownRoom announce the room, Leave and
//     UpdateParticipant the participant, SetPasswordHash and DeleteUser the account, that they
//     change (see pkg/cache; RoomKey, MemberKey, AccountKey). What comes into
//     being is not announced: that something is not there is not remembered.
//   - limit is at least 1; no method reads more than about limit rows.

// UserStore keeps accounts.
type UserStore interface {
	// CreateUser claims u.Login in the tenant and keeps u whole. Of concurrent calls for
	// one login exactly one succeeds; the others get Conflict. A deleted user's login is
	// never free again.
	CreateUser(ctx context.Context, t Tenant, u User) error
	// User returns the account: NotFound if there never was one; a deleted one comes
	// back with Deleted set.
	User(ctx context.Context, t Tenant, login string) (User, error)
	// UsersByLogin returns those of logins that exist and are not deleted, keyed by login.
	UsersByLogin(ctx context.Context, t Tenant, logins []string) (map[string]User, error)
	// Users returns accounts that are not deleted, ascending by login (bytes), after the given one
	// (empty: from the first).
	Users(ctx context.Context, t Tenant, after string, limit int) ([]Person, error)
	// UpdateProfile replaces names, e-mail and bio of a user that is not deleted (otherwise NotFound).
	UpdateProfile(ctx context.Context, t Tenant, u User) error
	// SetPasswordHash replaces hash and epoch of a user that is not deleted (otherwise NotFound), both in one step.
	SetPasswordHash(ctx context.Context, t Tenant, login, hash, epoch string) error
	// Rehash replaces the hash of a user, and not the epoch, if it still is from; otherwise it does nothing.
	Rehash(ctx context.Context, t Tenant, login, from, to string) error
	// DeleteUser marks the account deleted and forgets all of it but the login, a Rename included. Repeating it is no error.
	DeleteUser(ctx context.Context, t Tenant, login string) error
}

// RoomStore keeps rooms by name.
type RoomStore interface {
	// CreateRoom claims r.Name and makes r.Creator the first participant. Of concurrent
	// calls for one name exactly one succeeds, the others get Conflict and leave nothing
	// behind. When it returns, Room, Rooms, Participants and RoomsOf show it; a crash in
	// between leaves either all of it or, to every reader, nothing.
	CreateRoom(ctx context.Context, t Tenant, r Room) error
	// Room returns the room of that name now, or NotFound.
	Room(ctx context.Context, t Tenant, name string) (Room, error)
	// RoomsByName returns those of names that exist, keyed by name.
	RoomsByName(ctx context.Context, t Tenant, names []string) (map[string]Room, error)
	// Rooms returns rooms ascending by name (bytes), after the given name (empty: from the first).
	Rooms(ctx context.Context, t Tenant, after string, limit int) ([]Room, error)
	// SetBanner replaces the banner (nil: none) of the room with this name and ID; NotFound if it is gone.
	SetBanner(ctx context.Context, t Tenant, r RoomRef, banner *string) error
	// RenameCreator replaces the names of the creator of the room with this name and ID; NotFound if it is gone, or its
	// creator is not p.
	RenameCreator(ctx context.Context, t Tenant, r RoomRef, p Person) error
	// DisownRoom replaces the creator of a room, if it still has this name and ID.
	DisownRoom(ctx context.Context, t Tenant, r RoomRef, creator Person) error
	// DeleteRoom makes the room unknown and its name free. When it returns no method of any
	// store interface shows it, its memberships or, by its name, its messages. What may be
	// left on disk is removed by Sweeper. NotFound if r.Name is not r.ID (any more).
	DeleteRoom(ctx context.Context, t Tenant, r Room) error
}

// MembershipStore keeps who is in which room. Both directions, Participants and
// RoomsOf, always agree: after a crash in the middle of a change they show
// either its state before or after, both the same.
type MembershipStore interface {
	// Join makes p a participant. changed is false if p was one already: of concurrent
	// calls exactly one has changed true. NotFound if the room is deleted, also while it runs.
	Join(ctx context.Context, t Tenant, r Room, p Person) (changed bool, err error)
	// Leave ends a participation; changed as in Join.
	Leave(ctx context.Context, t Tenant, r Room, login string) (changed bool, err error)
	// Participant returns the person as participant of the room, NotFound (UserEntity) if they are not in it. After a
	// crash in the middle of Leave it may be NotFound for somebody who is still listed.
	Participant(ctx context.Context, t Tenant, room id.ID, login string) (Person, error)
	// Participants returns who is in the room, ascending by login (bytes), after the given login.
	Participants(ctx context.Context, t Tenant, room id.ID, after string, limit int) ([]Person, error)
	// ParticipantsOf returns the first limit participants of each room, keyed by room ID.
	ParticipantsOf(ctx context.Context, t Tenant, rooms []id.ID, limit int) (map[id.ID][]Person, error)
	// RoomsOf returns the rooms a user is in, ascending by name, after the given name (empty: from the first).
	RoomsOf(ctx context.Context, t Tenant, login, after string, limit int) ([]RoomRef, error)
	// UpdateParticipant changes the names shown for a participant; nothing if they are not in the room.
	UpdateParticipant(ctx context.Context, t Tenant, room id.ID, p Person) error
}

// MessageStore keeps logs.
type MessageStore interface {
	// Append stores m. Appending the same message twice is the same as once, whenever that is: what was done to the message
	// meanwhile stays.
	Append(ctx context.Context, l Log, m Message) error
	// AppendBatch stores messages, each as Append does; it is the fast way for imports.
	// After an error any part of them may be stored.
	AppendBatch(ctx context.Context, l Log, ms []Message) error
	// AppendOnce stores m under a key of m.Author.Login in this log. If the key is already taken,
	// nothing new is stored: the message that was stored first under it is
	// returned with repeated true, or Conflict (KeyEntity) if its Content is another. A key lives at
	// least KeyLifetime. It holds under concurrency, over nodes and over crashes: never two messages for a key.
	// A first message that is not newer than trimmed stays as it is, stored or removed by Trim; m then comes back with its ID.
	AppendOnce(ctx context.Context, l Log, key string, m Message, trimmed id.ID) (first Message, repeated bool, err error)
	// Message returns one message, or NotFound.
	Message(ctx context.Context, l Log, m id.ID) (Message, error)
	// Older returns messages older than the position, newest first. The position need not exist.
	Older(ctx context.Context, l Log, than id.ID, limit int) ([]Message, error)
	// Newer returns messages newer than the position, and the one at it if inclusive, oldest first.
	Newer(ctx context.Context, l Log, than id.ID, inclusive bool, limit int) ([]Message, error)
}

// Bin is a bar of a histogram: about so many messages from From on, and before the From of the next one.
type Bin struct {
	From     time.Time
	Messages int
}

// LogPlanner is for imports, which know how busy a log's past is before they write it.
type LogPlanner interface {
	// PlanLog prepares a log for the messages that the bins count, which may come in any order. It only changes how
	// fast they are read, never what is read: messages may be of any time, planned or not. It is to be called with the
	// id of a room to be created, before anybody else can know it; a log that has messages or a plan stays as it is.
	// After an error the log can be used as if it had not been planned. A plan for a room that is never created stays:
	// some rows of a few bytes.
	PlanLog(ctx context.Context, l Log, history []Bin) error
}

// KeyLifetime is how long an Idempotency-Key is remembered.
const KeyLifetime = 7 * 24 * time.Hour

// Sweep is a deleted room of which rows may be left on disk.
type Sweep struct {
	Tenant    Tenant
	Room      RoomRef
	DeletedAt time.Time
}

// Sweeper removes what a deletion leaves behind. All of it is idempotent and
// may run on several nodes at once.
type Sweeper interface {
	// Sweeps returns deletions not yet ended, in a stable order of their own, after the given one (zero: from the first).
	// It need not exist any more.
	Sweeps(ctx context.Context, after Sweep, limit int) ([]Sweep, error)
	// SweepRoom removes all rows of the room that are there now: messages, memberships, keys.
	// progress (may be nil) is told the number of rows or partitions removed so far.
	SweepRoom(ctx context.Context, s Sweep, progress func(removed int)) error
	// EndSweep forgets the deletion. To be called only when no writer can still be under way,
	// that is a good while after DeletedAt, and after a last SweepRoom.
	EndSweep(ctx context.Context, s Sweep) error
}
