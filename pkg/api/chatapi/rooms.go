package chatapi

import (
	"net/http"
	"net/url"

	"github.com/gorilla/mux"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/audit"
	"github.com/confab-chat/confab/pkg/chat"
)

// personBody is a person in a request. Only the login counts: names come from the stored profile.
type personBody struct {
	Login *string `json:"login"`
}

type roomBody struct {
	Name         *string     `json:"roomName"`
	Creator      *personBody `json:"creator"`
	Banner       optional    `json:"banner"`
	Participants *[]any      `json:"participants"`

	settingsBody // of v1; without meaning to the plain mounts
}

// readRoom reads a body about a room. The plain mounts ignore what KillrChat does not know.
func (m *mount) readRoom(w http.ResponseWriter, r *http.Request) (b roomBody, err error) {
	if m.v1 {
		return b, api.ReadJSON(w, r, &b)
	}
	var plain struct {
		Name         *string     `json:"roomName"`
		Creator      *personBody `json:"creator"`
		Banner       optional    `json:"banner"`
		Participants *[]any      `json:"participants"`
	}
	err = api.ReadJSON(w, r, &plain)
	return roomBody{Name: plain.Name, Creator: plain.Creator, Banner: plain.Banner, Participants: plain.Participants}, err
}

// loginOf returns the login that a body names; nil if it names none.
func loginOf(p *personBody) *string {
	if p == nil {
		return nil
	}
	return p.Login
}

func (m *mount) createRoom(w http.ResponseWriter, r *http.Request) error {
	b, err := m.readRoom(w, r)
	if err != nil {
		return err
	}
	name := api.Variable(r, "room")
	if name == "" && b.Name != nil {
		name = *b.Name
	}
	n := chat.NewRoom{Name: name, Creator: loginOf(b.Creator), Banner: b.Banner.Value}
	n.Kind, n.Title, n.Description, n.MembersInvite = kindOf(b.Kind), b.Title.pointer(), b.Description.pointer(), b.MembersInvite.value
	faults := n.Validate()
	if !m.v1 && n.Creator == nil {
		faults = append(faults, chat.Missing("creator"))
	}
	if err := chat.Faulty(chat.RoomEntity, faults); err != nil {
		return err
	}
	return m.makeRoom(w, r, n)
}

// createReserved refuses a room called participant as any reserved name is refused, though the path is one of its own.
func (m *mount) createReserved(w http.ResponseWriter, r *http.Request) error {
	return m.createRoom(w, mux.SetURLVars(r, map[string]string{"room": "participant"}))
}

func (m *mount) makeRoom(w http.ResponseWriter, r *http.Request, n chat.NewRoom) error {
	v, err := m.chat.CreateRoom(r.Context(), who(r), n)
	if err != nil {
		return err
	}
	return m.created(w, r, "/rooms/"+url.PathEscape(v.Name), m.form.room(v))
}

func (m *mount) getRoom(w http.ResponseWriter, r *http.Request) error {
	name := api.Variable(r, "room")
	if !m.v1 {
		return m.writeRoom(w, r, name)
	}
	names, err := api.ParseSet(name)
	if err != nil {
		return err
	}
	return m.roomsOf(w, r, names)
}

// shows returns NotFound for a room that the mount does not show, whoever asks: KillrChat's have open rooms only.
func (m *mount) shows(room string) error {
	if m.v1 || chat.Chosen(room) {
		return nil
	}
	return chat.ErrNotFound(chat.RoomEntity, room)
}

func (m *mount) writeRoom(w http.ResponseWriter, r *http.Request, name string) error {
	if err := m.shows(name); err != nil {
		return err
	}
	v, err := m.chat.Room(r.Context(), who(r).Principal(), name)
	if err != nil {
		return err
	}
	return m.entity(w, r, m.form.room(v))
}

type participantList struct {
	Participants []person `json:"participants"`
	HasMore      bool     `json:"hasMore"`

	Avatars map[string]string `json:"avatars,omitempty"`
}

func (m *mount) listParticipants(w http.ResponseWriter, r *http.Request) error {
	q, err := api.Query(r)
	if err != nil {
		return err
	}
	rg, err := rangeOf(q)
	if err != nil {
		return err
	}
	ps, more, err := m.chat.Participants(r.Context(), who(r).Principal(), api.Variable(r, "room"), rg)
	if err != nil {
		return err
	}
	avatars, err := m.avatars(r, ps)
	if err != nil {
		return err
	}
	return m.ok(w, participantList{Participants: peopleOf(ps), HasMore: more, Avatars: avatars})
}

// putRoom replaces what can be replaced of a room, its banner; an unknown room is created.
func (m *mount) putRoom(w http.ResponseWriter, r *http.Request) error {
	b, err := m.readRoom(w, r)
	if err != nil {
		return err
	}
	name := api.Variable(r, "room")
	err = m.setBanner(w, r, b.Banner.Value)
	if !chat.IsKind(err, chat.NotFound) {
		return err
	}
	if err := api.CheckConditions(r, nil); err != nil {
		return err
	}
	err = m.makeRoom(w, r, chat.NewRoom{Name: name, Creator: loginOf(b.Creator), Banner: b.Banner.Value})
	if chat.IsKind(err, chat.Conflict) && api.Conditional(r) {
		return api.ErrPrecondition() // somebody else has created it since
	}
	return err
}

