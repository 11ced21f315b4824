package chat

import (
	"context"

	"github.com/confab-chat/confab/pkg/id"
)

// Rename is a change of a user's names that may not have reached all their rooms.
type Rename struct {
	Tenant Tenant
	Login  string
	ID     id.ID // made just before the change
}

// RenameStore keeps renames under way. There is at most one a user.
type RenameStore interface {
	// PutRename keeps r in the place of the user's earlier one.
	PutRename(ctx context.Context, r Rename) error
	// Renames returns renames under way, in any stable order.
	Renames(ctx context.Context, limit int) ([]Rename, error)
	// EndRename forgets r, and leaves one with another ID alone. Repeating it is no error.
	EndRename(ctx context.Context, r Rename) error
}
