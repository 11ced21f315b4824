package stomp

import (
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/live"
)

// A client may subscribe to a room's messages and to /topic/me. It then receives each message of that room twice. With
// the header skip:open-rooms in its SUBSCRIBE to /topic/me it receives it once: /topic/me leaves out a message that was
// queued for a subscription of the same connection to the room's messages.
//
//  1. The hub delivers a message to a room's subscriptions first, then to those of /topic/me, on one goroutine.
//  2. The first delivery notes the message in conn.posted. The second one skips it only if it is still noted there. If
//     a message of another room came in between, the client receives the message twice.
//  3. An entry of the first delivery is written also if the client unsubscribes meanwhile, because the message is not
//     in /topic/me. So such a client asks for a receipt to UNSUBSCRIBE and takes messages until it comes.

const (
	skipHeader    = "skip"
	skipOpenRooms = "open-rooms"
)

// parseSkip reports whether a client wants to skip messages of open rooms. Unknown values are ignored.
func parseSkip(f *frame, kind live.Kind) (bool, error) {
	v, _, err := f.get(skipHeader)
	return kind == live.User && v == skipOpenRooms, err
}

// skips reports whether the connection has d already.
func (s *subscription) skips(d *live.Delivery) bool {
	if !s.skip || d.Kind != live.User {
		return false
	}
	if _, posted := d.Event.(chat.MessagePosted); !posted {
		return false
	}
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return s.conn.posted == d.ID
}

// enqueueDelivery is enqueue for a delivery.
func (c *conn) enqueueDelivery(e entry, d *live.Delivery) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.skips > 0 && d.Kind == live.Messages {
		if _, posted := d.Event.(chat.MessagePosted); posted {
			c.posted, e.keep = d.ID, true
		}
	}
	c.push(e)
}
