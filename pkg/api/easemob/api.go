// Package easemob is the REST API of the platform, as clients of Easemob know it: /{org}/{app}/… for the apps of
// organisations, and /management/… for the organisations themselves. It translates; the rules are in pkg/tenant and
// pkg/account.
package easemob

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/audit"
	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/callbacks"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/files"
	"github.com/confab-chat/confab/pkg/inbox"
	"github.com/confab-chat/confab/pkg/limit"
	"github.com/confab-chat/confab/pkg/people"
	"github.com/confab-chat/confab/pkg/seal"
	"github.com/confab-chat/confab/pkg/sse"
	"github.com/confab-chat/confab/pkg/tenant"
)

// Kinds are the kinds of tokens that the API accepts. All others are invalid here.
var Kinds = []auth.TokenKind{auth.AppToken, auth.UserToken, auth.ManagementToken}

// Officers says who administers the server; see auth.Officers.
type Officers interface {
	Is(ctx context.Context, who chat.Identity) (bool, error)
}

// Live is the part of the hub that the API uses.
type Live interface {
	// ConnectedOf returns which of the logins are connected, over all nodes.
	ConnectedOf(t chat.Tenant, logins []string) map[string]bool
	// Devices returns the names of the streams of a user, over all nodes.
	Devices(who chat.Identity) []string
}

// Parts are what an API is made of.
type Parts struct {
	Tenants  *tenant.Service
	Accounts *account.Service
	// People keeps contacts, blocks, mutes and settings of notifications.
	People *people.Service
	Live   Live
	// Boxes are the mailboxes of the app's users.
	Boxes *inbox.Service
	// Callbacks tell the apps' own servers what happens.
	Callbacks *callbacks.Service
	// Streams are the client sessions.
	Streams *sse.Server
	// Chat are the users of the chat API, as the default app shows them.
	Chat *account.Chat
	// Chats has what is said and done in rooms; Rooms lists groups and chat rooms.
	Chats *chat.Service
	Rooms *tenant.Rooms
	// Files keeps what is sent beside texts.
	Files *files.Service
	// Admins checks the passwords of the server's own administrators.
	Admins   *auth.Accounts
	Officers Officers
	// Tokens are those of Kinds.
	Tokens *auth.Tokens
	// Box makes cursors that only the server can have made.
	Box *seal.Box
	// Trail notes what is done to organisations, apps and their administrators.
	Trail *audit.Trail
	// SignUps counts who registers without a token, by address, with the sign-ups of the chat API.
	SignUps *limit.Limits
	// Limits counts calls. NoLimits switches off the limits that an app has not set itself.
	Limits   *limit.Buckets
	NoLimits bool
	// Servers returns how many servers are up: each gives out its share of a limit.
	Servers func() int
	// OpenRegistration lets everybody make organisations.
	OpenRegistration bool
	// RequireTLS refuses calls with secrets that do not come over TLS; Proxied says that a proxy tells how they came.
	RequireTLS, Proxied bool
	Now                 func() time.Time
	Log                 *slog.Logger
}

// API serves the platform. It may be used concurrently.
type API struct {
	Parts
	// second and minute count messages.
	second, minute *limit.Windows
}

// New returns the API.
func New(p Parts) *API {
	return &API{p, limit.NewWindows(p.Now, time.Second), limit.NewWindows(p.Now, time.Minute)}
}

// rights say who may call an operation. What they do not name is refused.
type rights int

const (
	// byApp is the app itself, an administrator of its organisation or of the server.
	byApp rights = iota
	// byUser is byApp, and the user whom the path names.
	byUser
	// bySelf is the user whom the path names, and nobody else.
	bySelf
	// byMember is byApp, and any user of the app. What they may do says the domain.
	byMember
	// byAnybody is for calls that check what they are given by themselves.
	byAnybody
	// byServer is an administrator of the server.
	byServer
	// byOrganisation is byServer, and an administrator of the organisation that the path names.
	byOrganisation
	// byAdmin is any administrator.
	byAdmin
)

// operation is what serves a method of a path.
type operation struct {
	by    rights
	serve func(c *call) error
	// limit names the limit that the operation shares with others; empty: one of its own.
	limit string
	// secret says that the answer carries a secret, anyType that it need not be JSON.
	secret, anyType bool
}

// route is a path with its operations by method. A collection's path may also end in a slash.
type route struct {
	path       string
	collection bool
	methods    map[string]operation
}

