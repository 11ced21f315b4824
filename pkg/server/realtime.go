package server

import (
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/gorilla/mux"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/api/chatapi"
	"github.com/confab-chat/confab/pkg/api/session"
	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/cache"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/live"
	"github.com/confab-chat/confab/pkg/stomp"
)

// Kinds of the signals by which nodes invalidate what other nodes may have cached.
const (
	roomChanged   = "room"
	memberChanged = "member"
	// jobBegun is the kind of signals that a job was begun; see jobs.Queue.
	jobBegun = "job"
	// announced is the kind of signals with what a node's store announces.
	announced = "announced"
)

// listenForChanges makes what other nodes change known to this node's memory.
func listenForChanges(hub *live.Hub, watcher *cache.Watcher, rooms *chat.Reader, sessions *auth.Sessions) {
	hub.OnSignal(announced, watcher.Hear)
	hub.OnSignal(roomChanged, rooms.ForgetRoom)
	hub.OnSignal(memberChanged, rooms.ForgetMember)
	hub.OnSignal(live.SessionEnded, func(key string) {
		var h auth.Hash
		if n, err := hex.Decode(h[:], []byte(key)); err == nil && n == len(h) {
			sessions.Forget(h)
		}
	})
	hub.OnSignal(live.AccountEnded, func(key string) { sessions.ForgetAccount(live.AccountOf(key)) })
}

// registerRealtime adds the sockets: STOMP over WebSocket, and over SockJS.
func registerRealtime(r *mux.Router, sockets *stomp.Server, a *chatapi.API, m *session.Manager, o api.Origins) {
	// A page can read what arrives on a socket or stream that it opened. So foreign pages may open none.
	own := func(r *http.Request, _ api.Operation) error { return o.CheckSocket(r) }
	open := func(r *http.Request, _ api.Operation) error { return o.Check(r) }
	socket := stompRoute
	socket.Operations = api.Operations{"GET": serving(socket.Operations["GET"], sockets.WebSocket(chatapi.ISO))}
	r.Handle(chatapi.V1+socket.Path, &api.Resource{Route: socket, Guard: m.Guard, Check: own, Fail: a.FailV1})
	for _, prefix := range []string{chatapi.Killrchat + "/chat", "/chat"} {
		sockJS := sockets.SockJS(prefix, chatapi.Plain)
		handle := func(path, method string, op api.Operation, check func(*http.Request, api.Operation) error) {
			route := api.Route{Path: prefix + path, Operations: api.Operations{method: serving(op, sockJS)}}
			r.Handle(route.Path, &api.Resource{Route: route, Guard: m.Guard, Check: check, Fail: a.Fail})
		}
		for _, greeting := range []string{"", "/", "/info"} {
			handle(greeting, "GET", api.Operation{Cache: api.AsServed}, open)
		}
		for transport, method := range stomp.Transports {
			handle("/{server}/{session}/"+transport, method, api.Operation{Cache: api.AsServed, Acts: transport == "eventsource"}, own)
		}
		r.PathPrefix(prefix + "/").Handler(&api.Resource{Route: api.Route{Operations: api.Operations{"GET": serving(api.Operation{}, sockJS)}},
			Guard: m.Guard, Check: own, Fail: a.Fail})
	}
}

// stompRoute is the address of STOMP over WebSocket, below chatapi.V1.
var stompRoute = api.Route{Path: "/stomp", Operations: api.Operations{
	"GET": {ID: "stomp", AnyType: true, Cache: api.AsServed, Answers: api.Is(101, 403, 426, 429)},
}}

// serving returns an operation that is served by h. HEAD opens no socket: it is answered as a request without Upgrade.
func serving(op api.Operation, h http.Handler) api.Operation {
	op.Serve = func(w http.ResponseWriter, r *http.Request) error {
		if r.Method == http.MethodHead && r.Header.Get("Upgrade") != "" {
			r = r.Clone(r.Context())
			r.Header.Del("Upgrade")
		}
		h.ServeHTTP(w, r)
		return nil
	}
	return op
}

// refuse answers for the sockets in the words of the mount.
func refuse(a *chatapi.API) func(http.ResponseWriter, *http.Request, int, string) {
	return func(w http.ResponseWriter, r *http.Request, status int, message string) {
		err := &api.HTTPError{Status: status, Message: message}
		if strings.HasPrefix(r.URL.Path, chatapi.V1) {
			a.FailV1(w, r, err)
			return
		}
		a.Fail(w, r, err)
	}
}

var _ stomp.Encoder = chatapi.Encoder{}
