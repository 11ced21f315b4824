package auth

import (
	"context"

	"github.com/confab-chat/confab/pkg/chat"
)

// Inventory is chat.Inventory for the data of authentication that outlive a session.
type Inventory interface {
	// EachRole visits all roles of all users.
	EachRole(ctx context.Context, visit func(t chat.Tenant, login, role string) error) error
	// EachToken visits all API tokens that have not expired.
	EachToken(ctx context.Context, visit func(APIToken) error) error
}