// setBanner replaces the banner of the room that the path names.
func (m *mount) setBanner(w http.ResponseWriter, r *http.Request, banner *string) error {
	was, err := m.roomIf(r)
	if err != nil {
		return err
	}
	v, err := m.chat.SetBanner(r.Context(), who(r), api.Variable(r, "room"), banner, was)
	if err != nil {
		return err
	}
	return m.entity(w, r, m.form.room(v))
}

// roomIf returns the room that a conditional request may change, if its conditions hold; nil for another request.
func (m *mount) roomIf(r *http.Request) (*chat.Room, error) {
	if !m.v1 || !api.Conditional(r) {
		return nil, nil
	}
	v, err := m.ownRoom(r)
	return &v.Room, err
}

// ownRoom returns the room that the path names to its creator, if the conditions of the request hold.
func (m *mount) ownRoom(r *http.Request) (chat.RoomView, error) {
	v, err := m.chat.OwnRoom(r.Context(), who(r), api.Variable(r, "room"))
	if err == nil && api.Conditional(r) {
		err = api.CheckConditions(r, encode(m.form.room(v)))
	}
	return v, err
}

// patchRoom deletes the room if the body names participants, whoever they are: so KillrChat spells it. On v1 it
// otherwise changes what the body names.
func (m *mount) patchRoom(w http.ResponseWriter, r *http.Request) error {
	b, err := m.readRoom(w, r)
	if err != nil {
		return err
	}
	switch {
	case b.Participants != nil:
		return m.deleteRoom(w, r)
	case !m.v1:
		return chat.Faulty(chat.RoomEntity, []chat.Fault{chat.Missing("participants")})
	}
	return m.changeRoom(w, r, b)
}

func (m *mount) deleteRoom(w http.ResponseWriter, r *http.Request) error {
	if err := m.shows(api.Variable(r, "room")); err != nil {
		return err
	}
	if _, err := m.roomIf(r); err != nil {
		return err
	}
	if err := m.chat.DeleteRoom(r.Context(), who(r), api.Variable(r, "room")); err != nil {
		return err
	}
	m.record(r, audit.RoomDeleted, api.Variable(r, "room"), "")
	return noContent(w)
}

// putRetention says how long messages are kept. A site administrator may do so for any room.
func (m *mount) putRetention(w http.ResponseWriter, r *http.Request) error {
	to, err := api.ReadRetention(w, r)
	if err != nil {
		return err
	}
	name := api.Variable(r, "room")
	v, err := m.chat.SetRetention(r.Context(), who(r), name, to)
	if chat.IsKind(err, chat.Forbidden) {
		admin, adminErr := m.officers.Is(r.Context(), who(r))
		switch {
		case adminErr != nil:
			return adminErr
		case admin:
			v, err = m.chat.ImposeRetention(r.Context(), who(r).Tenant, name, to)
		}
	}
	if err != nil {
		return err
	}
	m.record(r, audit.RetentionSet, name, to.String())
	return m.entity(w, r, m.form.room(v))
}

type roomList struct {
	Rooms   []room `json:"rooms"`
	HasMore bool   `json:"hasMore"`
}

func (m *mount) listRooms(w http.ResponseWriter, r *http.Request) error {
	q, err := api.Query(r)
	if err != nil {
		return err
	}
	return m.rooms(w, r, q)
}

// rooms answers with what a query asks for: rooms by their names, or a range of all.
func (m *mount) rooms(w http.ResponseWriter, r *http.Request, q url.Values) error {
	if m.v1 && q.Has("id") {
		names, err := api.ParseSet(q["id"]...)
		if err != nil {
			return err
		}
		return m.roomsOf(w, r, names)
	}
	rg, err := m.roomRange(q)
	if err != nil {
		return err
	}
	if !m.v1 {
		a := arrayInParts{mount: m, w: w}
		return a.end(r, m.chat.RoomsInParts(r.Context(), who(r).Tenant, rg, func(part []chat.RoomView, last bool) error {
			return a.write(encode(m.form.rooms(part)), last)
		}))
	}
	vs, more, err := m.chat.Rooms(r.Context(), who(r).Tenant, rg)
	if err != nil {
		return err
	}
	return m.ok(w, roomList{Rooms: m.form.rooms(vs), HasMore: more})
}

// roomRange reads which rooms are wanted. KillrChat takes a size that is not positive for its default.
func (m *mount) roomRange(q url.Values) (chat.Range, error) {
	if m.v1 {
		return rangeOf(q)
	}
	n, err := api.Int(q, "fetchSize", defaultList)
	if n <= 0 {
		n = defaultList
	}
	return chat.Range{Limit: n}, err
}

func (m *mount) roomsOf(w http.ResponseWriter, r *http.Request, names api.Set) error {
	if names.One {
		return m.writeRoom(w, r, names.Names[0])
	}
	vs, more, err := m.chat.RoomsByName(r.Context(), who(r).Principal(), names.Names)
	if err != nil {
		return err
	}
	return m.ok(w, roomList{Rooms: m.form.rooms(vs), HasMore: more})
}
