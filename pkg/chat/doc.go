// Package chat is the domain: users, rooms, participants and messages, the
// rules they follow and the kinds of error that breaking a rule gives.
//
// It knows no HTTP, no database and no socket. What it needs kept it asks of the
// small interfaces in store.go; what happened it tells a Publisher. Everything is
// kept per tenant; the KillrChat API works in DefaultTenant.
package chat
