package live

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/confab-chat/confab/pkg/id"
)

// Delivery is one event on one topic, on its way to all subscribers. Its fields are
// not changed after it was made.
type Delivery struct {
	Kind Kind
	// Room is the room's name as subscribers know it; empty on the topic of a user.
	Room string
	// ID is the message's for a MessagePosted, otherwise one made for this delivery.
	ID    id.ID
	Event any

	latest  atomic.Pointer[encodedBy] // of encoded, the one asked for last: mostly all ask for the same
	mu      sync.Mutex
	encoded []*encodedBy
}

// Encoding turns a delivery into what a protocol variant writes. It is compared by
// identity: the subscribers of one variant use one Encoding. Encode may be called concurrently.
type Encoding interface {
	Encode(d *Delivery) *Encoded
}

// Encoded is a delivery in the bytes of one protocol variant: Head, then what differs from
// subscriber to subscriber, then Tail. The bytes are shared and must not be changed.
type Encoded struct {
	Head, Tail []byte
}

// Len is the number of shared bytes.
func (e *Encoded) Len() int { return len(e.Head) + len(e.Tail) }

type encodedBy struct {
	by Encoding
	to *Encoded
}

// As returns the delivery in the given encoding, made at the first call and shared
// from then on. It may be called concurrently.
func (d *Delivery) As(by Encoding) *Encoded {
	if e := d.latest.Load(); e != nil && e.by == by {
		return e.to
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.IndexFunc(d.encoded, func(e *encodedBy) bool { return e.by == by })
	if i < 0 {
		i = len(d.encoded)
		d.encoded = append(d.encoded, &encodedBy{by, by.Encode(d)})
	}
	d.latest.Store(d.encoded[i])
	return d.encoded[i].to
}
