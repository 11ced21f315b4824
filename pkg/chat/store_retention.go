package chat

import (
	"context"

	"github.com/confab-chat/confab/pkg/id"
)

// RetentionStore keeps the retention of rooms and reads messages without touching removed ones.
type RetentionStore interface {
	// SetRetention replaces the retention of the room with this name and ID; NotFound if it is gone.
	SetRetention(ctx context.Context, t Tenant, r RoomRef, to Retention) error
	// Between returns messages older than before and newer than after, newest first. Neither position need exist. It does
	// not read messages that are not newer than after, because any number of them may be removed. It stops early as Older
	// does.
	Between(ctx context.Context, l Log, before, after id.ID, limit int) ([]Message, error)
}

// Trimmer removes what is too old.
type Trimmer interface {
	// EachRetention visits all rooms of all tenants as Inventory does, with the retention of each.
	EachRetention(ctx context.Context, visit func(t Tenant, room id.ID, r Retention) error) error
	// Trim permanently removes the messages older than the position, with their changes, and the older entries of
	// ChangesOf(l). What is written at the same time may stay until the next Trim. Several nodes may run it at the same
	// time. An Idempotency-Key of a removed message still stands for that message.
	Trim(ctx context.Context, l Log, before id.ID) error
}
