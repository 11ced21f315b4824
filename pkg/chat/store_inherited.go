package chat

import (
	"context"
)

// Inherited are the queues of versions that did not have pkg/jobs. Nothing is added to them, but a server of such a
// version may run beside this one, and go on with what is in them.
type Inherited interface {
	// InheritedSweeps returns deletions of rooms that have not ended. EndSweep removes them.
	InheritedSweeps(ctx context.Context, limit int) ([]Sweep, error)
	// InheritedErasures returns erasures that have not ended.
	InheritedErasures(ctx context.Context, limit int) ([]Erasure, error)
	// EndErasure removes the erasure of a user. Repeating it is no error.
	EndErasure(ctx context.Context, t Tenant, login string) error
	// InheritedRenames returns the users who have new names that may not have reached all their rooms.
	InheritedRenames(ctx context.Context, limit int) ([]Identity, error)
	// EndRename removes the rename of a user. Repeating it is no error.
	EndRename(ctx context.Context, t Tenant, login string) error
}
