package chatapi

import (
	"net/http"

	"github.com/go-json-experiment/json"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/chat"
)

// patched is a member of a merge patch that may be absent, null, which is the zero value, or there.
type patched[T any] struct {
	set   bool
	value T
}

func (p *patched[T]) UnmarshalJSON(b []byte) error {
	p.set = true
	return json.Unmarshal(b, &p.value)
}

// pointer returns what the member is set to; nil if it is absent.
func (p patched[T]) pointer() *T {
	if !p.set {
		return nil
	}
	return &p.value
}

// settingsBody is what v1 takes of a room beside what KillrChat has.
type settingsBody struct {
	Kind          *string         `json:"kind"` // of a new room
	Title         patched[string] `json:"title"`
	Description   patched[string] `json:"description"`
	Announcement  patched[string] `json:"announcement"`
	Silent        patched[bool]   `json:"silent"`
	MembersInvite patched[bool]   `json:"membersInvite"`
}

// change returns what the body changes, and whether that is anything.
func (b roomBody) change() (c chat.RoomChange, some bool) {
	c = chat.RoomChange{Banner: chat.Optional(b.Banner), Title: b.Title.pointer(), Description: b.Description.pointer(), Announcement: b.Announcement.pointer(),
		Silent: b.Silent.pointer(), MembersInvite: b.MembersInvite.pointer()}
	return c, b.Banner.Set || b.Title.set || b.Description.set || b.Announcement.set || b.Silent.set || b.MembersInvite.set
}

// changeRoom changes what the body names of the room that the path names.
func (m *mount) changeRoom(w http.ResponseWriter, r *http.Request, b roomBody) error {
	c, changes := b.change()
	if !changes {
		// A patch that names nothing changes nothing, and is refused all the same to who may not patch.
		v, err := m.ownRoom(r)
		if err != nil {
			return err
		}
		return m.entity(w, r, m.form.room(v))
	}
	var err error
	if c.Was, err = m.roomIf(r); err != nil {
		return err
	}
	v, err := m.chat.ChangeRoom(r.Context(), who(r).Principal(), api.Variable(r, "room"), c)
	if err != nil {
		return err
	}
	return m.entity(w, r, m.form.room(v))
}

// getCapabilities answers with what the user may do in a room now.
func (m *mount) getCapabilities(w http.ResponseWriter, r *http.Request) error {
	actions, until, err := m.chat.Capabilities(r.Context(), who(r), api.Variable(r, "room"))
	if err != nil {
		return err
	}
	out := struct {
		Actions    []chat.Action `json:"actions"`
		MutedUntil *string       `json:"mutedUntil"`
	}{Actions: append([]chat.Action{}, actions...)}
	if !until.IsZero() {
		out.MutedUntil = new(m.form.time(until))
	}
	return m.ok(w, out)
}

// putOwner hands a room over.
func (m *mount) putOwner(w http.ResponseWriter, r *http.Request) error {
	var b personBody
	if err := api.ReadJSON(w, r, &b); err != nil {
		return err
	}
	if b.Login == nil {
		return chat.Faulty(chat.UserEntity, []chat.Fault{chat.Missing("login")})
	}
	v, err := m.chat.Transfer(r.Context(), who(r).Principal(), api.Variable(r, "room"), *b.Login)
	if err != nil {
		return err
	}
	return m.entity(w, r, m.form.room(v))
}

func (m *mount) putAdmin(w http.ResponseWriter, r *http.Request) error { return m.setAdmin(w, r, true) }

func (m *mount) deleteAdmin(w http.ResponseWriter, r *http.Request) error {
	return m.setAdmin(w, r, false)
}

func (m *mount) setAdmin(w http.ResponseWriter, r *http.Request, on bool) error {
	if _, err := m.chat.SetAdmin(r.Context(), who(r).Principal(), api.Variable(r, "room"), api.Variable(r, "login"), on); err != nil {
		return err
	}
	return noContent(w)
}

// putParticipant adds somebody to a room. Who is in it already stays in it.
func (m *mount) putParticipant(w http.ResponseWriter, r *http.Request) error {
	_, err := m.chat.AddMembers(r.Context(), who(r).Principal(), api.Variable(r, "room"), []string{api.Variable(r, "login")})
	if err != nil && !chat.IsKind(err, chat.Conflict) {
		return err
	}
	return noContent(w)
}

// deleteParticipant removes somebody from a room. Who is not in it stays out of it.
func (m *mount) deleteParticipant(w http.ResponseWriter, r *http.Request) error {
	q, err := api.Query(r)
	if err != nil {
		return err
	}
	if err := m.chat.Dismiss(r.Context(), who(r), api.Variable(r, "room"), api.Variable(r, "login"), q.Get("reason")); err != nil {
		return err
	}
	return noContent(w)
}
