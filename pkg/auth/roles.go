package auth

import (
	"context"

	"github.com/confab-chat/confab/pkg/chat"
)

// Officers knows who holds an office on the whole server. It may be used concurrently.
type Officers struct{ store RoleStore }

// NewOfficers returns the officers of a store.
func NewOfficers(store RoleStore) *Officers { return &Officers{store: store} }

// Admit lets site administrators pass, and nobody else: Forbidden. An administrator of another tenant than the
// default one has no say over the server. The answer is as new as the call.
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
