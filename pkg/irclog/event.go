package irclog

import "time"

// Kind is the kind of an event.
type Kind int

// The kinds of events.
const (
	// Skipped is a line that an import cannot use; Event.Reason says why.
	Skipped Kind = iota
	Message
	Action
	Join
	Leave // by part, quit or kick
	Rename
	Topic
)

func (k Kind) String() string {
	return [...]string{"skipped", "message", "action", "join", "leave", "rename", "topic"}[k]
}

// Reason says why a line was skipped.
type Reason string

// The reasons.
const (
	Empty      Reason = "empty line"
	Unreadable Reason = "no known form of line"
	LineLength Reason = "line too long to read"
	NUL        Reason = "NUL character"
	Mode       Reason = "channel mode"
	Note       Reason = "note of the program that wrote the log"
	Blank      Reason = "no text"
	TextLength Reason = "text longer than 65536 bytes"
	Erased     Reason = "of a user who was erased here"
)

// Event is the content of one line.
type Event struct {
	Kind Kind
	// Time is in UTC, to the minute or the second, and never before that of the event before.
	Time time.Time
	Line int // from 1
	// Nick is the nick that did it or was affected. It has 1 to 100 characters and no spaces. It is empty for topics
	// and skipped lines.
	Nick string
	// NewNick is Nick's new nick, for Rename.
	NewNick string
	// Text is the message, the action or the topic, which are never blank. For a skipped line it is the beginning of
	// the line. It is UTF-8 without U+0000.
	Text   string
	Reason Reason
}
