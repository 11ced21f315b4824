package chat

import (
	"context"

	"github.com/confab-chat/confab/pkg/id"
)

// RetentionStore keeps how long messages are wanted, and shows none that are older.
type RetentionStore interface {
	// SetRetention replaces the retention of the room with this name and ID; NotFound if it is gone.
	SetRetention(ctx context.Context, t Tenant, r RoomRef, to Retention) error
	// Between returns messages older than before and newer than after, newest first. Neither position need exist. It
	// does not look at what is not newer than after: there may be any number of removed messages.
	Between(ctx context.Context, l Log, before, after id.ID, limit int) ([]Message, error)
}

// Trimmer removes what is too old.
type Trimmer interface {
	// EachRetention visits all rooms of all tenants as Inventory does, with the retention of each.
	EachRetention(ctx context.Context, visit func(t Tenant, room id.ID, r Retention) error) error
	// Trim removes the messages older than the position for good, with all that has happened to them, and the entries of
	// ChangesOf(l) that are older. What is written at the same time may stay until the next Trim. It may run on several nodes
	// at once; an Idempotency-Key goes on standing for its message.
	Trim(ctx context.Context, l Log, before id.ID) error
}
