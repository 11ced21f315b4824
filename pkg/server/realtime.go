package server

import (
	"context"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/gorilla/mux"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/api/chatapi"
	"github.com/confab-chat/confab/pkg/api/session"
	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/live"
	"github.com/confab-chat/confab/pkg/stomp"
)

// Kinds of the signals by which nodes tell each other that something they may remember is over.
const (
	roomChanged   = "room"
	memberChanged = "member"
)

// listenForChanges makes what other nodes change known to this node's memory.
func listenForChanges(hub *live.Hub, rooms *chat.Reader, sessions *auth.Sessions) {
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
	raw := sockets.WebSocket(chatapi.ISO)
	r.Handle(chatapi.V1+"/stomp", &api.Resource{
		Methods: map[string]api.Handler{"GET": serveSocket(raw)},
		Guard:   m.Guard, Check: o.CheckSocket, Fail: a.FailV1,
	})
	for _, prefix := range []string{chatapi.Killrchat + "/chat", "/chat"} {
		sockJS := sockets.SockJS(prefix, chatapi.Plain)
		res := &api.Resource{
			Methods: map[string]api.Handler{"GET": serveSocket(sockJS), "POST": serveSocket(sockJS)},
			Guard:   m.Guard, Fail: a.Fail,
			Check: func(r *http.Request) error {
				if greets(r.URL.Path, prefix) {
					return o.Check(r)
				}
				return o.CheckSocket(r)
			},
		}
		r.Handle(prefix, res)
		r.PathPrefix(prefix + "/").Handler(res)
	}
}

// greets reports whether a SockJS path is no transport: it says only what the server can do.
func greets(path, prefix string) bool {
	rest := strings.Trim(strings.TrimPrefix(path, prefix), "/")
	return rest == "" || rest == "info"
}

func serveSocket(h http.Handler) api.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		h.ServeHTTP(w, r)
		return nil
	}
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

// keepAlive keeps the session of an open socket alive.
func keepAlive(sessions *auth.Sessions) func(context.Context, auth.Hash) error {
	return func(ctx context.Context, h auth.Hash) error {
		if h.IsZero() {
			return nil // a socket opened with an API token has no session
		}
		_, err := sessions.Find(ctx, h)
		return err
	}
}

var _ stomp.Encoder = chatapi.Encoder{}
