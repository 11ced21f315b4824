package chatapi

import (
	"net/http"
	"net/url"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/chat"
)

// openConversation answers with the direct conversation of the user with others: 201 if it was created.
func (m *mount) openConversation(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Logins *[]string `json:"logins"`
	}
	if err := api.ReadJSON(w, r, &b); err != nil {
		return err
	}
	if b.Logins == nil {
		return chat.Faulty(chat.RoomEntity, []chat.Fault{chat.Missing("logins")})
	}
	v, created, err := m.chat.OpenDirect(r.Context(), who(r), *b.Logins)
	switch {
	case err != nil:
		return err
	case created:
		return m.created(w, r, "/rooms/"+url.PathEscape(v.Name), m.form.room(v))
	}
	return m.entity(w, r, m.form.room(v))
}

// between returns the people of the direct conversations among rooms, keyed by login.
func (m *mount) between(r *http.Request, states []chat.RoomState) (map[string]chat.Person, error) {
	var logins []string
	for _, s := range states {
		logins = append(logins, s.Settings.Between...)
	}
	return m.peopleBy(r, logins)
}

// peopleBy returns those of logins that have an account, keyed by login. It reads nothing for none.
func (m *mount) peopleBy(r *http.Request, logins []string) (map[string]chat.Person, error) {
	by := map[string]chat.Person{}
	if len(logins) == 0 {
		return by, nil
	}
	people, err := m.chat.People(r.Context(), who(r).Tenant, logins)
	for _, p := range people {
		by[p.Login] = p
	}
	return by, err
}
