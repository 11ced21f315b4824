package chat

import (
	"context"

	"github.com/confab-chat/confab/pkg/id"
)

// ListStore keeps the lists of rooms (RoomList). The guarantees at the top of store.go hold. It knows no rule: who is on a
// list stays there until Unlist, whatever Until says and whether they are in the room. Deleting the room removes its lists.
type ListStore interface {
	// SetListed puts l.Login on a list, in place of what the list has of them. NotFound if the room is deleted. It announces
	// the participant (MemberKey), and records that l.Login and l.By have a footprint in the room.
	SetListed(ctx context.Context, t Tenant, r RoomRef, list RoomList, l Listed) error
	// Unlist takes a login off a list. was says whether it was there; of concurrent calls several may say so. It announces
	// the participant.
	Unlist(ctx context.Context, t Tenant, room id.ID, list RoomList, login string) (was bool, err error)
	// OnLists returns what the lists of a room have of a login, in one read.
	OnLists(ctx context.Context, t Tenant, room id.ID, login string) (map[RoomList]Listed, error)
	// Listed returns a list, ascending by login (bytes), after the given one (empty: from the first).
	Listed(ctx context.Context, t Tenant, room id.ID, list RoomList, after string, limit int) ([]Listed, error)
	// ListedIn returns the rooms that have a login on this list, the one listed last first: those before the position (zero:
	// from the newest on). Since is Listed.At. It knows only InviteList and RequestList.
	ListedIn(ctx context.Context, t Tenant, login string, list RoomList, before id.ID, limit int) ([]JoinedRoom, error)
}

// Found reports whether ListStore.ListedIn knows the list.
func (l RoomList) Found() bool { return l == InviteList || l == RequestList }
