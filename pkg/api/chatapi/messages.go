package chatapi

import (
	"net/http"
	"net/url"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// Page sizes when none is given.
const (
	plainPage = 5
	v1Page    = 50
)

type messageBody struct {
	Author  *personBody `json:"author"`
	Content *string     `json:"content"`
	ReplyTo *string     `json:"replyTo"`
	Room    *string     `json:"roomName"`
	payloadBody
}

// payloadBody is what a request says of a message beside its text; v1 only.
type payloadBody struct {
	Kind *string        `json:"kind"`
	Body jsontext.Value `json:"body"`
	Ext  jsontext.Value `json:"ext"`
}

func (b payloadBody) payload() chat.Payload {
	p := chat.Payload{Body: b.Body, Ext: b.Ext}
	if b.Kind != nil {
		p.Kind = chat.MessageKind(*b.Kind)
	}
	return p
}

func (m *mount) post(w http.ResponseWriter, r *http.Request) error {
	var b messageBody
	if err := api.ReadJSON(w, r, &b); err != nil {
		return err
	}
	room, err := m.roomOf(r, b.Room)
	if err != nil {
		return err
	}
	n := chat.NewMessage{Author: loginOf(b.Author), Content: b.Content}
	if keys := r.Header.Values("Idempotency-Key"); len(keys) > 0 {
		n.Key = &keys[0]
	}
	if m.v1 {
		n.Payload = b.payload()
	}
	if m.v1 && b.ReplyTo != nil {
		to, err := id.Parse(*b.ReplyTo)
		if err != nil {
			return chat.Faulty(chat.MessageEntity, []chat.Fault{notAMessage("replyTo", b.ReplyTo)})
		}
		n.ReplyTo = &to
	}
	if !m.v1 && n.Author == nil {
		return chat.Faulty(chat.MessageEntity, append(n.Validate(), chat.Missing("author")))
	}
	msg, err := m.chat.Post(r.Context(), who(r), room, n)
	if err != nil {
		return err
	}
	if !m.v1 {
		return noContent(w)
	}
	w.Header().Set("Location", m.prefix+"/messages/"+url.PathEscape(room)+"/"+msg.ID.String())
	api.Write(w, http.StatusCreated, m.contentType(), encode(m.form.message(msg)))
	return nil
}

func (m *mount) getMessage(w http.ResponseWriter, r *http.Request) error {
	mid, err := messageOf(r)
	if err != nil {
		return err
	}
	msg, err := m.chat.Message(r.Context(), who(r), api.Variable(r, "room"), mid)
	if err != nil {
		return err
	}
	return m.ok(w, m.form.message(msg))
}

// messageOf returns the message that the path names.
func messageOf(r *http.Request) (id.ID, error) {
	m, err := id.Parse(api.Variable(r, "message"))
	if err != nil {
		return m, chat.ErrNotFound(chat.MessageEntity, api.Variable(r, "message"))
	}
	return m, nil
}

type page struct {
	Messages      []message `json:"messages"`
	HasMore       bool      `json:"hasMore"`
	HasMoreBefore *bool     `json:"hasMoreBefore,omitempty"`
	HasMoreAfter  *bool     `json:"hasMoreAfter,omitempty"`

	Avatars map[string]string `json:"avatars,omitempty"`
}

func (m *mount) listMessages(w http.ResponseWriter, r *http.Request) error {
	q, err := api.Query(r)
	if err != nil {
		return err
	}
	return m.messages(w, r, q)
}

func (m *mount) queryMessages(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Before    *string `json:"before"`
		After     *string `json:"after"`
		Around    *string `json:"around"`
		FetchSize *int    `json:"fetchSize"`
	}
	if err := api.ReadJSON(w, r, &b); err != nil {
		return err
	}
	q := url.Values{}
	setText(q, "before", b.Before)
	setText(q, "after", b.After)
	setText(q, "around", b.Around)
	setInt(q, "fetchSize", b.FetchSize)
	return m.messages(w, r, q)
}

// notAMessage is the fault of a member that is no id of a message.
func notAMessage(field string, v *string) chat.Fault {
	return chat.Fault{Field: field, Message: "must be the id of a message", Rejected: v}
}

// messages answers with the page that a query asks for.
func (m *mount) messages(w http.ResponseWriter, r *http.Request, q url.Values) error {
	room, err := m.roomOf(r, nil)
	if err != nil {
		return err
	}
	pq, err := m.pageQuery(q)
	if err != nil {
		return err
	}
	if !m.v1 {
		return m.plainPage(w, r, room, pq)
	}
	p, err := m.chat.Messages(r.Context(), who(r), room, pq)
	if err != nil {
		return err
	}
	authors := make([]chat.Person, len(p.Messages))
	for i, msg := range p.Messages {
		authors[i] = msg.Author
	}
	avatars, err := m.avatars(r, authors)
	if err != nil {
		return err
	}
	var body []byte
	if err := api.InTurn(r.Context(), chat.Bytes(p.Messages), func() {
		out := page{Messages: m.form.messages(p.Messages), HasMore: p.HasMore(), Avatars: avatars}
		if pq.Around != nil {
			out.HasMoreBefore, out.HasMoreAfter = &p.HasMoreBefore, &p.HasMoreAfter
		}
		body = encode(out)
	}); err != nil {
		return chat.ErrUnavailable(err)
	}
	api.Write(w, http.StatusOK, m.contentType(), body)
	return nil
}

// plainPage answers with a page of the plain mounts. Their clients take a page that is not full for the beginning of the
// room, so a large page is not cut, but written in parts.
func (m *mount) plainPage(w http.ResponseWriter, r *http.Request, room string, pq chat.PageQuery) error {
	a := arrayInParts{mount: m, w: w}
	return a.end(r, m.chat.NewestInParts(r.Context(), who(r), room, pq, func(part []chat.Message, last bool) error {
		var body []byte
		if err := api.InTurn(r.Context(), chat.Bytes(part), func() { body = encode(m.form.messages(part)) }); err != nil {
			return chat.ErrUnavailable(err)
		}
		return a.write(body, last)
	}))
}

// pageQuery reads which page is wanted. The plain mounts know only fromMessageId, and take a size that
// is not positive for their default.
func (m *mount) pageQuery(q url.Values) (chat.PageQuery, error) {
	var pq chat.PageQuery
	var err error
	if m.v1 {
		pq.Limit, err = api.Int(q, "fetchSize", v1Page)
		if err == nil && pq.Limit <= 0 {
			err = api.Malformed("fetchSize has to be more than 0")
		}
	} else if pq.Limit, err = api.Int(q, "fetchSize", plainPage); pq.Limit <= 0 {
		pq.Limit = plainPage
	}
	if err != nil {
		return pq, err
	}
	positions := []struct {
		name string
		to   **id.ID
	}{{"fromMessageId", &pq.Before}, {"before", &pq.Before}, {"after", &pq.After}, {"around", &pq.Around}}
	if !m.v1 {
		positions = positions[:1]
	}
	given := 0
	for _, p := range positions {
		if !q.Has(p.name) {
			continue
		}
		if given++; given > 1 {
			return pq, api.Malformed("give only one of fromMessageId, before, after and around")
		}
		at, err := id.Parse(q.Get(p.name))
		if err != nil {
			return pq, api.Malformed("%s has to be the id of a message", p.name)
		}
		*p.to = &at
	}
	return pq, nil
}
