package chat

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"github.com/confab-chat/confab/pkg/id"
)

// ChangeKind is the kind of a change of a message. The texts are part of the API and are stored.
type ChangeKind string

// The changes of a message.
const (
	Edit   ChangeKind = "edit"
	Delete ChangeKind = "delete"
	React  ChangeKind = "react"
)

// Change is a change to apply to a message. The zero Change changes nothing.
type Change struct {
	Kind ChangeKind // not that of the Payload, which is the message's
	ID   id.ID      // dates the change and is its entry's ID in ChangesOf
	By   Person     // the user who makes the change

	// Content and Payload are those of the message after an edit.
	Content string
	Payload
	// A reaction of By.Login: Emoji is set (On) or withdrawn.
	Emoji string
	On    bool
	// Forget withdraws a reaction without a trace: it does not count as Withdrawn.
	Forget bool
}

// ChangesOf returns the log of the changes of the messages of l: an entry for each change, ordered by the changes' IDs.
// Its ID is that of l with the multicast bit of the node inverted (RFC 9562, 6.10). Ids made by this server always have
// that bit set, so no log of messages has that ID.
func ChangesOf(l Log) Log {
	l.ID[10] ^= 0x01
	return l
}

// Entry returns the entry in ChangesOf for the change c of message m.
func (c Change) Entry(m id.ID) Message {
	return Message{ID: c.ID, Author: c.By, Content: string(c.Kind) + " " + m.String(), System: true}
}

// ParseEntry returns the kind and the message of an entry of ChangesOf; false if it cannot be read.
func ParseEntry(entry Message) (kind ChangeKind, m id.ID, ok bool) {
	k, text, _ := strings.Cut(entry.Content, " ")
	m, err := id.Parse(text)
	return ChangeKind(k), m, err == nil
}

// EditedAt returns Message.EditedAt for an edit with that ID.
func EditedAt(change id.ID) time.Time { return change.Time().Truncate(time.Millisecond) }

// Reaction is an emoji with the users who reacted with it.
type Reaction struct {
	Emoji  string
	Logins []string // in the order in which they reacted
}

// ReactionBy is one reaction of one user.
type ReactionBy struct {
	Emoji, Login string
	At           int64 // microseconds since 1970
}

// GroupReactions groups reactions by emoji. Emojis are ordered by their oldest reaction in rs, reactions of the same
// moment by bytes. It changes rs.
func GroupReactions(rs []ReactionBy) []Reaction {
	slices.SortFunc(rs, func(a, b ReactionBy) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Emoji, b.Emoji), cmp.Compare(a.Login, b.Login))
	})
	var out []Reaction
	for _, r := range rs {
		i := slices.IndexFunc(out, func(x Reaction) bool { return x.Emoji == r.Emoji })
		if i < 0 {
			i = len(out)
			out = append(out, Reaction{Emoji: r.Emoji})
		}
		out[i].Logins = append(out[i].Logins, r.Login)
	}
	return out
}

// Reacted reports whether a login has reacted with an emoji.
func (m Message) Reacted(login, emoji string) bool {
	return slices.ContainsFunc(m.Reactions, func(r Reaction) bool {
		return r.Emoji == emoji && slices.Contains(r.Logins, login)
	})
}

// Digest distinguishes new messages under one Idempotency-Key: it covers the content, the message that is answered and the
// payload.
func (m Message) Digest() [32]byte {
	s := m.Content
	if !m.ReplyTo.IsZero() {
		s += "\x00" + string(m.ReplyTo[:]) // no content has a NUL
	}
	if !m.Payload.Plain() {
		s += "\x00payload\x00" + m.Payload.Encode()
	}
	return sha256.Sum256([]byte(s))
}
