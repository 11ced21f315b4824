package chatapi

import (
	"net/http"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

func (m *mount) invite(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Logins *[]string `json:"logins"`
		Note   *string   `json:"note"`
	}
	if err := api.ReadJSON(w, r, &b); err != nil {
		return err
	}
	if b.Logins == nil {
		return chat.Faulty(chat.RoomEntity, []chat.Fault{chat.Missing("logins")})
	}
	if err := m.chat.Invite(r.Context(), who(r), api.Variable(r, "room"), *b.Logins, textOf(b.Note)); err != nil {
		return err
	}
	return noContent(w)
}

// invited is an invitation to a room, as who is invited sees it.
type invited struct {
	ID    string  `json:"id"`
	Room  string  `json:"roomName"`
	Kind  string  `json:"kind"`
	Title *string `json:"title"`
	By    *person `json:"by"` // null if that account was deleted
	Note  string  `json:"note"`
	At    string  `json:"at"`
}

type invitedList struct {
	Invitations []invited `json:"invitations"`
	HasMore     bool      `json:"hasMore"`
}

// listInvited answers with the invitations of the user, the newest first.
func (m *mount) listInvited(w http.ResponseWriter, r *http.Request) error {
	if api.Variable(r, "login") != who(r).Login {
		return chat.ErrForbidden("only the user may see their invitations")
	}
	q, limit, err := listQuery(r)
	if err != nil {
		return err
	}
	var before id.ID
	if q.Has("before") {
		if before, err = id.Parse(q.Get("before")); err != nil {
			return api.Malformed("before has to be the id of an invitation")
		}
	}
	all, more, err := m.chat.Invitations(r.Context(), who(r), before, limit)
	if err != nil {
		return err
	}
	var logins []string
	for _, inv := range all {
		logins = append(logins, inv.By)
	}
	people, err := m.peopleBy(r, logins)
	if err != nil {
		return err
	}
	out := invitedList{Invitations: make([]invited, len(all)), HasMore: more}
	for i, inv := range all {
		s := inv.Room.Settings
		out.Invitations[i] = invited{ID: inv.At.String(), Room: inv.Room.Name, Kind: kindName(s.Kind), Title: orNull(s.Title), Note: inv.Note, At: m.form.time(inv.At.Time())}
		if p, ok := people[inv.By]; ok {
			out.Invitations[i].By = new(personOf(p))
		}
	}
	return m.ok(w, out)
}

func (m *mount) decline(w http.ResponseWriter, r *http.Request) error {
	if api.Variable(r, "login") != who(r).Login {
		return chat.ErrForbidden("only the user may decline their invitations")
	}
	if err := m.chat.Decline(r.Context(), who(r), api.Variable(r, "room")); err != nil {
		return err
	}
	return noContent(w)
}

// ask asks to join a room.
func (m *mount) ask(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Note *string `json:"note"`
	}
	if err := api.ReadOptionalJSON(w, r, &b); err != nil {
		return err
	}
	if err := m.chat.Ask(r.Context(), who(r), api.Variable(r, "room"), textOf(b.Note)); err != nil {
		return err
	}
	return noContent(w)
}

func (m *mount) unask(w http.ResponseWriter, r *http.Request) error {
	if err := m.chat.Unask(r.Context(), who(r), api.Variable(r, "room")); err != nil {
		return err
	}
	return noContent(w)
}
