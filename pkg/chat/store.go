package chat

import (
	"context"
	"time"

	"github.com/confab-chat/confab/pkg/id"
)

// The interfaces below are the storage that the domain needs. These guarantees hold for all of them:
//
//   - A nil error of a writing method means that the write is durable: a crash right afterwards loses nothing.
//   - Every method may be called concurrently and honours its context's deadline.
//   - Errors are *Error. The kind is NotFound, Gone or Conflict where the method says so. It is Unavailable when the
//     store cannot answer: the outcome of a write is then unknown, and repeating it with the same arguments is safe. It
//     may be applied later, but undoes nothing that was answered with success meanwhile. It is Internal otherwise.
//   - Text is returned byte for byte. Times are returned in UTC to the millisecond.
//   - Methods announce what they change (see pkg/cache). SetBanner, RenameCreator, SetRetention, ChangeSettings,
//     DeleteRoom, SweepRoom and DisownRoom announce the room (RoomKey). Leave, UpdateParticipant, SetListed and Unlist announce the
//     participant (MemberKey). SetPasswordHash, EndLogins, DeleteUser, SetAvatar and DeleteAvatar announce the account
//     (AccountKey). Creations are not announced, because the
//     absence of something is not cached.
//   - limit is at least 1. No method reads more than about limit rows.

// LoginStore keeps which login has each key of a login.
type LoginStore interface {
	// ClaimLogin claims LoginKey(login) for login, unless another login of the tenant has claimed it, and returns the
	// login that has it. All calls for one key return the same login. A claim is never taken back.
	ClaimLogin(ctx context.Context, t Tenant, login string) (holder string, err error)
	// LoginClaimed returns the login that has claimed LoginKey(login); empty if none has.
	LoginClaimed(ctx context.Context, t Tenant, login string) (holder string, err error)
}

// UserStore keeps accounts.
type UserStore interface {
	LoginStore
	// CreateUser claims u.Login in the tenant and stores u. Of concurrent calls for one login exactly one succeeds; the
	// others get Conflict. A deleted user's login is never free again. It also claims LoginKey(u.Login) as ClaimLogin
	// does, and does not mind if another login has it.
	CreateUser(ctx context.Context, t Tenant, u User) error
	// User returns the account, a deleted one with Deleted set; NotFound if there never was one.
	User(ctx context.Context, t Tenant, login string) (User, error)
	// UsersByLogin returns those of logins that exist and are not deleted, keyed by login.
	UsersByLogin(ctx context.Context, t Tenant, logins []string) (map[string]User, error)
	// Users returns accounts that are not deleted, ascending by login (bytes), after the given one
	// (empty: from the first).
	Users(ctx context.Context, t Tenant, after string, limit int) ([]Person, error)
	// UpdateProfile replaces names, e-mail, bio and time zone of a user that is not deleted (otherwise NotFound). If was is
	// not nil, it does so only while they are those of was (otherwise Stale): of concurrent calls with one was and different
	// profiles exactly one succeeds.
	UpdateProfile(ctx context.Context, t Tenant, u User, was *User) error
	// SetPasswordHash replaces hash and epoch of a user that is not deleted (otherwise NotFound) in one step.
	SetPasswordHash(ctx context.Context, t Tenant, login, hash, epoch string) error
	// EndLogins replaces the epoch of a user that is not deleted (otherwise NotFound) and, unless disabled is nil, Disabled,
	// in one step.
	EndLogins(ctx context.Context, t Tenant, login, epoch string, disabled *bool) error
	// Rehash replaces the hash of a user if it still is from; otherwise it does nothing. It keeps the epoch.
	Rehash(ctx context.Context, t Tenant, login, from, to string) error
	// DeleteUser marks the account deleted and removes all of it but the login. Repeating it is no error.
	DeleteUser(ctx context.Context, t Tenant, login string) error
}

