package chatapi

import (
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/api/session"
	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
)

type participantBody struct {
	Login *string                   `json:"login"`
	Room  *string                   `json:"roomName"`
	Other map[string]jsontext.Value `json:",embed"`
}

// participant reads who joins or leaves which room. On the plain mounts the body has to name
// somebody; on v1 it may be absent.
func (m *mount) participant(w http.ResponseWriter, r *http.Request) (room string, login *string, err error) {
	var b participantBody
	read := api.ReadJSON
	if m.v1 {
		read = api.ReadOptionalJSON
	}
	if err := read(w, r, &b); err != nil {
		return "", nil, err
	}
	if room, err = m.roomOf(r, b.Room); err != nil {
		return "", nil, err
	}
	if m.v1 && b.Login == nil && len(b.Other) > 0 {
		// Somebody else may be meant: oneself is who sends no body.
		return "", nil, api.Malformed("name who is meant, as login; without a body it is yourself")
	}
	if !m.v1 && (b.Login == nil || *b.Login == "") {
		return "", nil, chat.Faulty(chat.UserEntity, []chat.Fault{chat.Blank("login", b.Login)})
	}
	return room, b.Login, nil
}

// roomOf returns the room of a request: from the path, or, as KillrChat's published paths want
// it, from the parameter or the body member roomName.
func (m *mount) roomOf(r *http.Request, inBody *string) (string, error) {
	name, err := m.roomNamed(r, inBody)
	if err != nil {
		return "", err
	}
	return name, m.shows(name)
}

func (m *mount) roomNamed(r *http.Request, inBody *string) (string, error) {
	if name := api.Variable(r, "room"); name != "" {
		return name, nil
	}
	q, err := api.Query(r)
	if err != nil {
		return "", err
	}
	if name := q.Get("roomName"); name != "" {
		return name, nil
	}
	if inBody != nil && *inBody != "" {
		return *inBody, nil
	}
	return "", api.Malformed("name the room: in the path, or as the parameter roomName")
}

func (m *mount) join(w http.ResponseWriter, r *http.Request) error {
	room, login, err := m.participant(w, r)
	if err != nil {
		return err
	}
	if err := m.chat.Join(r.Context(), who(r), room, login); err != nil {
		return err
	}
	return noContent(w)
}

func (m *mount) leave(w http.ResponseWriter, r *http.Request) error {
	room, login, err := m.participant(w, r)
	if err != nil {
		return err
	}
	if login != nil && *login != who(r).Login {
		// Leaving is open to a token that may post; removing others is managing.
		if err := session.CheckScope(r, api.Operation{Scope: auth.ManageScope}); err != nil {
			return err
		}
	}
	if err := m.chat.Leave(r.Context(), who(r), room, login); err != nil {
		return err
	}
	return noContent(w)
}

func (m *mount) leaveSelf(w http.ResponseWriter, r *http.Request) error {
	if err := m.chat.Leave(r.Context(), who(r), api.Variable(r, "room"), nil); err != nil {
		return err
	}
	return noContent(w)
}
