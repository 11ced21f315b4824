package live

import "context"

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
	// Broadcast hands data, at most MaxBroadcast bytes, to all other nodes and returns without waiting for
	// them; data may be reused afterwards. It may be called concurrently. An error means that it was not sent.
	Broadcast(data []byte) error
	// Flush waits until what was broadcast has left this process, or ctx is over.
	Flush(ctx context.Context) error
	// Close leaves the bus. Afterwards receive is not called any more.
	Close() error
}

// MaxBroadcast is how much data a Bus takes at once, in bytes.
const MaxBroadcast = 1 << 20
