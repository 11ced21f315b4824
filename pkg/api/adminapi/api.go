// Package adminapi is how operators look after a running server: JSON over HTTP, for site administrators only.
package adminapi

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/gorilla/mux"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/api/session"
	"github.com/confab-chat/confab/pkg/audit"
	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/backup"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/files"
	"github.com/confab-chat/confab/pkg/invite"
	"github.com/confab-chat/confab/pkg/jobs"
	"github.com/confab-chat/confab/pkg/upkeep"
)

// Prefix is where the API is.
const Prefix = "/api/chat/v1/admin"

// Officers says who may administer; see auth.Officers.
type Officers interface {
	Admit(ctx context.Context, who chat.Identity) error
}

// Backups makes backups; see backup.Backups.
type Backups interface {
	Make(ctx context.Context, dir string) (backup.Backup, error)
}

// Eraser erases users; see auth.Eraser.
type Eraser interface {
	Erase(ctx context.Context, t chat.Tenant, login string, keepMessages bool) (chat.Erasure, error)
}

// Upkeep says how far the work in the background is; see upkeep.Service.
type Upkeep interface {
	Erasing(ctx context.Context, t chat.Tenant, login string) (upkeep.EraseSummary, error)
	Deletions(ctx context.Context) ([]upkeep.Deletion, error)
}

// Parts are what an API is made of.
type Parts struct {
	Sessions *session.Manager
	Officers Officers
	Origins  api.Origins
	Backups  Backups
	Eraser   Eraser
	People   *auth.People
	Accounts *auth.Accounts
	Personal *auth.Personal
	// Invitations are those to sign up.
	Invitations *invite.Service
	Upkeep      Upkeep
	Jobs        *jobs.Queue
	Chat        *chat.Service
	Files       *files.Service
	Trail       *audit.Trail
	// Proxied says that a proxy in front of the server writes X-Forwarded-For.
	Proxied bool
	// Fail writes an error.
	Fail func(w http.ResponseWriter, r *http.Request, err error)
}

// Register adds the API to a router. It has to come before what else begins with Prefix.
func Register(r *mux.Router, p Parts) {
	a := &admin{p}
	for _, rt := range a.routes() {
		r.Handle(Prefix+rt.Path, &api.Resource{Route: rt, Guard: a.guard, Check: a.check, Fail: p.Fail})
	}
}

// Routes returns the routes below Prefix.
func Routes() []api.Route { return (&admin{}).routes() }

func (a *admin) routes() []api.Route {
	routes := append(slices.Concat(a.peopleRoutes(), a.botRoutes(), a.invitationRoutes(), a.fileRoutes()), []api.Route{
		{Path: "/audit", Operations: api.Operations{
			"GET": {ID: "listEvents", Serve: a.listEvents, Query: []string{"before", "limit", "kind", "login"}, Answers: api.Is(200)},
		}},
		{Path: "/backups", Operations: api.Operations{
			"POST": {ID: "makeBackup", Serve: a.makeBackup, Body: api.OptionalJSON, Answers: api.Is(201, 409)},
		}},
		{Path: "/rooms", Operations: api.Operations{
			"GET": {ID: "adminListRooms", Serve: a.listRooms, Query: []string{"after", "limit"}, Answers: api.Is(200)},
		}},
		{Path: "/rooms/{room}", Operations: api.Operations{
			"GET":    {ID: "adminGetRoom", Serve: a.getRoom, Answers: api.Is(200, 404)},
			"DELETE": {ID: "adminDeleteRoom", Serve: a.deleteRoom, Answers: api.Is(204, 404)},
		}},
		{Path: "/rooms/{room}/retention", Operations: api.Operations{
			"PUT": {ID: "adminSetRetention", Serve: a.putRetention, Body: api.JSON, Answers: api.Is(200, 404, 422)},
		}},
		{Path: "/sweeps", Operations: api.Operations{
			"GET": {ID: "listSweeps", Serve: a.listSweeps, Answers: api.Is(200)},
		}},
		{Path: "/jobs", Operations: api.Operations{
			"GET": {ID: "listJobs", Serve: a.listJobs, Query: []string{"state", "kind"}, Answers: api.Is(200)},
		}},
		{Path: "/jobs/{kind}/{key}", Operations: api.Operations{
			"GET": {ID: "getJob", Serve: a.getJob, Query: []string{"tenant"}, Answers: api.Is(200, 404)},
		}},
		{Path: "/jobs/{kind}/{key}/retries", Operations: api.Operations{
			"POST": {ID: "retryJob", Serve: a.retryJob, Query: []string{"tenant"}, Answers: api.Is(202, 404)},
		}},
		{Path: "/erasures", Operations: api.Operations{
			"POST": {ID: "eraseUser", Serve: a.erase, Body: api.JSON, Answers: api.Is(202, 404, 409, 422)},
		}},
		{Path: "/erasures/{login}", Operations: api.Operations{
			"GET": {ID: "getErasure", Serve: a.getErasure, Answers: api.Is(200, 404)},
		}},
	}...)
	for _, rt := range routes {
		for method, op := range rt.Operations {
			op.Who = api.Administrator
			rt.Operations[method] = op
		}
	}
	return routes
}

type admin struct{ Parts }

// guard lets site administrators through.
func (a *admin) guard(w http.ResponseWriter, r *http.Request) (*http.Request, error) {
	r, err := a.Sessions.Guard(w, r)
	if err != nil {
		return r, err
	}
	login, _ := session.Of(r)
	return r, a.Officers.Admit(r.Context(), login.Identity)
}

func (a *admin) check(r *http.Request, op api.Operation) error {
	if err := a.Origins.Check(r); err != nil {
		return err
	}
	if err := session.CheckScope(r, op); err != nil {
		return err
	}
	return api.CheckGuide(r, op)
}

// timestamp is a moment as this API spells it: UTC with milliseconds.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func write(w http.ResponseWriter, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	api.Write(w, status, "application/json", b)
	return nil
}
