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

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/api/session"
	"github.com/confab-chat/confab/pkg/audit"
	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/exports"
	"github.com/confab-chat/confab/pkg/files"
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
	exports  *exports.Service
	files    *files.Service
	live     Live
	accounts *auth.Accounts
	personal *auth.Personal
	sessions *session.Manager
	officers Officers
	trail    *audit.Trail
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
	Exports  *exports.Service
	Files    *files.Service
	Live     Live
	Accounts *auth.Accounts
	Personal *auth.Personal
	Sessions *session.Manager
	Officers Officers
	Trail    *audit.Trail
	Origins  api.Origins
	// Proxied says that a proxy in front of the server writes X-Forwarded-For.
	Proxied bool
	Now     func() time.Time
	Log     *slog.Logger
}

// New returns the API.
func New(p Parts) *API {
	return &API{chat: p.Chat, exports: p.Exports, files: p.Files, live: p.Live, accounts: p.Accounts, personal: p.Personal, sessions: p.Sessions, officers: p.Officers, trail: p.Trail, origins: p.Origins, proxied: p.Proxied,
		clock: p.Now, log: p.Log}
}

// mount is one of the places where the API can be reached.
type mount struct {
	*API
	prefix string
	v1     bool
	form   form
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
	w.Header().Set("Cache-Control", "no-store")
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
		if bad := api.CheckMatrix(r); bad != nil && api.IsNotFound(err) {
			err = bad // "/rooms;x=y" is a malformed way to say "/rooms"
		}
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

// record notes in the audit trail what the user of a guarded request has done.
func (m *mount) record(r *http.Request, kind audit.Kind, subject, detail string) {
	m.trail.Record(r.Context(), audit.Event{Tenant: who(r).Tenant, Kind: kind, Actor: who(r).Login, Subject: subject,
		Address: api.ClientAddress(r, m.proxied), Detail: detail})
}

func (m *mount) ok(w http.ResponseWriter, v any) error {
	api.Write(w, http.StatusOK, m.contentType(), encode(v))
	return nil
}

// entity answers with a single room or user. On v1 it has an ETag.
func (m *mount) entity(w http.ResponseWriter, r *http.Request, v any) error {
	if !m.v1 {
		return m.ok(w, v)
	}
	api.WriteTagged(w, r, http.StatusOK, m.contentType(), encode(v), api.Revalidate)
	return nil
}

// created answers a creation: nothing on the plain mounts, the thing and where it is on v1.
func (m *mount) created(w http.ResponseWriter, r *http.Request, path string, v any) error {
	if !m.v1 {
		return noContent(w)
	}
	w.Header().Set("Location", m.prefix+path)
	api.WriteTagged(w, r, http.StatusCreated, m.contentType(), encode(v), api.Revalidate)
	return nil
}

func (m *mount) contentType() string {
	if m.v1 {
		return "application/json"
	}
	return "application/json;charset=UTF-8"
}

func noContent(w http.ResponseWriter) error {
	w.WriteHeader(http.StatusNoContent)
	return nil
}
