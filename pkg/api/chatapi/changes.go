package chatapi

import (
	"context"
	"net/http"
	"net/url"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

func (m *mount) editMessage(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Content *string `json:"content"`
		payloadBody
	}
	if err := api.ReadJSON(w, r, &b); err != nil {
		return err
	}
	mid, err := messageOf(r)
	if err != nil {
		return err
	}
	as := chat.Principal{Identity: who(r)}
	msg, err := m.chat.Rewrite(r.Context(), as, api.Variable(r, "room"), mid, chat.Rewrite{Content: b.Content, Payload: b.payload()})
	if err != nil {
		return err
	}
	return m.ok(w, m.form.message(msg))
}

func (m *mount) deleteMessage(w http.ResponseWriter, r *http.Request) error {
	mid, err := messageOf(r)
	if err != nil {
		return err
	}
	if err := m.chat.DeleteMessage(r.Context(), who(r), api.Variable(r, "room"), mid); err != nil {
		return err
	}
	return noContent(w)
}

func (m *mount) react(w http.ResponseWriter, r *http.Request) error { return m.reacts(w, r, true) }

func (m *mount) unreact(w http.ResponseWriter, r *http.Request) error { return m.reacts(w, r, false) }

func (m *mount) reacts(w http.ResponseWriter, r *http.Request, on bool) error {
	mid, err := messageOf(r)
	if err != nil {
		return err
	}
	msg, err := m.chat.React(r.Context(), who(r), api.Variable(r, "room"), mid, api.Variable(r, "emoji"), on)
	if err != nil {
		return err
	}
	return m.ok(w, m.form.message(msg))
}

type change struct {
	ID      string  `json:"changeId"`
	Kind    string  `json:"kind"`
	Message message `json:"message"`
}

type changeList struct {
	Changes []change `json:"changes"`
	HasMore bool     `json:"hasMore"`
	Next    string   `json:"next,omitempty"` // if HasMore
}

func (m *mount) listChanges(w http.ResponseWriter, r *http.Request) error {
	q, limit, err := listQuery(r)
	if err != nil {
		return err
	}
	after := id.Min
	if q.Has("after") {
		if after, err = id.Parse(q.Get("after")); err != nil {
			return api.Malformed("after has to be the id of a message or of a change")
		}
	}
	page, err := m.chat.Changes(r.Context(), who(r), api.Variable(r, "room"), after, limit)
	if err != nil {
		return err
	}
	out := changeList{Changes: make([]change, len(page.Changes)), HasMore: page.HasMore}
	if page.HasMore {
		out.Next = page.Next.String()
	}
	for i, c := range page.Changes {
		out.Changes[i] = change{ID: c.ID.String(), Kind: string(c.Kind), Message: m.form.message(c.Message)}
	}
	return m.ok(w, out)
}

// listQuery reads the query of a list and how long the list may be.
func listQuery(r *http.Request) (url.Values, int, error) {
	q, err := api.Query(r)
	if err != nil {
		return nil, 0, err
	}
	limit, err := pageSize(q)
	return q, limit, err
}

// pageSize reads fetchSize.
func pageSize(q url.Values) (int, error) {
	n, err := api.Int(q, "fetchSize", v1Page)
	if err == nil && n <= 0 {
		err = api.Malformed("fetchSize has to be more than 0")
	}
	return n, err
}

type roomState struct {
	Name    string   `json:"roomName"`
	Kind    string   `json:"kind"`
	Title   *string  `json:"title"`
	Between []person `json:"between,omitempty"`

	Last   *message `json:"lastMessage"`
	Read   *string  `json:"lastRead"`
	Back   bool     `json:"markedUnread"`
	Unread int      `json:"unread"`
	Muted  bool     `json:"muted"`
}

type stateList struct {
	Rooms   []roomState `json:"rooms"`
	HasMore bool        `json:"hasMore"`
}

func (m *mount) listStates(w http.ResponseWriter, r *http.Request) error {
	q, limit, err := listQuery(r)
	if err != nil {
		return err
	}
	states, more, err := m.chat.RoomStates(r.Context(), who(r), api.Variable(r, "login"), q.Get("after"), limit)
	if err != nil {
		return err
	}
	people, err := m.between(r, states)
	if err != nil {
		return err
	}
	out := stateList{Rooms: make([]roomState, len(states)), HasMore: more}
	for i, s := range states {
		out.Rooms[i] = roomState{Name: s.Name, Kind: kindName(s.Settings.Kind), Title: orNull(s.Settings.Title), Back: s.MarkedUnread(), Unread: s.Unread, Muted: s.Muted}
		for _, login := range s.Settings.Between {
			if p, ok := people[login]; ok {
				out.Rooms[i].Between = append(out.Rooms[i].Between, personOf(p))
			}
		}
		if s.Last != nil {
			last := m.form.message(*s.Last)
			out.Rooms[i].Last = &last
		}
		if at := s.Position(); !at.IsZero() {
			read := at.String()
			out.Rooms[i].Read = &read
		}
	}
	return m.ok(w, out)
}

func (m *mount) putRead(w http.ResponseWriter, r *http.Request) error {
	return m.moveRead(w, r, m.chat.MarkRead)
}

func (m *mount) putUnread(w http.ResponseWriter, r *http.Request) error {
	return m.moveRead(w, r, m.chat.MarkUnread)
}

func (m *mount) moveRead(w http.ResponseWriter, r *http.Request, move func(context.Context, chat.Identity, string, id.ID) error) error {
	var b struct {
		ID *string `json:"messageId"`
	}
	if err := api.ReadJSON(w, r, &b); err != nil {
		return err
	}
	if b.ID == nil {
		return chat.Faulty(chat.MessageEntity, []chat.Fault{chat.Missing("messageId")})
	}
	mid, err := id.Parse(*b.ID)
	if err != nil {
		return chat.Faulty(chat.MessageEntity, []chat.Fault{notAMessage("messageId", b.ID)})
	}
	if err := move(r.Context(), who(r), api.Variable(r, "room"), mid); err != nil {
		return err
	}
	return noContent(w)
}

func (m *mount) putMute(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Muted *bool `json:"muted"`
	}
	if err := api.ReadJSON(w, r, &b); err != nil {
		return err
	}
	if b.Muted == nil {
		return chat.Faulty(chat.RoomEntity, []chat.Fault{chat.Missing("muted")})
	}
	if err := m.chat.Mute(r.Context(), who(r), api.Variable(r, "room"), *b.Muted); err != nil {
		return err
	}
	return noContent(w)
}
