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

// RenameStore keeps the renames that have not ended, at most one per user.
type RenameStore interface {
	// PutRename stores r and replaces an earlier rename of the same user.
	PutRename(ctx context.Context, r Rename) error
	// Renames returns renames that have not ended, in any stable order.
	Renames(ctx context.Context, limit int) ([]Rename, error)
	// EndRename removes r, but not a rename with another ID. Repeating it is no error.
	EndRename(ctx context.Context, r Rename) error
}