// Register adds the API to a router. It has to come after what has paths of its own.
func (a *API) Register(r *mux.Router) {
	for _, rt := range a.management() {
		a.mount(r, rt.path, rt, false)
	}
	r.PathPrefix("/management").Handler(a.resource(route{path: "/management/"}, false, a.unknown))
	for _, rt := range a.links() {
		a.mount(r, rt.path, rt, false)
	}
	apps := r.MatcherFunc(func(r *http.Request, _ *mux.RouteMatch) bool { return appPath(r.URL.EscapedPath()) }).Subrouter()
	for _, rt := range a.apps() {
		a.mount(apps, "/{org}/{app}"+rt.path, rt, true)
	}
	apps.PathPrefix("/{org}/{app}").Handler(a.resource(route{}, true, a.unknown))
}

// apps are the routes below an app.
func (a *API) apps() []route {
	return slices.Concat(a.users(), a.contacts(), a.mutes(), a.notifications(), a.rooms(), a.attributes(), a.messages(), a.history(), a.chatfiles(), a.mailbox(), a.callbacks(), a.streams())
}

// appPath reports whether a path is that of an app: its first segment may be the name of an organisation.
func appPath(path string) bool {
	first, rest, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return ok && rest != "" && tenant.ValidOrganisation(first)
}

func (a *API) mount(r *mux.Router, path string, rt route, ofApp bool) {
	h := a.resource(rt, ofApp, nil)
	r.Handle(path, h)
	if rt.collection {
		r.Handle(path+"/", h)
	}
}

// unknown answers paths that do not exist. A token that is good nowhere here learns nothing, not even that.
func (a *API) unknown(c *call) error {
	if err := a.authenticate(c); err != nil {
		return err
	}
	return errPath()
}

// resource returns the handler of a route. all, if set, serves every method of it.
func (a *API) resource(rt route, ofApp bool, all func(*call) error) http.Handler {
	ops := api.Operations{}
	methods := rt.methods
	if all != nil {
		methods = map[string]operation{}
		for _, m := range []string{"GET", "POST", "PUT", "DELETE"} {
			methods[m] = operation{by: byAnybody, serve: all}
		}
	}
	for method, op := range methods {
		name := cmp.Or(op.limit, method+" "+rt.path)
		ops[method] = api.Operation{Secret: op.secret, AnyType: op.anyType, Serve: func(w http.ResponseWriter, r *http.Request) error {
			c := callOf(r)
			c.w, c.r = w, r
			if err := a.allow(c, op.by); err != nil {
				return err
			}
			if err := a.take(c, name); err != nil {
				return err
			}
			return op.serve(c)
		}}
	}
	res := &api.Resource{Route: api.Route{Path: rt.path, Operations: ops}, Fail: a.fail,
		Check: func(r *http.Request, op api.Operation) error {
			if op.AnyType {
				return nil
			}
			return api.CheckAccept(r)
		},
		Guard: func(w http.ResponseWriter, r *http.Request) (*http.Request, error) { return r, a.resolve(callOf(r)) }}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{api: a, w: w, r: r, began: a.Now(), ofApp: ofApp}
		r = r.WithContext(context.WithValue(r.Context(), callKey{}, c))
		c.r = r
		if ofApp && a.cors(c) {
			return
		}
		res.ServeHTTP(w, r)
	})
}

// resolve finds the app of a call and who calls.
func (a *API) resolve(c *call) error {
	if err := a.requireTLS(c.r); err != nil {
		return err
	}
	if !c.ofApp {
		return nil
	}
	return c.find()
}

// cors adds headers for pages of origins that the app allows, and answers their preflights.
func (a *API) cors(c *call) (answered bool) {
	origin := c.r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	h := c.w.Header()
	h.Add("Vary", "Origin")
	if c.find() != nil || !c.app.Settings.Allows(origin) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	if c.r.Method != http.MethodOptions || c.r.Header.Get("Access-Control-Request-Method") == "" {
		h.Set("Access-Control-Expose-Headers", "Allow, Retry-After, WWW-Authenticate")
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, DELETE, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, restrict-access, share-secret, thumbnail, thumbnail-height, thumbnail-width")
	h.Set("Access-Control-Max-Age", "600")
	c.w.WriteHeader(http.StatusNoContent)
	return true
}

// encrypted reports whether a request came over TLS, to the server itself or to the proxy before it.
func (a *API) encrypted(r *http.Request) bool {
	return r.TLS != nil || a.Proxied && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// requireTLS refuses what may carry a secret over plain HTTP from other machines.
func (a *API) requireTLS(r *http.Request) error {
	if !a.RequireTLS || a.encrypted(r) || r.Method == http.MethodHead && r.Header.Get("Authorization") == "" {
		return nil
	}
	if at, err := netip.ParseAddrPort(r.RemoteAddr); err == nil && !a.Proxied && at.Addr().Unmap().IsLoopback() {
		return nil
	}
	return &problem{status: http.StatusForbidden, word: "forbidden_op", text: "this server wants HTTPS"}
}
