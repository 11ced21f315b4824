// Package chatapi is the main chat API: KillrChat's words at /killrchat and at the
// root, and the same handlers at /api/chat/v1 in the form of today.
//
// A mount chooses paths, status codes and spellings; every rule is pkg/chat's or pkg/auth's.
package chatapi

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/gorilla/mux"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/api/session"
	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
)

const (
	// V1 is where the API has its present form.
	V1 = "/api/chat/v1"
	// Killrchat is where it has KillrChat's; the root has it as well.
	Killrchat = "/killrchat"
)

// lenient lets text out that is no valid UTF-8, with replacement characters.
var lenient = json.JoinOptions(jsontext.AllowInvalidUTF8(true))

// API is the handlers. It may be used concurrently.
type API struct {
	chat     *chat.Service
	live     Live
	accounts *auth.Accounts
	sessions *session.Manager
	officers Officers
	origins  api.Origins
	proxied  bool
	clock    func() time.Time
	log      *slog.Logger
}

// Officers says who administers the server; see auth.Officers.
type Officers interface {
	Is(ctx context.Context, who chat.Identity) (bool, error)
}

// Parts are what an API is made of.
type Parts struct {
	Chat     *chat.Service
	Live     Live
	Accounts *auth.Accounts
	Sessions *session.Manager
	Officers Officers
	Origins  api.Origins
	// Proxied says that a proxy in front of the server writes X-Forwarded-For.
	Proxied bool
	Now     func() time.Time
	Log     *slog.Logger
}

// New returns the API.
func New(p Parts) *API {
	return &API{chat: p.Chat, live: p.Live, accounts: p.Accounts, sessions: p.Sessions, officers: p.Officers, origins: p.Origins, proxied: p.Proxied,
		clock: p.Now, log: p.Log}
}

// mount is one of the places where the API can be reached.
type mount struct {
	*API
	prefix string
	v1     bool
	form   form
}

// Register adds all three mounts to a router, which has to match encoded paths and leave them as they are.
func (a *API) Register(r *mux.Router) {
	v1 := &mount{API: a, prefix: V1, v1: true, form: isoForm}
	v1.register(r.PathPrefix(V1).Subrouter(), v1.v1Routes())
	plain := &mount{API: a, prefix: Killrchat, form: plainForm}
	plain.register(r.PathPrefix(Killrchat).Subrouter(), plain.plainRoutes())
	root := &mount{API: a, form: plainForm}
	root.register(r, root.plainRoutes())
}

// route is one path of a mount. A mount's are looked through in their order: what is asked for most comes first.
type route struct {
	path string
	op   op
	open []string
	// media says that an answer need not be JSON.
	media   bool
	methods map[string]api.Handler
}

type methods = map[string]api.Handler

func (m *mount) plainRoutes() []route {
	post := []string{http.MethodPost}
	return []route{
		{path: "/messages/{room}", op: opRead, methods: methods{"GET": m.listMessages, "POST": m.post}},
		{path: "/messages", op: opRead, methods: methods{"GET": m.listMessages, "POST": m.post}},
		{path: "/users", open: post, methods: methods{"POST": m.signUp}},
		{path: "/users/{login}", methods: methods{"GET": m.getUser}},
		{path: "/authenticate", open: post, methods: methods{"POST": m.authenticate}},
		{path: "/logout", open: []string{"GET", "POST"}, methods: methods{"GET": m.logOut, "POST": m.logOut}},
		{path: "/remember-me", methods: methods{"GET": m.rememberMe}},
		{path: "/rooms", methods: methods{"GET": m.listRooms}},
		{path: "/rooms/participant", op: opJoin, methods: methods{"PUT": m.join, "PATCH": m.leave, "POST": m.createReserved}},
		{path: "/rooms/participant/{room}", op: opJoin, methods: methods{"PUT": m.join, "PATCH": m.leave}},
		{path: "/rooms/{room}", op: opRead, methods: methods{"GET": m.getRoom, "POST": m.createRoom, "PATCH": m.patchRoom}},
	}
}

