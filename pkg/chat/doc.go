// Package chat is the domain: users, rooms, participants and messages, the rules they follow, and the kinds of error
// that breaking a rule gives.
//
// A Service has the use cases that change data. A Reader reads rooms and caches who may use them. Both store data
// through the small interfaces in store.go (Stores). A Service publishes each change as an Event through a Publisher.
// Methods return errors of type Error.
//
// The package guarantees that a change is durable when its method returns without an error, and that subscribers on a
// node receive that node's events of a room in the order of their ids (see order).
//
// The package has no HTTP, no database and no socket. All data belong to a Tenant; the KillrChat API uses
// DefaultTenant.
package chat