// RoomStore keeps rooms by name.
type RoomStore interface {
	// CreateRoom claims r.Name and makes r.Creator the first participant, since r.ID. Of concurrent calls for one name exactly one
	// succeeds; the others get Conflict and leave nothing behind. When it returns, Room, Rooms, Participants and RoomsOf
	// show the room. After a crash in between, readers see either all of it or nothing.
	CreateRoom(ctx context.Context, t Tenant, r Room) error
	// Room returns the room that has that name now, or NotFound.
	Room(ctx context.Context, t Tenant, name string) (Room, error)
	// RoomsByName returns those of names that exist, keyed by name.
	RoomsByName(ctx context.Context, t Tenant, names []string) (map[string]Room, error)
	// Rooms returns open rooms ascending by name (bytes), after the given name (empty: from the first). Rooms of other kinds
	// are found by their names alone.
	Rooms(ctx context.Context, t Tenant, after string, limit int) ([]Room, error)
	// SetBanner replaces the banner (nil: none) of the room with this name and ID; NotFound if it is gone. If was is not
	// nil, it does so only while the banner is that of was (otherwise Stale), as UpdateProfile does.
	SetBanner(ctx context.Context, t Tenant, r RoomRef, banner *string, was *Room) error
	// ChangeSettings changes the settings of the room with this name and ID, and returns the room as it is then; NotFound if
	// it is gone. It calls change with the present settings, several times if others change the room meanwhile: of concurrent
	// changes each sees those before it. An error of change is returned as it is, and nothing is changed then. The kind stays
	// what it is. If MaxMembers becomes less than the number of participants, nothing is changed and the error is Full; who
	// joins at that moment may still count by the limit before.
	ChangeSettings(ctx context.Context, t Tenant, r RoomRef, change func(*RoomSettings) error) (Room, error)
	// RenameCreator replaces the names of the creator of the room with this name and ID; NotFound if the room is gone or
	// its creator is not p.
	RenameCreator(ctx context.Context, t Tenant, r RoomRef, p Person) error
	// DisownRoom replaces the creator of a room, if it still has this name and ID.
	DisownRoom(ctx context.Context, t Tenant, r RoomRef, creator Person) error
	// DeleteRoom deletes the room and frees its name. When it returns, no method of any store interface shows the room,
	// its memberships or, by its name, its messages. Sweeper removes the rows that are left on disk: the caller has stored
	// the work before (SweepWork). NotFound if r.Name does not belong to r.ID, or no longer. Of concurrent calls at least one
	// succeeds; others may too, because a call whose first attempt was not answered cannot tell who has removed the room.
	DeleteRoom(ctx context.Context, t Tenant, r Room) error
}

// MaxJoins is how many people may join by one call.
const MaxJoins = 60

// MembershipStore keeps the participants of rooms. Both directions, Participants and RoomsOf, always agree: after a
// crash in the middle of a change, both show the state before it or both show the state after it.
//
//nolint:interfacebloat // one subject, in several orders
type MembershipStore interface {
	// Join makes p a participant. changed is false if p was one already; of concurrent calls exactly one returns true.
	// NotFound if the room is deleted, also if that happens during the call. since, made just before the call, is p's place
	// in the order of joining; who is a participant already keeps the first one. Zero: p has none, and is in no list in
	// that order.
	//
	// If the room has a limit (RoomSettings.MaxMembers) and as many participants, nothing changes and the error is Full: there
	// is never one too many, whatever calls run at the same time. For who is a participant already that is no error.
	Join(ctx context.Context, t Tenant, r Room, p Person, since id.ID) (changed bool, err error)
	// JoinAll makes several people participants, all or nobody if the room would have too many (Full). It calls since for
	// each, in their order, and returns the logins of those who were no participants. After another error any of them may
	// be participants. It is for at most MaxJoins people.
	JoinAll(ctx context.Context, t Tenant, r Room, ps []Person, since func() id.ID) (joined []string, err error)
	// Leave removes a participant; changed is as in Join.
	Leave(ctx context.Context, t Tenant, r Room, login string) (changed bool, err error)
	// Participant returns a participant of the room; NotFound (UserEntity) if the user is not in it. After a crash in the
	// middle of Leave it may return NotFound for a user whom Participants still lists.
	Participant(ctx context.Context, t Tenant, room id.ID, login string) (Person, error)
	// Participants returns the participants of the room, ascending by login (bytes), after the given login.
	Participants(ctx context.Context, t Tenant, room id.ID, after string, limit int) ([]Person, error)
	// ParticipantsOf returns the first limit participants of each room, keyed by room ID.
	ParticipantsOf(ctx context.Context, t Tenant, rooms []id.ID, limit int) (map[id.ID][]Person, error)
	// CountParticipants returns how many participants each room has, at most most, keyed by room ID: of a room with a limit by
	// one read, however many they are. There a join that broke off may count until somebody finds the room full.
	CountParticipants(ctx context.Context, t Tenant, rooms []Room, most int) (map[id.ID]int, error)
	// RoomsOf returns the rooms a user is in, ascending by name, after the given name (empty: from the first).
	RoomsOf(ctx context.Context, t Tenant, login, after string, limit int) ([]RoomRef, error)
	// Members returns participants of the room in the order of joining: after the position from, oldest first; or before it,
	// newest first. from need not exist; zero: from the end of that direction on. Participants without a Since are left out.
	Members(ctx context.Context, t Tenant, room id.ID, from id.ID, newest bool, limit int) ([]Member, error)
	// RoomsByJoining returns the rooms that a user is in, the one joined last first: those joined before the position (zero:
	// from the newest on). Rooms that the user joined without a Since are left out.
	RoomsByJoining(ctx context.Context, t Tenant, login string, before id.ID, limit int) ([]JoinedRoom, error)
	// UpdateParticipant changes the names shown for a participant, and keeps their Since. It changes nothing if the user is not in the room.
	UpdateParticipant(ctx context.Context, t Tenant, room id.ID, p Person) error
}