func (m *mount) v1Routes() []route {
	post := []string{http.MethodPost}
	return []route{
		{path: "/messages/{room}", methods: methods{"GET": m.listMessages, "POST": m.post}},
		{path: "/users", open: post, methods: methods{"GET": m.listUsers, "POST": m.signUp}},
		{path: "/users/{login}", methods: methods{"GET": m.getUser, "PUT": m.putUser, "PATCH": m.patchUser, "DELETE": m.deleteUser}},
		{path: "/users/{login}/password", methods: methods{"PUT": m.putPassword}},
		{path: "/users/{login}/rooms", methods: methods{"GET": m.listStates}},
		{path: "/users/{login}/avatar", media: true, methods: methods{"GET": m.getAvatar, "PUT": m.putAvatar, "DELETE": m.deleteAvatar}},
		{path: "/authenticate", open: post, methods: methods{"POST": m.authenticate}},
		{path: "/logout", open: []string{"GET", "POST"}, methods: methods{"GET": m.logOut, "POST": m.logOut}},
		{path: "/remember-me", methods: methods{"GET": m.rememberMe}},
		{path: "/rooms", methods: methods{"GET": m.listRooms, "POST": m.createRoom}},
		{path: "/rooms/queries", methods: methods{"POST": m.queryRooms}},
		{path: "/rooms/participant/{room}", methods: methods{"PUT": m.join, "PATCH": m.leave, "DELETE": m.leaveSelf}},
		{path: "/rooms/{room}", methods: methods{"GET": m.getRoom, "POST": m.createRoom, "PUT": m.putRoom,
			"PATCH": m.patchRoom, "DELETE": m.deleteRoom}},
		{path: "/rooms/{room}/retention", methods: methods{"PUT": m.putRetention}},
		{path: "/rooms/{room}/participants", methods: methods{"GET": m.listParticipants}},
		{path: "/rooms/{room}/presence", methods: methods{"GET": m.getPresence}},
		{path: "/rooms/{room}/typing", methods: methods{"PUT": m.putTyping}},
		{path: "/rooms/{room}/read", methods: methods{"PUT": m.putRead}},
		{path: "/rooms/{room}/mute", methods: methods{"PUT": m.putMute}},
		{path: "/messages/{room}/changes", methods: methods{"GET": m.listChanges}},
		{path: "/messages/{room}/{message}", methods: methods{"GET": m.getMessage, "PATCH": m.editMessage, "DELETE": m.deleteMessage}},
		{path: "/messages/{room}/{message}/reactions/{emoji}", methods: methods{"PUT": m.react, "DELETE": m.unreact}},
	}
}

func (m *mount) register(r *mux.Router, routes []route) {
	for _, rt := range routes {
		check := m.check
		if rt.media {
			check = m.origins.Check
		}
		r.Handle(rt.path, &api.Resource{
			Methods: rt.methods,
			Open:    rt.open,
			Guard:   m.sessions.Guard,
			Check:   check,
			Fail:    func(w http.ResponseWriter, r *http.Request, err error) { m.fail(w, r, rt.op, err) },
		})
	}
}

func (m *mount) check(r *http.Request) error {
	if err := m.origins.Check(r); err != nil {
		return err
	}
	if m.v1 {
		return api.CheckAccept(r)
	}
	return nil
}

// fail writes an error as this mount does.
func (m *mount) fail(w http.ResponseWriter, r *http.Request, what op, err error) {
	if m.v1 {
		m.FailV1(w, r, err)
		return
	}
	if what == opRead && r.Method == http.MethodPatch {
		what = opDelete // PATCH of a room is its deletion
	}
	m.failPlain(w, r, what, err)
}

// Unknown answers paths that nothing is registered for, with the rules of methods.
func (a *API) Unknown(w http.ResponseWriter, r *http.Request) {
	err := api.NotFound()
	switch {
	case !api.KnownMethod(r.Method):
		err = api.ErrNotImplemented()
	case r.Method == http.MethodOptions && r.RequestURI == "*":
		w.Header().Set("Allow", api.AllMethods)
		w.WriteHeader(http.StatusNoContent)
		return
	case r.Method == http.MethodTrace || r.Method == http.MethodConnect:
		w.Header().Set("Allow", api.AllMethods)
		err = api.ErrMethod()
	}
	if r.URL.Path == "/api" || strings.HasPrefix(r.URL.Path, "/api/") {
		a.FailV1(w, r, err)
		return
	}
	a.failPlain(w, r, opOther, err)
}

// who returns the user of a guarded request.
func who(r *http.Request) chat.Identity {
	l, _ := session.Of(r)
	return l.Identity
}

func (m *mount) ok(w http.ResponseWriter, v any) error {
	contentType := "application/json;charset=UTF-8"
	if m.v1 {
		contentType = "application/json"
	}
	writeJSON(w, http.StatusOK, contentType, v)
	return nil
}

// created answers a creation: nothing on the plain mounts, the thing and where it is on v1.
func (m *mount) created(w http.ResponseWriter, path string, v any) error {
	if !m.v1 {
		return noContent(w)
	}
	w.Header().Set("Location", m.prefix+path)
	writeJSON(w, http.StatusCreated, "application/json", v)
	return nil
}

func noContent(w http.ResponseWriter) error {
	w.WriteHeader(http.StatusNoContent)
	return nil
}
