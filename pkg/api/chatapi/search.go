package chatapi

import (
	"net/http"

	"github.com/confab-chat/confab/pkg/api"
)

type found struct {
	Rooms []room   `json:"rooms"`
	Users []person `json:"users"`

	Avatars map[string]string `json:"avatars,omitempty"`
}

// defaultFound is how many rooms, and people, a search returns if its size was not given.
const defaultFound = 8

func (m *mount) search(w http.ResponseWriter, r *http.Request) error {
	q, err := api.Query(r)
	if err != nil {
		return err
	}
	n, err := api.Int(q, "fetchSize", defaultFound)
	if err != nil {
		return err
	}
	if n <= 0 {
		return api.Malformed("fetchSize has to be 1 or more")
	}
	f, err := m.chat.Search(r.Context(), who(r).Tenant, q.Get("q"), n)
	if err != nil {
		return err
	}
	avatars, err := m.avatars(r, f.People)
	if err != nil {
		return err
	}
	return m.ok(w, found{Rooms: m.form.rooms(f.Rooms), Users: peopleOf(f.People), Avatars: avatars})
}
