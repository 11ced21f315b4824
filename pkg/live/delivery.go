package live

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// Delivery is one event on one topic, on its way to all subscribers. Its exported fields do not change.
type Delivery struct {
	Kind Kind
	// Room is the room's name as subscribers know it; empty on the topic of a user.
	Room string
	// ID is the message's for a MessagePosted and the change's for a MessageChanged. For other events it is made for
	// this delivery.
	ID    id.ID
	Event any

	latest  atomic.Pointer[encodedBy] // the one of encoded that was used last: most calls of As want the same
	mu      sync.Mutex
	encoded []*encodedBy
}

// bytes returns about how many bytes the texts of d take.
func (d *Delivery) bytes() int {
	switch e := d.Event.(type) {
	case chat.MessagePosted:
		return e.Message.Bytes()
	case chat.MessageChanged:
		return e.Message.Bytes()
	}
	return 0
}

// Encoding encodes deliveries for a protocol variant. Encodings are compared by identity, so all subscribers of a
// variant must use the same one. Encode may be called concurrently.
type Encoding interface {
	Encode(d *Delivery) *Encoded
}

// Encoded is a delivery in the bytes of one protocol variant. A transport writes Head, then the subscriber's own part,
// then Tail. The bytes are shared and must not be changed.
type Encoded struct {
	Head, Tail []byte
}

// Len is the number of shared bytes.
func (e *Encoded) Len() int { return len(e.Head) + len(e.Tail) }

type encodedBy struct {
	by Encoding
	to *Encoded
}

// As returns the delivery in the given encoding. The first call encodes it; later calls return the same result. As may
// be called concurrently.
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
