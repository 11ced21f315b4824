package chat

import (
	"context"
	"crypto/sha256"
	"encoding/binary"

	"github.com/confab-chat/confab/pkg/id"
)

// RoomIndex finds rooms in other ways than by their names. It may have an entry for a room that is not there, never the
// other way round: readers look whether the room is there.
type RoomIndex interface {
	// Enter is called before a room is created.
	Enter(ctx context.Context, t Tenant, r Room) error
	// Remove is called when the room is gone, or was not created.
	Remove(ctx context.Context, t Tenant, r Room)
	// Count counts the rooms of a kind, up to most of them. Those that CreateRoom is making may count. Open and private rooms
	// count as groups.
	Count(ctx context.Context, t Tenant, k RoomKind, most int) (int, error)
	// Left is called when a participant is in a room no longer.
	Left(ctx context.Context, t Tenant, r Room, login string) error
}

// noIndex is the RoomIndex of a service without one.
type noIndex struct{}

func (noIndex) Enter(context.Context, Tenant, Room) error { return nil }
func (noIndex) Remove(context.Context, Tenant, Room)      {}

func (noIndex) Count(context.Context, Tenant, RoomKind, int) (int, error) { return 0, nil }

func (noIndex) Left(context.Context, Tenant, Room, string) error { return nil }

// madeNumber is the least number of an id that has none of its own. Ids have such numbers from the year 2112 on.
const madeNumber = 1 << 62

// Number returns the number by which rooms are known where names are not, as a positive number of 63 bits: that of the id.
// Ids from before there were numbers have one that is made from a hash of them. It tells no time.
func (r Room) Number() int64 { return numberOf(r.ID) }

func numberOf(room id.ID) int64 {
	if n, ok := room.Number(); ok {
		return n
	}
	sum := sha256.Sum256(room[:])
	return madeNumber | int64(binary.BigEndian.Uint64(sum[:])>>2)
}
