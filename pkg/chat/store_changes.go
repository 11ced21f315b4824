package chat

import (
	"context"

	"github.com/confab-chat/confab/pkg/id"
)

// The guarantees at the top of store.go hold for the interfaces below too.

// ChangeStore changes stored messages. The changes of a log form a separate log, ChangesOf.
type ChangeStore interface {
	// ChangeMessage reads a message, calls decide with it, applies the Change that decide returns, and returns the message
	// as it is afterwards. NotFound if there is no such message. An error of decide is returned as it is; a Change
	// without a Kind changes nothing. The message that decide gets has Withdrawn set.
	//
	// Change.ID, made just before the call, dates the change: of two edits the one with the newer ID wins. A deletion is
	// permanent: neither a change that was decided at the same moment on another node nor Append of the same message
	// undoes it. A change is kept exactly as long as its message. Reactions of different users or with different emojis
	// never undo each other.
	//
	// The entry of the change is appended to ChangesOf(l) first, so every change has an entry. There may be an entry
	// without its change: for a moment, and after a crash permanently.
	ChangeMessage(ctx context.Context, l Log, m id.ID, decide func(Message) (Change, error)) (Message, error)
	// MessagesByID returns those of ids that are in the log, keyed by id.
	MessagesByID(ctx context.Context, l Log, ids []id.ID) (map[id.ID]Message, error)
}

// DigestStore reads what a list of rooms shows, for several logs in one call.
type DigestStore interface {
	// Newest returns, for each position, the newest message of the log if it is newer than the position, keyed by log ID.
	// It does not read older messages.
	Newest(ctx context.Context, from []Position) (map[id.ID]Message, error)
	// CountUnread counts, for each span, the messages that are not deleted, not system messages and not written by the
	// login but. It counts up to bound and looks at about MaxCounted messages at most. The result is keyed by log ID.
	CountUnread(ctx context.Context, spans []Span, but string, bound int) (map[id.ID]int, error)
}

// MaxCounted is how many messages of a log are looked at for one count, and CountPage how many are read at a time.
const (
	MaxCounted = 1000
	CountPage  = 200
)

// Position is a place in a log.
type Position struct {
	Log   Log
	After id.ID // zero: before all messages
}

// Span is a part of a log: what comes after the position, up to a message and with it.
type Span struct {
	Position
	UpTo id.ID
}

// CountUnread is DigestStore.CountUnread of one span, for stores: newer reads the next CountPage messages after an id.
func (p Span) CountUnread(but string, bound int, newer func(at id.ID) ([]Message, error)) (n int, err error) {
	at := p.After
	if at.IsZero() {
		at = id.Min
	}
	for read := 0; read < MaxCounted; {
		ms, err := newer(at)
		if err != nil {
			return 0, err
		}
		for _, m := range ms {
			if m.ID.Compare(p.UpTo) > 0 {
				return n, nil
			}
			if !m.System && !m.Deleted && m.Author.Login != but {
				if n++; n == bound {
					return n, nil
				}
			}
			at = m.ID
		}
		if read += len(ms); AtEnd(ms, CountPage) {
			break
		}
	}
	return n, nil
}

// Reading is what is kept of a user about a room they are in: how far they have read, and whether they muted it.
type Reading struct {
	Read  id.ID // the newest message they have read; zero: none
	Back  Back
	Muted bool
}

// Back is kept when a user marks messages as unread. It is kept beside Reading.Read, which never moves back: so plain
// writes of Read can be ordered by their ids.
type Back struct {
	To   id.ID // how far they have read since
	From id.ID // the newest message that Back is about: once Reading.Read is newer, Back means nothing
}

// Position returns the read position: what is newer is unread. Zero: everything is.
func (r Reading) Position() id.ID {
	if r.isBack() {
		return r.Back.To
	}
	return r.Read
}

// MarkedUnread reports whether the user has marked messages as unread and not read them anew.
func (r Reading) MarkedUnread() bool { return r.isBack() && r.Back.To != r.Back.From }

func (r Reading) isBack() bool { return !r.Back.From.IsZero() && r.Read.Compare(r.Back.From) <= 0 }

// ReadStore keeps users' read positions and the rooms they have muted.
type ReadStore interface {
	// SetRead moves a read position forward. The position never moves back, whatever calls run at the same time.
	SetRead(ctx context.Context, t Tenant, room id.ID, login string, to id.ID) error
	// SetBack replaces Reading.Back. Of two calls, the one that began after the other was answered decides.
	SetBack(ctx context.Context, t Tenant, room id.ID, login string, b Back) error
	// SetMuted mutes or unmutes a room for a user.
	SetMuted(ctx context.Context, t Tenant, room id.ID, login string, muted bool) error
	// Readings returns a user's readings of those rooms, keyed by room ID.
	Readings(ctx context.Context, t Tenant, login string, rooms []id.ID) (map[id.ID]Reading, error)
	// ForgetReading removes a user's reading of a room. Leave does not do so by itself; DeleteUser and SweepRoom do.
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
	// AvatarTags returns a tag for each of logins that has a picture, keyed by login. Another picture has another tag.
	AvatarTags(ctx context.Context, t Tenant, logins []string) (map[string]string, error)
	// DeleteAvatar deletes a user's picture; repeating it is no error.
	DeleteAvatar(ctx context.Context, t Tenant, login string) error
}
