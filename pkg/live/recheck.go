package live

import (
	"context"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// recheckGrace is how long an event on the bus may still end a subscription after the store has shown that its user is
// out: it has the names of the person, and everybody in the room receives it.
const recheckGrace = 250 * time.Millisecond

// RecheckMember ends a user's subscriptions to a room if the user is not in it any more. It is called after the store
// has announced a change of that participant, which the bus may not have brought.
func (h *Hub) RecheckMember(ctx context.Context, t chat.Tenant, roomID id.ID, login string) error {
	key := place{tenant: t, room: roomID}
	sh := h.shardOf(key)
	var r *room
	there := false
	sh.locked(func() {
		r = sh.places[key]
		there = r != nil && r.subscribed(login)
	})
	if !there {
		return nil
	}
	return h.recheckAs(ctx, r, []string{login}, recheckGrace)
}

// RecheckRoom ends the subscriptions to the room of that name if it is deleted. It is called after the store has
// announced a change of the room.
func (h *Hub) RecheckRoom(ctx context.Context, t chat.Tenant, name string) error {
	found := make(map[*room]string)
	h.eachPlace(func(key place, r *room) {
		if key.tenant != t || key.login != "" || r.name != name {
			return
		}
		for _, subs := range r.subs {
			if len(subs) > 0 {
				found[r] = subs[0].who.Login // whose access does not matter
				return
			}
		}
	})
	for r, login := range found {
		if err := h.recheckAs(ctx, r, []string{login}, recheckGrace); err != nil {
			return err
		}
	}
	return nil
}

// RecheckAll ends all subscriptions of users who are not in the room any more, and follows all rooms that users of
// /topic/me are in now.
func (h *Hub) RecheckAll(ctx context.Context) error { return h.pollMembers(ctx) }
