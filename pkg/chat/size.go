package chat

import "strings"

// MaxRead bounds what one read of a log holds, in bytes; see Message.Bytes. A read of Older, Newer or Between stops with
// the message that reaches it.
const MaxRead = 1 << 20

const (
	// reactionBytes is what one reaction takes, about.
	reactionBytes = 32
	// escapedBytes is how long a control character is in JSON, and quotedBytes a character that is escaped with a backslash.
	escapedBytes, quotedBytes = 6, 2
	// shortText is the length up to which the escapes of a text do not matter.
	shortText = 1 << 10
)

// Bytes returns about how many bytes the text and the reactions of m take in an answer, as JSON. It is at most half of
// MaxRead.
func (m Message) Bytes() int { return min(m.bytes(), MaxRead/2) }

func (m Message) bytes() int {
	n := len(m.Content)
	for _, r := range m.Reactions {
		n += len(r.Emoji) + reactionBytes*len(r.Logins)
	}
	if len(m.Content) <= shortText {
		return n
	}
	n += (quotedBytes - 1) * (strings.Count(m.Content, `"`) + strings.Count(m.Content, `\`))
	for i := range len(m.Content) {
		if m.Content[i] < ' ' {
			n += escapedBytes - 1
		}
	}
	return n
}

// AtEnd reports whether a read of Older, Newer or Between with that limit has reached the end of what there is to read.
// Otherwise there may be more: the read stopped because of its limit, or because it holds MaxRead.
func AtEnd(read []Message, limit int) bool { return len(read) < limit && bytesOf(read) < MaxRead }

func bytesOf(ms []Message) (n int) {
	for _, m := range ms {
		n += m.Bytes()
	}
	return n
}
