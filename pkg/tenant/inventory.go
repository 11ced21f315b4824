package tenant

import (
	"context"
	"strings"

	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
)

// Inventory visits all organisations, apps and accounts; see directory.Store.
type Inventory interface {
	EachEntry(ctx context.Context, visit func(directory.Entry) error) error
}

// Spaces returns whether a space of the directory is of this server, of an organisation or of an app that exists. Spaces of
// deleted ones have entries until the deletion has come to them. It reads all entries once and keeps those of apps.
func Spaces(ctx context.Context, from Inventory) (there func(space string) bool, err error) {
	orgs := map[string]bool{}        // spaces of their apps
	apps := map[chat.Tenant]string{} // the space that an app is in
	err = from.EachEntry(ctx, func(e directory.Entry) error {
		switch {
		case e.Space == orgSpace:
			orgs[appSpace(e.ID)] = true
		case strings.HasPrefix(e.Space, appPrefix):
			apps[App{ID: e.ID}.Tenant()] = e.Space
		}
		return nil
	})
	return func(space string) bool {
		if strings.HasPrefix(space, appPrefix) {
			return orgs[space]
		}
		of, ok := account.TenantOf(space)
		return !ok || !strings.HasPrefix(string(of), tenantPrefix) || orgs[apps[of]]
	}, err
}
