package chat

import (
	"context"

	"github.com/confab-chat/confab/pkg/id"
)

// The general promises at the top of store.go hold for the interfaces below too.

// ChangeStore changes messages that are there. A log's changes are a log of their own, ChangesOf.
type ChangeStore interface {
	// ChangeMessage reads a message, asks decide what to do about it, does that and returns the message as
	// it is then. An error of decide is returned as it is; a Change without a Kind changes nothing.
	// Change.ID, made just before the call, dates the change: of two edits the one with the newer ID lasts. A
	// deletion is final: what is decided at the same moment elsewhere does not undo it, and Append of the same
	// message does not either. A change lasts as long as its message: it goes with it, and never before. Reactions
	// of different users or with different emojis never undo each other. What decide is given has its Withdrawn.
	// NotFound if there is no such message.
	//
	// The change's entry is appended to ChangesOf(l) before: no change is without one. For a moment, and after a
	// crash for good, there may be an entry whose change is not there.
	ChangeMessage(ctx context.Context, l Log, m id.ID, decide func(Message) (Change, error)) (Message, error)
	// MessagesByID returns those of ids that are in the log, keyed by id.
	MessagesByID(ctx context.Context, l Log, ids []id.ID) (map[id.ID]Message, error)
}

// DigestStore answers for several logs at once what a list of rooms shows.
type DigestStore interface {
	// Newest returns, for each position, the newest message of the log if it is newer than that, keyed by log ID. It does
	// not look at what is older.
	Newest(ctx context.Context, from []Position) (map[id.ID]Message, error)
	// CountNewer counts, for each position, messages that are newer, not deleted, not of the system and not
	// by the login but: up to bound, and among no more than about MaxCounted messages. Keyed by log ID.
	CountNewer(ctx context.Context, from []Position, but string, bound int) (map[id.ID]int, error)
}

// MaxCounted is how many messages of a log are looked at for one count.
const MaxCounted = 1000

// Position is a place in a log.
type Position struct {
	Log   Log
	After id.ID // zero: before all messages
}

// Reading is what a user keeps about a room they are in.
type Reading struct {
	Read  id.ID // the newest message they have read; zero: none
	Muted bool
}

// ReadStore keeps how far users have read, and which rooms they have muted.
type ReadStore interface {
	// SetRead moves a read position forward; it never moves back, whatever calls run at the same time.
	SetRead(ctx context.Context, t Tenant, room id.ID, login string, to id.ID) error
	// SetMuted mutes a room for a user, or ends that.
	SetMuted(ctx context.Context, t Tenant, room id.ID, login string, muted bool) error
	// Readings returns what is kept about those rooms, keyed by room ID.
	Readings(ctx context.Context, t Tenant, login string, rooms []id.ID) (map[id.ID]Reading, error)
	// ForgetReading forgets what is kept about a user's room. Leaving does not do it by itself; DeleteUser
	// and SweepRoom do.
	ForgetReading(ctx context.Context, t Tenant, room id.ID, login string) error
}

// Avatar is a user's picture.
type Avatar struct {
	Type string // media type
	Data []byte
}

// AvatarStore keeps users' pictures. DeleteUser deletes them too.
type AvatarStore interface {
	// SetAvatar replaces a user's picture.
	SetAvatar(ctx context.Context, t Tenant, login string, a Avatar) error
	// Avatar returns a user's picture: NotFound if there is none.
	Avatar(ctx context.Context, t Tenant, login string) (Avatar, error)
	// DeleteAvatar deletes a user's picture; repeating it is no error.
	DeleteAvatar(ctx context.Context, t Tenant, login string) error
}