// MessageStore keeps logs.
type MessageStore interface {
	// Append stores m. Its id is new: no message of the log has it or had it. So a post is one write and no read.
	Append(ctx context.Context, l Log, m Message) error
	// AppendBatch stores messages, for imports. Appending the same message again, at any time later, changes nothing:
	// changes of the message that were made meanwhile stay. After an error any of the messages may be stored.
	AppendBatch(ctx context.Context, l Log, ms []Message) error
	// AppendOnce stores m under a key of m.Author.Login in this log. If the key is taken, it stores nothing. It then
	// returns the message that was stored first under the key, with repeated true; or Conflict (KeyEntity) if that
	// message has another Content. A key is kept for at least KeyLifetime. There are never two messages for a key, under
	// concurrency, across nodes and across crashes. A first message that is not newer than trimmed stays as it is, stored
	// or removed by Trim; AppendOnce then returns m with the ID of the first message.
	AppendOnce(ctx context.Context, l Log, key string, m Message, trimmed id.ID) (first Message, repeated bool, err error)
	// Message returns one message, or NotFound.
	Message(ctx context.Context, l Log, m id.ID) (Message, error)
	// Older returns messages older than the position, newest first. The position need not exist. It stops early when it has
	// read as much as one read may hold: see AtEnd.
	Older(ctx context.Context, l Log, than id.ID, limit int) ([]Message, error)
	// Newer returns messages newer than the position, and the one at it if inclusive, oldest first. It stops early as Older
	// does.
	Newer(ctx context.Context, l Log, than id.ID, inclusive bool, limit int) ([]Message, error)
}

// Bin is a bar of a histogram: the approximate number of messages from From to the From of the next bin.
type Bin struct {
	From     time.Time
	Messages int
}

// A bin that Counted makes has the messages of an hour at most, and no more than binMessages.
const (
	binTime     = time.Hour
	binMessages = 1000
)

// Counted adds a message to bins. It is for messages in the order of their times.
func Counted(bins []Bin, at time.Time) []Bin {
	if n := len(bins); n > 0 {
		if b := &bins[n-1]; b.Messages < binMessages && at.Sub(b.From) < binTime {
			b.Messages++
			return bins
		}
	}
	return append(bins, Bin{From: at, Messages: 1})
}

// LogPlanner is for imports. They know how many messages a log will have, and of which times, before they write it.
type LogPlanner interface {
	// PlanLog prepares a log for the messages that the bins count. The messages may be written in any order and be of any
	// time, planned or not: a plan changes only how fast they are read. The caller passes the id of a room that it is
	// about to create, before anyone else can know the id. A log that has messages or a plan stays as it is. After an
	// error the log can be used as if it had not been planned. A plan for a room that is never created stays: some rows
	// of a few bytes.
	PlanLog(ctx context.Context, l Log, history []Bin) error
}

// KeyLifetime is how long an Idempotency-Key is kept.
const KeyLifetime = 7 * 24 * time.Hour

// Sweep is a deleted room that may have rows left on disk.
type Sweep struct {
	Tenant    Tenant
	Room      RoomRef
	DeletedAt time.Time
}

// Sweeper removes the rows that a deletion leaves on disk. All methods are idempotent and may run on several nodes at
// the same time.
type Sweeper interface {
	// SweepRoom removes all rows that the room has now: messages, memberships, keys. It calls progress, which may be nil,
	// with the number of rows or partitions removed so far.
	SweepRoom(ctx context.Context, s Sweep, progress func(removed int)) error
	// EndSweep removes what a deleted room needs until its last SweepRoom. It may be called only when no writer can be running any more (well after DeletedAt)
	// and after a last SweepRoom.
	EndSweep(ctx context.Context, s Sweep) error
}
