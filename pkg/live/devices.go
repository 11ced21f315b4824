package live

import (
	"slices"
	"strings"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// devices is the room that everybody with a named connection is in, as connections is: a login there is a login, a zero byte and
// the name. No room has this id: it is of 1970.
var devices = chat.RoomRef{ID: id.FirstAt(time.Unix(1, 0))}

// Attached counts a connection of a user that has a name, until gone is called, which has to be called once.
func (h *Hub) Attached(who chat.Identity, device string) (gone func()) {
	key, login := placeOf(who.Tenant, devices), who.Login+"\x00"+device
	h.presence.count(key, "", login, +1)
	return func() { h.presence.count(key, "", login, -1) }
}

// Devices returns the names of a user's connections, ascending; see ConnectedOf.
func (h *Hub) Devices(who chat.Identity) []string {
	all := []string{}
	for _, login := range h.Online(who.Tenant, devices) {
		if device, ok := strings.CutPrefix(login, who.Login+"\x00"); ok {
			all = append(all, device)
		}
	}
	slices.Sort(all)
	return all
}
