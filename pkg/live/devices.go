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
	p := h.presence
	p.mu.Lock()
	defer p.mu.Unlock()
	all := []string{}
	if rp := p.rooms[placeOf(who.Tenant, devices)]; rp != nil {
		all = append(all, rp.names[who.Login]...)
	}
	slices.Sort(all)
	return all
}

// note keeps names as what is there of a login.
func (rp *roomPresence) note(key place, login string) {
	if key.room != devices.ID {
		return
	}
	login, device, _ := strings.Cut(login, "\x00")
	whole := login + "\x00" + device
	names := slices.DeleteFunc(rp.names[login], func(n string) bool { return n == device })
	if rp.here[whole] > 0 || len(rp.there[whole]) > 0 {
		names = append(names, device)
	}
	if rp.names == nil {
		rp.names = make(map[string][]string)
	}
	if rp.names[login] = names; len(names) == 0 {
		delete(rp.names, login)
	}
}
