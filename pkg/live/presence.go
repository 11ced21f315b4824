package live

import (
	"slices"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// presence records who is online in which room. A user is online in a room while they have a subscription to one of its
// topics on any node. Who is online at all is kept as if each tenant had one more room, which everybody with a connection
// is in: it takes the same packets.
type presence struct {
	hub *Hub

	mu    sync.Mutex
	rooms map[place]*roomPresence
}

type roomPresence struct {
	name  string
	here  map[string]int             // login: subscriptions, or connections, on this node
	there map[string]map[string]bool // login: other nodes
	// names has, in the room devices, the names of each login's connections: there may be too many connections to look for
	// those of one.
	names map[string][]string
}

// Online returns the logins that are online in a room, ascending.
func (h *Hub) Online(t chat.Tenant, r chat.RoomRef) []string {
	p := h.presence
	p.mu.Lock()
	defer p.mu.Unlock()
	out := []string{}
	if rp := p.rooms[placeOf(t, r)]; rp != nil {
		for login, n := range rp.here {
			if n > 0 {
				out = append(out, login)
			}
		}
		for login := range rp.there {
			if rp.here[login] <= 0 {
				out = append(out, login)
			}
		}
	}
	slices.Sort(out)
	return out
}

// connections is the room that everybody with a connection is in. No room has this id: it is of 1970.
var connections = chat.RoomRef{ID: id.FirstAt(time.Unix(0, 0))}

// Connected counts a connection of a user on this node until gone is called, which has to be called once. A transport
// counts each of its connections.
func (h *Hub) Connected(who chat.Identity) (gone func()) {
	key := placeOf(who.Tenant, connections)
	h.presence.count(key, "", who.Login, +1)
	return func() { h.presence.count(key, "", who.Login, -1) }
}

// ConnectedOf returns which of the logins have a connection, on this node or another one that is received on the bus. What
// happens on other nodes shows within a second; the users of a node that died are connected until Options.PeerLost is over.
func (h *Hub) ConnectedOf(t chat.Tenant, logins []string) map[string]bool {
	p := h.presence
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make(map[string]bool)
	rp := p.rooms[placeOf(t, connections)]
	if rp == nil {
		return out
	}
	for _, login := range logins {
		if rp.here[login] > 0 || len(rp.there[login]) > 0 {
			out[login] = true
		}
	}
	return out
}

func (p *presence) room(key place, name string) *roomPresence {
	rp := p.rooms[key]
	if rp == nil {
		rp = &roomPresence{name: name, here: make(map[string]int)}
		p.rooms[key] = rp
	}
	return rp
}

func (p *presence) tidy(key place, rp *roomPresence) {
	if len(rp.here)+len(rp.there) == 0 {
		delete(p.rooms, key)
	}
}

// came counts a new subscription of this node, and left an ended one.
func (p *presence) came(s *Subscription) { p.count(s.room.key, s.room.name, s.who.Login, +1) }

func (p *presence) left(s *Subscription) {
	if s.kind < User {
		p.count(s.room.key, s.room.name, s.who.Login, -1)
	}
}

// count adds one to what a login has in a room on this node, or takes one away.
func (p *presence) count(key place, name, login string, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	rp := p.room(key, name)
	rp.here[login] += n
	switch now := rp.here[login]; {
	case now == 0:
		delete(rp.here, login)
		// If a subscription is ended while it begins, left may be called before came. Nobody was there then.
		if n < 0 {
			p.changed(key, rp, login, false, len(rp.there[login]) == 0)
		}
	case now == 1 && n > 0:
		p.changed(key, rp, login, true, len(rp.there[login]) == 0)
	}
	rp.note(key, login)
	p.tidy(key, rp)
}

// changed publishes a change to the other nodes. If it is visible, it also delivers it to the subscribers of this node.
func (p *presence) changed(key place, rp *roomPresence, login string, online, visible bool) {
	e := PresenceChanged{Place: chat.Place{Tenant: key.tenant, Room: chat.RoomRef{ID: key.room, Name: rp.name}}, Login: login, Online: online}
	p.hub.broadcastEvents([]chat.Event{e})
	if visible {
		p.hub.apply(e)
	}
}

// received applies a change received from another node.
func (p *presence) received(node string, e PresenceChanged) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set(node, e)
}

func (p *presence) set(node string, e PresenceChanged) {
	key := placeOf(e.Tenant, e.Room)
	rp := p.room(key, e.Room.Name)
	was := len(rp.there[e.Login]) > 0
	if e.Online {
		if rp.there == nil {
			rp.there = make(map[string]map[string]bool)
		}
		if rp.there[e.Login] == nil {
			rp.there[e.Login] = make(map[string]bool)
		}
		rp.there[e.Login][node] = true
	} else {
		delete(rp.there[e.Login], node)
		if len(rp.there[e.Login]) == 0 {
			delete(rp.there, e.Login)
		}
	}
	if is := len(rp.there[e.Login]) > 0; is != was && rp.here[e.Login] == 0 {
		p.hub.apply(e)
	}
	rp.note(key, e.Login)
	p.tidy(key, rp)
}

// replace replaces the whole presence of a node by the given changes.
func (p *presence) replace(node string, now []PresenceChanged) {
	type at struct {
		key   place
		login string
	}
	stays := make(map[at]bool, len(now))
	for _, e := range now {
		stays[at{placeOf(e.Tenant, e.Room), e.Login}] = true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, rp := range p.rooms {
		for login, nodes := range rp.there {
			if nodes[node] && !stays[at{key, login}] {
				p.set(node, PresenceChanged{Place: chat.Place{Tenant: key.tenant, Room: chat.RoomRef{ID: key.room, Name: rp.name}}, Login: login})
			}
		}
	}
	for _, e := range now {
		p.set(node, e)
	}
}

// broadcast broadcasts who is online on this node. It does so under the lock, so that other nodes receive the complete
// presence and later changes in order.
func (p *presence) broadcast(send func([]PresenceChanged)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []PresenceChanged
	for key, rp := range p.rooms {
		for login, n := range rp.here {
			if n <= 0 {
				continue
			}
			all = append(all, PresenceChanged{Place: chat.Place{Tenant: key.tenant, Room: chat.RoomRef{ID: key.room, Name: rp.name}}, Login: login, Online: true})
		}
	}
	send(all)
}
