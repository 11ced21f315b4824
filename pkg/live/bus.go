package live

import (
	"context"
	"errors"
)

// Bus carries data between the nodes of a cluster. It is a hint, not a store:
//
//   - Data that arrives is whole and unaltered, and arrives at each other node at most once.
//   - What one node broadcasts arrives at another in the order of the calls of Broadcast.
//   - Data may be lost: when a connection breaks, when a node is slow or gone. Losses are not
//     reported; the hub finds them by its own numbering.
//   - A node does not hear itself.
//   - A node that has joined hears what is broadcast after connections to the others stand;
//     nothing is kept for later.
type Bus interface {
	// Join starts reception: receive is called with what others broadcast, by one goroutine at a
	// time, until Close returns. It must not keep data after it returned. Join is called once, before Broadcast.
	Join(receive func(data []byte)) error
	// Broadcast hands data to all other nodes and returns without waiting for them; data may be reused afterwards. It may
	// be called concurrently. An error means that it was not sent. ErrTooLarge means that less data would be sent: above
	// MaxBroadcast bytes always, above less where the bus is set up so.
	Broadcast(data []byte) error
	// Flush waits until what was broadcast has left this process, or ctx is over.
	Flush(ctx context.Context) error
	// Close leaves the bus. Afterwards receive is not called any more.
	Close() error
}

// MaxBroadcast is the most data that a Bus takes in one call, in bytes.
const MaxBroadcast = 1 << 20

// ErrTooLarge is the error of Bus.Broadcast for more data than the bus takes.
var ErrTooLarge = errors.New("live: too much data for the bus")
