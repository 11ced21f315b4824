package chatapi

import (
	"net/http"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/chat"
)

// Live is the part of the hub that the API uses.
type Live interface {
	// Online returns who is online in a room, over all nodes, ascending.
	Online(t chat.Tenant, r chat.RoomRef) []string
	// ConnectedOf returns which of the logins have a socket open, over all nodes.
	ConnectedOf(t chat.Tenant, logins []string) map[string]bool
	// SetTyping says that who types, or no longer does. It wears off by itself.
	SetTyping(who chat.Identity, r chat.RoomRef, on bool)
}

type presence struct {
	Online []string `json:"online"`
}

func (m *mount) getPresence(w http.ResponseWriter, r *http.Request) error {
	room, _, err := m.chat.Access(r.Context(), who(r), api.Variable(r, "room"))
	if err != nil {
		return err
	}
	online := m.live.Online(who(r).Tenant, room.Ref())
	return m.ok(w, presence{Online: append([]string{}, online...)})
}

type userPresence struct {
	Online bool `json:"online"`
}

// getUserPresence says of one account of the tenant whether it is online. In which rooms it is, it does not say.
func (m *mount) getUserPresence(w http.ResponseWriter, r *http.Request) error {
	u, err := m.chat.Person(r.Context(), who(r).Tenant, api.Variable(r, "login"))
	if err != nil {
		return err
	}
	return m.ok(w, userPresence{Online: m.live.ConnectedOf(who(r).Tenant, []string{u.Login})[u.Login]})
}

func (m *mount) putTyping(w http.ResponseWriter, r *http.Request) error {
	b := struct {
		Typing *bool `json:"typing"`
	}{}
	if err := api.ReadJSON(w, r, &b); err != nil {
		return err
	}
	if b.Typing == nil {
		return chat.Faulty(chat.RoomEntity, []chat.Fault{chat.Missing("typing")})
	}
	room, err := m.chat.Types(r.Context(), who(r), api.Variable(r, "room"))
	if err != nil {
		return err
	}
	m.live.SetTyping(who(r), room.Ref(), *b.Typing)
	return noContent(w)
}
