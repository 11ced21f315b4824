package easemob

import (
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// placeOf returns the type of the conversation that a message is of, and to whom it is: a user, or the id of a group or
// chat room.
func placeOf(m chat.AppMessage) (chatType, to string) {
	switch to := numberOf(chat.Room{ID: m.In.Room}); {
	case m.In.Room.IsZero():
		return toUsers.chatType, m.To
	case m.In.Kind == chat.ChatRoom:
		return toRooms.chatType, to
	default:
		return toGroups.chatType, to
	}
}

// numberText is the msg_id of a message; empty if it has none.
func numberText(m id.ID) string {
	n, ok := m.Number()
	if !ok {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// record is a message as the history and the streams of users show it.
type record struct {
	UUID      string  `json:"uuid,omitzero"`
	Type      string  `json:"type"`
	Created   int64   `json:"created,omitzero"`
	Modified  int64   `json:"modified,omitzero"`
	MsgID     string  `json:"msg_id"`
	Timestamp int64   `json:"timestamp"` // milliseconds
	Direction string  `json:"direction"`
	From      string  `json:"from"`
	To        string  `json:"to"`
	ChatType  string  `json:"chat_type"`
	Payload   payload `json:"payload"`
}

type payload struct {
	Bodies []map[string]jsontext.Value `json:"bodies"`
	Ext    jsontext.Value              `json:"ext"`
	From   string                      `json:"from"`
	To     string                      `json:"to"`
}

const outwards, inwards = "outgoing", "incoming"

// recordOf shows a message.
func (c *call) recordOf(m chat.AppMessage, direction string) (record, error) {
	chatType, to := placeOf(m)
	body, err := bodyOf(m.Message)
	ext := m.Ext
	if ext == nil {
		ext = jsontext.Value("{}")
	}
	from := c.nameOf(m.Author)
	return record{Type: "chatmessage", MsgID: numberText(m.ID), Timestamp: m.ID.Time().UnixMilli(), Direction: direction, From: from, To: to, ChatType: chatType,
		Payload: payload{Bodies: []map[string]jsontext.Value{body}, Ext: ext, From: from, To: to}}, err
}

// bodyOf is the body of a message with its type, in the words of the platform.
func bodyOf(m chat.Message) (fields, error) {
	if m.Kind == chat.TextKind {
		return fields{"type": quoted("txt"), "msg": quoted(m.Content)}, nil
	}
	var body fields
	if m.Body != nil {
		if err := json.Unmarshal(m.Body, &body); err != nil {
			return nil, err
		}
	}
	for _, t := range bodyTypes {
		if t.kind != m.Kind {
			continue
		}
		out := fields{"type": quoted(t.name)}
		for _, f := range t.fields {
			if v, there := body[f.ours]; there {
				out[f.theirs] = v
			}
		}
		if t.kind == chat.ImageKind && (out.has("width") || out.has("height")) {
			size, err := json.Marshal(map[string]jsontext.Value{"width": or(out["width"], "0"), "height": or(out["height"], "0")}, json.Deterministic(true))
			if err != nil {
				return nil, err
			}
			out["size"] = size
			delete(out, "width")
			delete(out, "height")
		}
		return out, nil
	}
	return fields{"type": quoted("txt"), "msg": quoted(m.Content)}, nil
}

func or(v jsontext.Value, instead string) jsontext.Value {
	if v == nil {
		return jsontext.Value(instead)
	}
	return v
}
