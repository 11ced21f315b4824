package chat

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"github.com/confab-chat/confab/pkg/id"
)

// ChangeKind is what happened to a message. The texts are part of the API, and kept.
type ChangeKind string

// The changes of a message.
const (
	Edit   ChangeKind = "edit"
	Delete ChangeKind = "delete"
	React  ChangeKind = "react"
)

// Change is what is to be done about a message. The zero Change does nothing.
type Change struct {
	Kind ChangeKind
	ID   id.ID  // dates the change and is its entry's ID in ChangesOf
	By   Person // who does it

	Content string // of an edit
	// A reaction of By.Login: Emoji is set (On) or taken back.
	Emoji string
	On    bool
	// Forget takes a reaction back without a trace: it does not count as withdrawn.
	Forget bool
}

// ChangesOf returns the log of what happened to the messages of l: an entry for each change, in the order of
// their IDs. Its ID is that of l with another multicast bit in the node (RFC 9562, 6.10). Ids made here
// always have that bit set, so no log of messages has that ID.
func ChangesOf(l Log) Log {
	l.ID[10] ^= 0x01
	return l
}

// Entry is the entry of a change in ChangesOf.
func (c Change) Entry(m id.ID) Message {
	return Message{ID: c.ID, Author: c.By, Content: string(c.Kind) + " " + m.String(), System: true}
}

// ParseEntry returns what an entry of ChangesOf says; false if it is none.
func ParseEntry(entry Message) (kind ChangeKind, m id.ID, ok bool) {
	k, text, _ := strings.Cut(entry.Content, " ")
	m, err := id.Parse(text)
	return ChangeKind(k), m, err == nil
}

// EditedAt returns when a message counts as edited by the change of that ID.
func EditedAt(change id.ID) time.Time { return change.Time().Truncate(time.Millisecond) }

// Reaction is an emoji with those who reacted with it.
type Reaction struct {
	Emoji  string
	Logins []string // who reacted first comes first
}

// ReactionBy is one reaction of one user.
type ReactionBy struct {
	Emoji, Login string
	At           int64 // microseconds since 1970
}

// GroupReactions returns reactions by emoji, in the order in which they were first used as far as that still
// stands; what is of one moment is ordered by bytes. It changes rs.
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

// Digest tells two new messages under one Idempotency-Key apart: what is said, and in answer to what.
func (m Message) Digest() [32]byte {
	s := m.Content
	if !m.ReplyTo.IsZero() {
		s += "\x00" + string(m.ReplyTo[:]) // no content has a NUL
	}
	return sha256.Sum256([]byte(s))
}
