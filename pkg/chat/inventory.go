package chat

import "context"

// Inventory walks all data of a store, over all tenants, to move them elsewhere. Data that exist before the call and do
// not change meanwhile are visited once, in any order. Data that are created, changed or deleted meanwhile may be
// visited or missed. The first error of visit ends the walk and is returned as it is. The memory it needs does not grow
// with the store.
type Inventory interface {
	// EachUser visits all accounts, also deleted ones, which have only Login and Deleted set.
	EachUser(ctx context.Context, visit func(Tenant, User) error) error
	// EachRoom visits all rooms that are not deleted.
	EachRoom(ctx context.Context, visit func(Tenant, Room) error) error
	// EachFootprint visits all footprints of FootprintStore.
	EachFootprint(ctx context.Context, visit func(t Tenant, login string, r RoomRef) error) error
}
