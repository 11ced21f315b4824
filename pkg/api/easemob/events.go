package easemob

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/sse"
)

// Encoder writes the events of streams.
type Encoder struct{}

var _ sse.Encoder = Encoder{}

// brief says which message an event is about.
type brief struct {
	MsgID    string   `json:"msg_id"`
	From     string   `json:"from"`
	To       string   `json:"to"`
	ChatType string   `json:"chat_type"`
	Payload  *payload `json:"payload,omitzero"`
}

// Message implements sse.Encoder.
func (Encoder) Message(i sse.Item) (string, []byte) {
	b, p := briefly(i)
	at := i.ID.Time().UnixMilli()
	return b.MsgID, encoded(record{UUID: i.ID.String(), Type: "chatmessage", Created: at, Modified: at, MsgID: b.MsgID, Timestamp: at, Direction: inwards,
		From: b.From, To: b.To, ChatType: b.ChatType, Payload: p})
}

// Recall implements sse.Encoder.
func (Encoder) Recall(i sse.Item) []byte {
	b, _ := briefly(i)
	return encoded(b)
}

// Rewrite implements sse.Encoder.
func (Encoder) Rewrite(i sse.Item) []byte {
	b, p := briefly(i)
	b.Payload = &p
	return encoded(b)
}

func briefly(i sse.Item) (brief, payload) {
	from, to, chatType := i.Author.FirstName, i.To, toUsers.chatType
	if i.Tenant == chat.DefaultTenant {
		from = i.Author.Login
	}
	if from == "" {
		from = account.DefaultSender
	}
	switch i.Kind {
	case chat.GroupRoom:
		to, chatType = numberOf(chat.Room{ID: i.Log}), toGroups.chatType
	case chat.ChatRoom:
		to, chatType = numberOf(chat.Room{ID: i.Log}), toRooms.chatType
	}
	body, err := bodyOf(i.Message)
	if err != nil { // it was checked when it came
		body = fields{}
	}
	p := payload{Bodies: []map[string]jsontext.Value{body}, Ext: i.Ext, From: from, To: to}
	if p.Ext == nil {
		p.Ext = jsontext.Value("{}")
	}
	return brief{MsgID: numberText(i.ID), From: from, To: to, ChatType: chatType}, p
}

// encoded is v as one line of JSON.
func encoded(v any) []byte {
	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		panic(err) // it is made of texts, numbers and JSON that was read
	}
	return b
}
