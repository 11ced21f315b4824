package live

import (
	"context"
	"errors"
)

// Bus carries data between the nodes of a cluster. It is a hint, not a store:
//
//   - Data arrives whole and unaltered. It arrives at each other node at most once.
//   - Data from one node arrives at another in the order of the calls of Broadcast.
//   - Data may be lost when a connection breaks, or when a node is slow or gone. The bus does not report losses. The
//     hub detects them by its own numbers.
//   - A node does not receive its own broadcasts.
//   - A node that has joined receives what is broadcast once it is connected to the others. Nothing is kept for later.
type Bus interface {
	// Join starts reception. The bus calls receive with the data that others broadcast, from one goroutine at a time,
	// until Close returns. receive must not keep data after it has returned. Join is called once, before Broadcast.
	Join(receive func(data []byte)) error
	// Broadcast sends data to all other nodes and returns without waiting for them. The caller may reuse data after
	// that. Broadcast may be called concurrently. An error means that the data was not sent. ErrTooLarge means that
	// the data is larger than the bus allows: MaxBroadcast bytes, or less if the bus is configured so.
	Broadcast(data []byte) error
	// Flush waits until all data broadcast before has left this process, or ctx has ended.
	Flush(ctx context.Context) error
	// Close leaves the bus. receive is not called after Close has returned.
	Close() error
}

// MaxBroadcast is the most bytes that a Bus accepts in one call.
const MaxBroadcast = 1 << 20

// ErrTooLarge is the error of Bus.Broadcast for more data than the bus accepts.
var ErrTooLarge = errors.New("live: too much data for the bus")
