package chat

import (
	"context"
	"sync"
)

// FootprintAdder is the part of FootprintStore that Footprints need.
type FootprintAdder interface {
	AddFootprints(ctx context.Context, t Tenant, r RoomRef, logins []string) error
}

// Footprints records the users of a room's history while it is imported, each once: most of them are no participants at
// the end. It may be used concurrently. Memory grows with the number of users.
type Footprints struct {
	store FootprintAdder
	t     Tenant
	room  RoomRef

	mu       sync.Mutex
	recorded map[string]bool
}

// NewFootprints returns the footprints of a room, none of which are known to be recorded.
func NewFootprints(store FootprintAdder, t Tenant, room RoomRef) *Footprints {
	return &Footprints{store: store, t: t, room: room, recorded: map[string]bool{}}
}

// Add records the footprints of users, except those that it has recorded before. After an error it may be repeated.
func (f *Footprints) Add(ctx context.Context, logins map[string]bool) error {
	var missing []string
	f.mu.Lock()
	for login := range logins {
		if !f.recorded[login] {
			missing = append(missing, login)
		}
	}
	f.mu.Unlock()
	if len(missing) == 0 {
		return nil
	}
	if err := f.store.AddFootprints(ctx, f.t, f.room, missing); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, login := range missing {
		f.recorded[login] = true
	}
	return nil
}
