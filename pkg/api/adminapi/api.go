// Package adminapi is how operators look after a running server: JSON over HTTP, for site administrators only.
package adminapi

import (
	"context"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/gorilla/mux"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/api/session"
	"github.com/confab-chat/confab/pkg/backup"
	"github.com/confab-chat/confab/pkg/chat"
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
	Upkeep   Upkeep
	Chat     *chat.Service
	// Fail writes an error.
	Fail func(w http.ResponseWriter, r *http.Request, err error)
}

// Register adds the API to a router. It has to come before what else begins with Prefix.
func Register(r *mux.Router, p Parts) {
	a := &admin{p}
	for path, methods := range map[string]map[string]api.Handler{
		"/backups":                {"POST": a.makeBackup},
		"/rooms":                  {"GET": a.listRooms},
		"/rooms/{room}":           {"GET": a.getRoom, "DELETE": a.deleteRoom},
		"/rooms/{room}/retention": {"PUT": a.putRetention},
		"/sweeps":                 {"GET": a.listSweeps},
		"/erasures":               {"POST": a.erase},
		"/erasures/{login}":       {"GET": a.getErasure},
	} {
		r.Handle(Prefix+path, &api.Resource{Methods: methods, Guard: a.guard, Check: a.check, Fail: p.Fail})
	}
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

func (a *admin) check(r *http.Request) error {
	if err := a.Origins.Check(r); err != nil {
		return err
	}
	return api.CheckAccept(r)
}

// timestamp is a moment as this API spells it: UTC with milliseconds.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func write(w http.ResponseWriter, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(b) // the client may be gone; there is nobody to tell
	return nil
}
