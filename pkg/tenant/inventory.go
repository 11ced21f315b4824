package tenant

import (
	"context"
	"strings"

	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/people"
)

// Inventory visits all organisations, apps and accounts; see directory.Store.
type Inventory interface {
	EachEntry(ctx context.Context, visit func(directory.Entry) error) error
}

// Movable returns whether an entry of the directory goes with an export: it is of this server, or of an organisation or an
// app that exists. Deleted ones have entries until the deletion has come to them. The default app and its organisation stay:
// each server makes its own. Movable reads all entries once and keeps those of apps.
func Movable(ctx context.Context, from Inventory) (movable func(directory.Entry) bool, err error) {
	orgs := map[string]bool{}        // spaces of their apps
	apps := map[chat.Tenant]string{} // the space that an app is in
	err = from.EachEntry(ctx, func(e directory.Entry) error {
		switch {
		case e.Space == orgSpace:
			o, err := decodeOrg(e)
			if err != nil {
				return err
			}
			orgs[appSpace(e.ID)] = !o.Default
		case strings.HasPrefix(e.Space, appPrefix):
			apps[App{ID: e.ID}.Tenant()] = e.Space
		}
		return nil
	})
	return func(e directory.Entry) bool {
		switch {
		case e.Space == orgSpace:
			return orgs[appSpace(e.ID)]
		case strings.HasPrefix(e.Space, appPrefix):
			return orgs[e.Space]
		}
		of, ok := account.TenantOf(e.Space)
		if about := people.Of(e); len(about) > 0 {
			of, ok = about[0].Tenant, true
		}
		return !ok || !strings.HasPrefix(string(of), tenantPrefix) || orgs[apps[of]]
	}, err
}

// AppOf returns the app that an entry of the directory is; false if it is none.
func AppOf(e directory.Entry) (App, bool) {
	return App{ID: e.ID}, strings.HasPrefix(e.Space, appPrefix)
}
