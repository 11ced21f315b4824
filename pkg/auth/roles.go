package auth

import (
	"context"

	"github.com/confab-chat/confab/pkg/chat"
)

// Officers checks who is an administrator of the whole server. It may be used concurrently.
type Officers struct{ store RoleStore }

// NewOfficers returns the officers of a store.
func NewOfficers(store RoleStore) *Officers { return &Officers{store: store} }

// Admit returns nil for site administrators and Forbidden for everyone else. Administrators of other tenants than the
// default one have no rights over the server. It reads the store on each call.
func (o *Officers) Admit(ctx context.Context, who chat.Identity) error {
	yes, err := o.Is(ctx, who)
	if err == nil && !yes {
		err = chat.ErrForbidden("only administrators of the server may do this")
	}
	return err
}

// Is reports whether who is a site administrator.
func (o *Officers) Is(ctx context.Context, who chat.Identity) (bool, error) {
	if who.Tenant != chat.DefaultTenant {
		return false, nil
	}
	roles, err := o.store.Roles(ctx, who.Tenant, who.Login)
	if err != nil {
		return false, err
	}
	for _, r := range roles {
		if r == SiteAdmin {
			return true, nil
		}
	}
	return false, nil
}
