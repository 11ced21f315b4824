package adminapi

import (
	"fmt"
	"net/http"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/audit"
	"github.com/confab-chat/confab/pkg/files"
	"github.com/confab-chat/confab/pkg/id"
)

func (a *admin) fileRoutes() []api.Route {
	return []api.Route{
		{Path: "/files", Operations: api.Operations{
			"GET": {ID: "adminListFiles", Serve: a.listFiles, Query: []string{"after", "limit"}, Answers: api.Is(200)},
		}},
		{Path: "/files/orphans", Operations: api.Operations{
			"GET":    {ID: "findOrphans", Serve: a.findOrphans, Answers: api.Is(200)},
			"DELETE": {ID: "removeOrphans", Serve: a.removeOrphans, Answers: api.Is(200, 409)},
		}},
	}
}

type usageAnswer struct {
	Tenant string `json:"tenant"`
	Files  int64  `json:"files"`
	Bytes  int64  `json:"bytes"`
}

// maxTenants is the greatest number of tenants in one answer; more is counted as this.
const maxTenants = 1000

// listFiles shows what the files of each tenant take.
func (a *admin) listFiles(w http.ResponseWriter, r *http.Request) error {
	q, limit, err := listed(r, maxTenants)
	if err != nil {
		return err
	}
	var after id.ID
	if text := q.Get("after"); text != "" {
		if after, err = id.Parse(text); err != nil {
			return api.Malformed("after has to be the next of another answer")
		}
	}
	all, next, err := a.Files.Usages(r.Context(), after, limit)
	if err != nil {
		return err
	}
	out := struct {
		Tenants []usageAnswer `json:"tenants"`
		Next    *string       `json:"next"`
	}{Tenants: []usageAnswer{}}
	for _, u := range all {
		out.Tenants = append(out.Tenants, usageAnswer{Tenant: string(u.Tenant), Files: u.Files, Bytes: u.Bytes})
	}
	if !next.IsZero() {
		text := next.String()
		out.Next = &text
	}
	return write(w, http.StatusOK, out)
}

type orphansAnswer struct {
	Objects         int64          `json:"objects"`
	Records         int64          `json:"records"`
	Foreign         int64          `json:"foreign"`
	Unrecorded      int64          `json:"unrecorded"`
	UnrecordedBytes int64          `json:"unrecordedBytes"`
	UnrecordedKeys  []string       `json:"unrecordedKeys"`
	Unstored        int64          `json:"unstored"`
	UnstoredFiles   []orphanedFile `json:"unstoredFiles"`
	Removed         bool           `json:"removed"`
}

// orphanedFile has no name: administrators see nothing of what is said in rooms that they are not in.
type orphanedFile struct {
	Tenant    string `json:"tenant"`
	ID        string `json:"id"`
	Size      int64  `json:"size"`
	CreatedAt string `json:"createdAt"`
}

func orphansOf(o files.Orphans) orphansAnswer {
	out := orphansAnswer{Objects: o.Objects, Records: o.Records, Foreign: o.Foreign, Unrecorded: o.Unrecorded, UnrecordedBytes: o.UnrecordedBytes,
		UnrecordedKeys: append([]string{}, o.UnrecordedKeys...), Unstored: o.Unstored, UnstoredFiles: []orphanedFile{}, Removed: o.Removed}
	for _, f := range o.UnstoredFiles {
		out.UnstoredFiles = append(out.UnstoredFiles, orphanedFile{Tenant: string(f.Tenant), ID: f.UUID, Size: f.Size, CreatedAt: timestamp(f.CreatedAt())})
	}
	return out
}

// findOrphans looks for bytes without a record and records without bytes.
func (a *admin) findOrphans(w http.ResponseWriter, r *http.Request) error {
	o, err := a.Files.Orphans(r.Context())
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, orphansOf(o))
}

// removeOrphans removes them. What was removed when the client hangs up stays so.
func (a *admin) removeOrphans(w http.ResponseWriter, r *http.Request) error {
	o, err := a.Files.RemoveOrphans(r.Context())
	if err != nil {
		return err
	}
	a.record(r, audit.OrphansRemoved, "", fmt.Sprintf("%d objects without a record, %d records without bytes", o.Unrecorded, o.Unstored))
	return write(w, http.StatusOK, orphansOf(o))
}
