// Package stomp serves STOMP 1.0, 1.1 and 1.2 to clients, over plain WebSockets and over SockJS. Clients subscribe to
// the topics of a live.Hub and receive its events as MESSAGE frames.
//
// Its main types, in reading order: Server has the HTTP handlers and all connections of this node. Options configure
// it. An Encoder writes the bodies of MESSAGE frames.
//
// A connected client receives every message of a subscription once, in the order in which the hub delivers them. Each
// connection has a bounded queue. A client that reads so slowly that its queue is full is disconnected; it may connect
// again and resume.
//
// # Wiring
//
//	rt := stomp.NewServer(stomp.Options{
//		Hub:       hub,
//		Login:     func(r *http.Request) (auth.Login, bool) { … }, // from the request's context
//		KeepAlive: func(ctx context.Context, l auth.Login) error { _, err := sessions.Find(ctx, l.Session); return err },
//		Refuse:    …, // the dialect's error answers
//	})
//	mux.Handle("/api/chat/v1/stomp", rt.WebSocket(bodiesV))
//	mux.PathPrefix("/killrchat/chat").Handler(rt.SockJS("/killrchat/chat", bodiesK))
//	mux.PathPrefix("/chat").Handler(rt.SockJS("/chat", bodiesK))
//
// Middleware in front of these handlers must check Origin and the login. This package does not check Origin. Nothing
// may buffer or compress the responses. Wrapped ResponseWriters need Unwrap, for http.ResponseController.
// http.Server.WriteTimeout must not be set, because of the streaming transports. This package sets write deadlines.
//
// The end of a session is published with hub.Signal(live.SessionEnded, live.SessionKey(hash)). Every node then closes
// the session's sockets.
//
// # Shutting down
//
// http.Server.Shutdown ignores hijacked connections, and waits for polls. First call rt.Drain(ctx): new requests are
// still answered meanwhile, with 503. Then call Shutdown, rt.Close, hub.Close and the bus's Close.
//
// # Locks and goroutines
//
// A WebSocket has one goroutine, which reads. What is queued for it is written by the server's writers, a few
// goroutines for all WebSockets, or by a second goroutine of its own while its client is slow. One goroutine of the
// server checks the timeouts of all connections. Another one keeps their sessions alive.
//
// The lock of a conn is taken after those of the hub. The hub is not called while it is held.
package stomp
