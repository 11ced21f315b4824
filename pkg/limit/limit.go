// Package limit bounds how much a user, or an address, may do. What is limited is a Kind; Limits counts and says how long
// to wait. Whoever does something for a user asks first:
//
//	if wait := limits.Take(limit.Of(limit.Posts, login)); wait > 0 { … }
//
// Each server counts for itself. Buckets, on which Limits stands, is for those with rates of their own.
package limit

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Kind is something that is limited. Its text is its name in the settings.
type Kind string

// What is limited. Connections, Sockets and Subscriptions are numbers at the same time, the others rates.
const (
	SignUps          Kind = "sign-ups" // of an address
	Posts            Kind = "posts"
	Edits            Kind = "edits" // and deletions of messages
	Reactions        Kind = "reactions"
	MessageReactions Kind = "message-reactions" // of a user to one message
	Typing           Kind = "typing"
	Reads            Kind = "reads" // changes of read positions
	Joins            Kind = "joins" // leaves and removals too
	Rooms            Kind = "rooms" // that are created
	Changes          Kind = "changes"
	Uploads          Kind = "uploads"
	Connections      Kind = "connections" // of an address, on the listener
	Sockets          Kind = "sockets"
	Subscriptions    Kind = "subscriptions"
	Subscribes       Kind = "subscribe"
)

// rates has the default rate of each kind that is one, numbers the default of the others.
var (
	rates = map[Kind]Rate{
		SignUps: {100, time.Hour},
		Posts:   {300, time.Minute}, Edits: {300, time.Minute}, Reactions: {300, time.Minute}, MessageReactions: {30, time.Minute},
		Typing: {300, time.Minute}, Reads: {600, time.Minute}, Joins: {120, time.Minute}, Rooms: {60, time.Hour},
		Changes: {120, time.Minute}, Uploads: {20, time.Minute},
		Subscribes: {6000, time.Minute}, // more than there may be at the same time: all come again when a connection was lost
	}
	numbers = map[Kind]int{Connections: 2000, Sockets: 200, Subscriptions: 5000}
)

// Kinds returns all kinds, ascending.
func Kinds() []Kind {
	return slices.Sorted(maps.Keys(Defaults()))
}

// Set says how much of each kind is allowed; 0 is any number.
type Set map[Kind]int

// Defaults returns what is allowed of each kind unless somebody says otherwise.
func Defaults() Set {
	s := Set{}
	for k, r := range rates {
		s[k] = r.Most
	}
	maps.Copy(s, numbers)
	return s
}

// Limits counts what is done. The nil Limits allows everything. It may be used concurrently.
type Limits struct {
	most    Set
	buckets *Buckets
}

// New returns limits that allow what set says, and any number of the kinds that it does not name. They count
// that many keys; see Buckets. Close ends them.
func New(set Set, now func() time.Time, keys int) *Limits {
	return &Limits{most: set, buckets: NewBuckets(now, keys)}
}

// Close stops the background work.
func (l *Limits) Close() { l.buckets.Close() }

// Most returns how much is allowed of a kind; 0 is any number.
func (l *Limits) Most(k Kind) int {
	if l == nil {
		return 0
	}
	return l.most[k]
}

// Action is something that is about to be done by or to somebody, which the key names.
type Action struct {
	Kind Kind
	key  string
}

// Of returns the action of a kind for a key, which may have several parts.
func Of(k Kind, key ...string) Action { return Action{k, strings.Join(key, "\x00")} }

// Take counts actions. If one of them is not possible now, it counts none and returns how long to wait for all.
func (l *Limits) Take(actions ...Action) (wait time.Duration) {
	if l == nil {
		return 0
	}
	uses := make([]Use, len(actions))
	for i, a := range actions {
		uses[i] = Use{Key: string(a.Kind) + "\x00" + a.key, Rate: Rate{Most: l.most[a.Kind], Per: rates[a.Kind].Per}}
	}
	_, wait = l.buckets.Reserve(uses...)
	return wait
}
