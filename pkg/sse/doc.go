// Package sse is event streams: sessions of users of apps, as Server-Sent Events. It is a transport beside pkg/stomp.
//
// A stream brings the messages that wait in the user's mailbox (pkg/inbox), in the order of their ids, and then what comes
// in. It knows the position of the mailbox that it has read up to, so it needs no more than to be woken: the mailbox has what
// came. Messages of chat rooms, and what users of the chat API say, wait nowhere; they, and changes of messages in groups, come
// from the hub (pkg/live).
//
//	server.Open(w, r, sse.Session{Login: login, Device: "phone"})
//
// # What is guaranteed
//
// What is in the mailbox when a stream begins, and what comes in while it is open, is written at least once, and once to one
// stream. The messages that wait at the beginning are in the order of ids, if none of them came more than 16,384 others too
// late. A stream of a user that has a name ends an older one of the same name, on every server. Streams end when what they were
// opened with does: End says so to all servers, and Recheck asks.
//
// A stream is one goroutine that writes and one that waits for the client to go. It takes the connection from net/http if it can.
package sse
