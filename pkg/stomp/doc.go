// Package stomp speaks STOMP 1.0, 1.1 and 1.2 with clients, over plain WebSockets
// and over SockJS, and delivers what a live.Hub tells it.
//
// # Wiring
//
//	rt := stomp.NewServer(stomp.Options{
//		Hub:       hub,
//		Login:     func(r *http.Request) (auth.Login, bool) { … }, // from the request's context
//		KeepAlive: func(ctx context.Context, h auth.Hash) error { _, err := sessions.Find(ctx, h); return err },
//		Refuse:    …, // the dialect's error answers
//	})
//	mux.Handle("/api/chat/v1/stomp", rt.WebSocket(bodiesV))
//	mux.PathPrefix("/killrchat/chat").Handler(rt.SockJS("/killrchat/chat", bodiesK))
//	mux.PathPrefix("/chat").Handler(rt.SockJS("/chat", bodiesK))
//
// Middleware before these handlers checks Origin (nothing here does) and the login. Behind it nothing may
// buffer or compress responses, and wrapped ResponseWriters need Unwrap, for http.ResponseController.
// There must be no http.Server.WriteTimeout for the streaming transports; write deadlines are set here.
//
// A session that ends is told with hub.Signal(live.SessionEnded, live.SessionKey(hash)): its sockets are
// closed on every node.
//
// Shutting down: http.Server.Shutdown does not know of hijacked connections, and waits for polls. So: rt.Drain(ctx),
// while new requests still are answered (with 503), then Shutdown, rt.Close, hub.Close, the bus's Close.
//
// # Locks and goroutines
//
// A WebSocket has one goroutine, which reads; a second one writes while there is something to write. One
// goroutine of the server looks after the time of all connections and one keeps their sessions alive. A conn's lock comes
// after the hub's; nothing of the hub is called while it is held.
package stomp
