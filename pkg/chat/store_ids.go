package chat

import (
	"context"
	"time"

	"github.com/confab-chat/confab/pkg/id"
)

// IDStore says which ids a store has, so that new ones can be newer. The guarantees at the top of store.go hold.
type IDStore interface {
	// NewestID returns the newest ID of the messages of l and of the entries of ChangesOf(l); zero if there are none. It
	// knows everything that was written before the call, by any server and of any time.
	NewestID(ctx context.Context, l Log) (id.ID, error)
	// NoteIDs records that there are ids of that time. The store keeps the latest of the times; a crash may lose it.
	NoteIDs(ctx context.Context, until time.Time) error
	// NotedIDs returns the latest time of NoteIDs, zero if there is none.
	NotedIDs(ctx context.Context) (time.Time, error)
}
