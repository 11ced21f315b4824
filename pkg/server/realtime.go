package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/gorilla/mux"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/api/chatapi"
	"github.com/confab-chat/confab/pkg/api/session"
	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/live"
	"github.com/confab-chat/confab/pkg/live/natsbus"
	"github.com/confab-chat/confab/pkg/stomp"
)

// Cluster says how this node talks to others. The zero value is a node that is alone.
type Cluster struct {
	// Listen is where the embedded bus waits for other nodes, host:port.
	Listen string
	// Routes are other nodes' Listen, as nats:// URLs; one that is reachable is enough.
	Routes []string
	// NATS is the URL of an outside bus; nothing is embedded then.
	NATS string
}

// clusterSecret is the name under which the secret that nodes show each other is kept: who shares the store
// shares it.
const clusterSecret = "cluster"

// startBus returns the bus to the other nodes; nil for a node that is alone.
func startBus(ctx context.Context, c Config, secrets auth.SecretStore) (*natsbus.Bus, error) {
	if c.Cluster.NATS == "" && c.Cluster.Listen == "" {
		return nil, nil
	}
	candidate := make([]byte, 32)
	_, _ = rand.Read(candidate) // never fails
	secret, err := secrets.Secret(ctx, clusterSecret, candidate)
	if err != nil {
		return nil, err
	}
	return natsbus.Start(natsbus.Options{URL: c.Cluster.NATS, ClusterListen: c.Cluster.Listen,
		ClusterRoutes: c.Cluster.Routes, Secret: hex.EncodeToString(secret), Log: c.Log})
}

// Kinds of the signals by which nodes tell each other that something they may remember is over.
const (
	roomChanged   = "room"
	memberChanged = "member"
)

// history is what the hub reads. The hub is there before the domain is, but reads nothing before somebody has subscribed.
type history struct{ node *Node }

func (h history) Older(ctx context.Context, p chat.Place, than id.ID, limit int) ([]chat.Message, error) {
	return h.node.Chat.History().Older(ctx, p, than, limit)
}

func (h history) Newer(ctx context.Context, p chat.Place, than id.ID, inclusive bool, limit int) ([]chat.Message, error) {
	return h.node.Chat.History().Newer(ctx, p, than, inclusive, limit)
}

func (h history) MessagesByID(ctx context.Context, p chat.Place, ids []id.ID) (map[id.ID]chat.Message, error) {
	return h.node.Chat.History().MessagesByID(ctx, p, ids)
}

func (h history) Changes(ctx context.Context, p chat.Place, after id.ID, limit int) ([]chat.MessageChange, error) {
	return h.node.Chat.History().Changes(ctx, p, after, limit)
}

// listenForChanges makes what other nodes change known to this node's memory.
func listenForChanges(hub *live.Hub, service *chat.Service, sessions *auth.Sessions) {
	hub.OnSignal(roomChanged, service.ForgetRoom)
	hub.OnSignal(memberChanged, service.ForgetMember)
	hub.OnSignal(live.SessionEnded, func(key string) {
		var h auth.Hash
		if n, err := hex.Decode(h[:], []byte(key)); err == nil && n == len(h) {
			sessions.Forget(h)
		}
	})
}

// registerRealtime adds the sockets: STOMP over WebSocket, and over SockJS.
func (n *Node) registerRealtime(r *mux.Router, a *chatapi.API, m *session.Manager, o api.Origins) {
	raw := n.sockets.WebSocket(chatapi.ISO)
	r.Handle(chatapi.V1+"/stomp", &api.Resource{
		Methods: map[string]api.Handler{"GET": serveSocket(raw)},
		Guard:   m.Guard, Check: o.CheckSocket, Fail: a.FailV1,
	})
	for _, prefix := range []string{chatapi.Killrchat + "/chat", "/chat"} {
		sockJS := n.sockets.SockJS(prefix, chatapi.Plain)
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
