package chat

import "context"

// Inventory goes through all that a store keeps, over all tenants, for moving it
// elsewhere. What was there before the call and is not changed meanwhile is visited
// once, in any order; what comes, changes or goes meanwhile may be missed or seen. The first error of
// visit ends the walk and is returned as it is. Memory does not grow with what there is.
type Inventory interface {
	// EachUser visits all accounts, deleted ones too (Deleted is set, of the rest there is only the login).
	EachUser(ctx context.Context, visit func(Tenant, User) error) error
	// EachRoom visits all rooms that are not deleted.
	EachRoom(ctx context.Context, visit func(Tenant, Room) error) error
	// EachFootprint visits all of FootprintStore.
	EachFootprint(ctx context.Context, visit func(t Tenant, login string, r RoomRef) error) error
}
