package live

import (
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
)

// typing records who is typing. Every node keeps the notices of all nodes, and ends them by its own clock.
type typing struct {
	hub *Hub

	mu    sync.Mutex
	until map[typist]notice
}

type typist struct {
	room  place
	login string
}

type notice struct {
	room  string // its name
	until time.Time
}

// maxTypists bounds the notices kept. Further ones are ignored.
const maxTypists = 100_000

// SetTyping publishes that a participant is typing, or has stopped. The notice lasts for Options.TypingFor unless it is
// renewed. It ends earlier if the participant posts or leaves. The caller must have checked that they are in the room.
func (h *Hub) SetTyping(who chat.Identity, r chat.RoomRef, on bool) {
	e := TypingChanged{Place: chat.Place{Tenant: who.Tenant, Room: r}, Login: who.Login, Typing: on}
	h.typing.set(e)
	h.broadcastEvents([]chat.Event{e})
}

func (t *typing) set(e TypingChanged) {
	w := typist{placeOf(e.Tenant, e.Room), e.Login}
	t.mu.Lock()
	defer t.mu.Unlock()
	_, was := t.until[w]
	switch {
	case !e.Typing:
		delete(t.until, w)
	case was || len(t.until) < maxTypists:
		t.until[w] = notice{e.Room.Name, t.hub.now().Add(t.hub.opts.TypingFor)}
	default:
		return
	}
	if was != e.Typing {
		t.hub.apply(e)
	}
}

// ended ends a notice because the login posted or left.
func (t *typing) ended(room place, login string) {
	w := typist{room, login}
	t.mu.Lock()
	defer t.mu.Unlock()
	if n, ok := t.until[w]; ok {
		t.end(w, n)
	}
}

func (t *typing) expire(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for w, n := range t.until {
		if !now.Before(n.until) {
			t.end(w, n)
		}
	}
}

func (t *typing) end(w typist, n notice) {
	delete(t.until, w)
	t.hub.apply(TypingChanged{
		Place: chat.Place{Tenant: w.room.tenant, Room: chat.RoomRef{ID: w.room.room, Name: n.room}},
		Login: w.login,
	})
}
