// Package live delivers what happens in rooms to who is listening, on this node
// and on all others.
//
// A Hub implements chat.Publisher. Transports (package stomp) subscribe to topics
// of a room; an event is encoded once for each protocol variant and its bytes are shared
// by all subscribers. Nodes tell each other through a Bus.
//
// The store is the truth and the bus a hint. Each node numbers what it broadcasts and
// beats once a second; whoever misses a number, or a node, reads what it may have
// missed from the store (repair.go), so that a subscriber that stays connected gets every
// message of its rooms once. Each room with subscribers remembers the ids it delivered
// lately, so that a message heard twice is delivered once.
//
// Presence and typing notices live in memory only.
//
// # Wiring
//
//	rooms := chat.NewReader(chat.ReaderOptions{Store: store})
//	hub, err := live.New(live.Options{
//		Bus:     bus, // nil: this process is alone; see live/natsbus
//		History: rooms.History(),
//		Access:  rooms.Admit,
//	})
//	defer hub.Close()
//	service := chat.NewService(chat.Options{Reader: rooms, Publisher: hub, …})
//
// Sessions that end are told with hub.Signal(live.SessionEnded, live.SessionKey(hash)),
// caches are invalidated over all nodes with kinds of their own; see Hub.Signal.
//
// # Nodes that are not on the bus
//
// With a Registry, a hub notices nodes that run on the same store and are not received, because the bus is set up
// wrongly or cut (Hub.Unreachable, registry.go). While there are any, it polls the rooms that have subscribers (poll.go).
//
// # Locks and goroutines
//
// A room belongs to one of 64 shards, each with a lock; delivery to the queues of
// subscribers happens under it. Order of locks: peers, presence, shard, then whatever a
// Subscriber locks. No lock is held while the store or a socket is waited for. A hub has one
// goroutine (tick), with a Registry two more, workers while there is something to repair, and the bus calls it on its own.
package live
