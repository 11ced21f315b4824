package chat

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

// Bytes returns about how many bytes the text, the payload and the reactions of m take in an answer, as JSON. It is at most half of
// MaxRead.
func (m Message) Bytes() int { return min(m.bytes(), MaxRead/2) }

func (m Message) bytes() int {
	n := len(m.Content) + m.Payload.Bytes()
	for _, r := range m.Reactions {
		n += len(r.Emoji) + reactionBytes*len(r.Logins)
	}
	if len(m.Content) <= shortText {
		return n
	}
	return n + escapes(m.Content)
}

// extra is how many bytes each byte of a text takes in JSON beside itself.
var extra = func() (t [256]byte) {
	for c := range byte(' ') {
		t[c] = escapedBytes - 1
	}
	t['"'], t['\\'] = quotedBytes-1, quotedBytes-1
	return t
}()

// escapes returns how many bytes the escapes of a text add to it. Every read of a log counts them, so it looks at eight
// bytes at a time and counts only where there is something to escape.
func escapes(text string) (n int) {
	const (
		ones  = 0x0101010101010101
		highs = 0x80 * ones
	)
	i := 0
	for ; i+8 <= len(text); i += 8 {
		w := uint64(text[i]) | uint64(text[i+1])<<8 | uint64(text[i+2])<<16 | uint64(text[i+3])<<24 |
			uint64(text[i+4])<<32 | uint64(text[i+5])<<40 | uint64(text[i+6])<<48 | uint64(text[i+7])<<56
		// (x - k*ones) & ^x & highs is not 0 if, and only if, a byte of x is less than k.
		quotes, slashes := w^'"'*ones, w^'\\'*ones
		if ((w-' '*ones)&^w|(quotes-ones)&^quotes|(slashes-ones)&^slashes)&highs == 0 {
			continue
		}
		for _, c := range []byte(text[i : i+8]) {
			n += int(extra[c])
		}
	}
	for ; i < len(text); i++ {
		n += int(extra[text[i]])
	}
	return n
}

// AtEnd reports whether a read of Older, Newer or Between with that limit has reached the end of what there is to read.
// Otherwise there may be more: the read stopped because of its limit, or because it holds MaxRead.
func AtEnd(read []Message, limit int) bool { return len(read) < limit && Bytes(read) < MaxRead }

// Bytes returns the sum of Message.Bytes.
func Bytes(ms []Message) (n int) {
	for _, m := range ms {
		n += m.Bytes()
	}
	return n
}
