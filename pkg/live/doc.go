// Package live publishes the events of rooms to their subscribers on all nodes.
//
// Its main types, in reading order:
//
//   - Hub implements chat.Publisher. There is one on each node.
//   - Subscriber is what a transport (package stomp) passes to Hub.Subscribe to receive the events of a topic.
//     Subscription is the result.
//   - Delivery is one event on its way to the subscribers of a topic. It is encoded once for each protocol variant. All
//     subscribers share the bytes.
//   - Bus carries the events to the other nodes.
//   - Registry shows which nodes share the store.
//
// # Guarantees
//
// A subscriber that stays connected receives every message of its rooms exactly once.
//
// The store is the truth and the bus a hint. Each node numbers its packets and broadcasts a heartbeat once a second. A
// node that misses a number, or does not receive another node any more, reads from the store what it may have missed
// (repair.go). Each room with subscribers keeps the ids of its recent deliveries, so that a message received twice is
// delivered once.
//
// Presence and typing notices are kept in memory only. They may be lost.
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
// The end of a session is published with hub.Signal(live.SessionEnded, live.SessionKey(hash)). Caches on all nodes are
// invalidated by signals of other kinds; see Hub.Signal.
//
// # Nodes that are not on the bus
//
// With a Registry, a hub detects nodes that use the same store but are not received on the bus, because the bus is
// misconfigured or cut (Hub.Unreachable, registry.go). While there are any, the hub polls the rooms that have
// subscribers (poll.go).
//
// # Locks and goroutines
//
// A room belongs to one of 64 shards. Each shard has a lock. The hub delivers to the queues of subscribers while it
// holds that lock. The order of locks is: peers, presence, shard, then the locks of a Subscriber. The hub holds no lock
// while it waits for the store or a socket.
//
// A hub has one goroutine (tick), and with a Registry two more. It starts workers while there is something to repair.
// The bus calls the hub on a goroutine of the bus.
package live
