// Package client is a client of confab's API for programs: rooms, users, messages, and what happens in rooms as it happens.
//
// Its main types, in reading order: a Client calls the API of one server as one user. Live is its connection for what
// happens; a Subscription delivers the events of one room, Notices what happens in all rooms of the user. An Error is what
// the server refuses. The package's example is a bot that answers.
//
//	c, err := client.New("https://chat.example.org", client.WithPassword("pong-bot", password))
//	m, err := c.Post(ctx, "lounge", "Hello")
//	for m, err := range c.MessagesBefore(ctx, "lounge", client.ID{}) { … } // newest first
//
//	live := c.Live()
//	defer live.Close()
//	s, err := live.Subscribe(ctx, "lounge")
//	for e, err := range s.Events(ctx) { … }
//
// # Requests
//
// A request that had no answer, or one that says to try later (408, 429, 502, 503, 504), is repeated for a minute with
// growing pauses, not before the time that the server asks for. This is done only where twice is as good as once: everything
// but CreateRoom, SignUp and Call with POST, which are repeated after 429 alone. Post sends an Idempotency-Key. Contexts
// bound a call with all its tries. With a password, a session that has ended is renewed and the request sent again.
//
// # What a subscription guarantees
//
// Every event of the room that becomes visible after Subscribe was called is returned by Next, as long as the user is in the
// room: over lost connections, restarts of servers, and however slow the program is. After a connection was lost the client
// resumes ten seconds before the last event and drops what it has returned already; where the server has no more to replay it
// reads pages. The server's request to connect elsewhere, because it restarts, is followed.
//
// Each message is returned once. The last 8192 events are remembered, and those of the last twenty seconds: a message could
// come twice only if servers had been cut off from each other for longer, in a room as busy as that.
//
// Messages come in the order in which the server delivers them: those of one author in the order of their ids, and those of
// all authors too if one server serves the room. With several servers, a message may become visible some seconds after
// newer ones. Programs that show messages sort them by ID.
//
// Changes come once as well, with the message as it is then. A change may be left out if its message was not returned yet:
// the message then shows it.
//
// A subscription holds at most 1024 events for its consumer. When there are more, they are dropped and read from the server
// when the consumer has got so far. One slow consumer delays no other.
//
// Guarantees end with the process. A program that goes on after a restart keeps the ID of the last event, and uses After.
package client
