package chatapi

import (
	"net/http"
	"time"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/chat"
)

// listed is somebody on a list of a room.
type listed struct {
	Login string  `json:"login"`
	Until *string `json:"until"` // null: it has no end
	By    *string `json:"by"`    // a login; null if that account was erased
	Note  string  `json:"note"`
	At    string  `json:"at"`
}

type listedList struct {
	People  []listed `json:"people"`
	HasMore bool     `json:"hasMore"`
}

func roomListOf(r *http.Request) chat.RoomList { return chat.RoomList(api.Variable(r, "list")) }

func (m *mount) getListed(w http.ResponseWriter, r *http.Request) error {
	q, limit, err := listQuery(r)
	if err != nil {
		return err
	}
	all, more, err := m.chat.Listed(r.Context(), who(r).Principal(), api.Variable(r, "room"), roomListOf(r), q.Get("after"), min(limit, chat.MaxPage))
	if err != nil {
		return err
	}
	out := listedList{People: make([]listed, len(all)), HasMore: more}
	for i, l := range all {
		out.People[i] = listed{Login: l.Login, By: orNull(l.By), Note: l.Note, At: m.form.time(l.At.Time())}
		if !l.Until.IsZero() {
			out.People[i].Until = new(m.form.time(l.Until))
		}
	}
	return m.ok(w, out)
}

func (m *mount) putListed(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Until *time.Time `json:"until"`
		Note  *string    `json:"note"`
	}
	if err := api.ReadOptionalJSON(w, r, &b); err != nil {
		return err
	}
	var until time.Time
	if b.Until != nil {
		until = *b.Until
	}
	err := m.chat.List(r.Context(), who(r).Principal(), api.Variable(r, "room"), roomListOf(r), []string{api.Variable(r, "login")}, until, textOf(b.Note))
	if err != nil {
		return err
	}
	return noContent(w)
}

func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// deleteListed takes somebody off a list. Who is not on it stays off it.
func (m *mount) deleteListed(w http.ResponseWriter, r *http.Request) error {
	_, err := m.chat.Unlist(r.Context(), who(r).Principal(), api.Variable(r, "room"), roomListOf(r), []string{api.Variable(r, "login")})
	if err != nil {
		return err
	}
	return noContent(w)
}
