package chat

import (
	"context"

	"github.com/confab-chat/confab/pkg/id"
)

// The guarantees at the top of store.go hold for the interfaces below too.

// ListStore keeps the lists of rooms. All of it goes with the room.
type ListStore interface {
	// SetListed puts somebody on a list of a room, or replaces what the list has of them. It announces MemberKey.
	SetListed(ctx context.Context, t Tenant, room id.ID, list RoomList, l Listed) error
	// Unlist takes somebody off a list, and reports whether they were on it. It announces MemberKey.
	Unlist(ctx context.Context, t Tenant, room id.ID, list RoomList, login string) (was bool, err error)
	// OnLists returns what the lists of a room have of somebody, in one read.
	OnLists(ctx context.Context, t Tenant, room id.ID, login string) (map[RoomList]Listed, error)
	// Listed returns who is on a list, ascending by login (bytes), after the given one. It may return entries that have ended.
	Listed(ctx context.Context, t Tenant, room id.ID, list RoomList, after string, limit int) ([]Listed, error)
	// ListedIn returns the rooms that have somebody on InviteList or RequestList, the last entry first: those made before the
	// position (zero: from the newest).
	ListedIn(ctx context.Context, t Tenant, login string, list RoomList, before id.ID, limit int) ([]JoinedRoom, error)
}

// stores is all that the domain reads and writes.
//
//nolint:interfacebloat // the sum of narrow ones
type stores interface {
	Stores
	ListStore
}

// withLists returns a store with lists. A store that keeps none has empty ones, which cannot be changed.
func withLists(s Stores) stores {
	if all, ok := s.(stores); ok {
		return all
	}
	return listless{s}
}

type listless struct{ Stores }

func (listless) SetListed(context.Context, Tenant, id.ID, RoomList, Listed) error {
	return ErrForbidden("this store keeps no lists")
}

func (listless) Unlist(context.Context, Tenant, id.ID, RoomList, string) (was bool, err error) {
	return false, nil
}

func (listless) OnLists(context.Context, Tenant, id.ID, string) (map[RoomList]Listed, error) {
	return map[RoomList]Listed{}, nil
}

func (listless) Listed(context.Context, Tenant, id.ID, RoomList, string, int) ([]Listed, error) {
	return nil, nil
}

func (listless) ListedIn(context.Context, Tenant, string, RoomList, id.ID, int) ([]JoinedRoom, error) {
	return nil, nil
}
