package adminapi

import (
	"context"
	"net/http"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/audit"
)

type backupAnswer struct {
	Dir  string `json:"dir"`
	Size int64  `json:"size"` // bytes
	At   string `json:"createdAt"`
}

// makeBackup copies the data, also if the client hangs up meanwhile.
func (a *admin) makeBackup(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Dir string `json:"dir"`
	}
	if err := api.ReadOptionalJSON(w, r, &b); err != nil {
		return err
	}
	made, err := a.Backups.Make(context.WithoutCancel(r.Context()), b.Dir)
	if err != nil {
		return err
	}
	a.record(r, audit.BackupMade, made.Dir, "")
	return write(w, http.StatusCreated, backupAnswer{Dir: made.Dir, Size: made.Size, At: timestamp(made.At)})
}
