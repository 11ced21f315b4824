package easemob

import (
	"cmp"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// placeOf returns the type of a conversation, by the kind of its room (chat.DirectRoom for a message to a user), and to whom
// its messages are: a user, or the id of a group or chat room.
func placeOf(k chat.RoomKind, room id.ID, m chat.Message) (chatType, to string) {
	switch k {
	case chat.DirectRoom:
		return toUsers.chatType, m.To
	case chat.ChatRoom:
		return toRooms.chatType, numberOf(chat.Room{ID: room})
	default:
		return toGroups.chatType, numberOf(chat.Room{ID: room})
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

// brief says which message something is about.
type brief struct {
	MsgID    string   `json:"msg_id"`
	From     string   `json:"from"`
	To       string   `json:"to"`
	ChatType string   `json:"chat_type"`
	Payload  *payload `json:"payload,omitzero"`
}

// record is a message as the history and the streams of users show it. The history's files have it without UUID and times.
type record struct {
	UUID      string `json:"uuid,omitzero"`
	Type      string `json:"type"`
	Created   int64  `json:"created,omitzero"`
	Modified  int64  `json:"modified,omitzero"`
	Timestamp int64  `json:"timestamp"` // milliseconds
	Direction string `json:"direction"`
	brief
}

type payload struct {
	Bodies []fields       `json:"bodies"`
	Ext    jsontext.Value `json:"ext"`
	From   string         `json:"from"`
	To     string         `json:"to"`
}

const outwards, inwards = "outgoing", "incoming"

// briefOf says which message one of a tenant is: of a room of a kind, or to a user; see placeOf.
func briefOf(t chat.Tenant, k chat.RoomKind, room id.ID, m chat.Message) brief {
	chatType, to := placeOf(k, room, m)
	return brief{MsgID: numberText(m.ID), From: cmp.Or(account.NameOf(t, m.Author), account.DefaultSender), To: to, ChatType: chatType}
}

// show adds what the message says.
func (b *brief) show(m chat.Message) error {
	bodies, ext, err := said(m)
	b.Payload = &payload{Bodies: bodies, Ext: ext, From: b.From, To: b.To}
	return err
}

// recordOf shows a message that has what show adds.
func recordOf(b brief, m chat.Message, direction string) record {
	return record{Type: "chatmessage", Timestamp: m.ID.Time().UnixMilli(), Direction: direction, brief: b}
}

// said is what a message says, in the words of the platform: its bodies, and its ext.
func said(m chat.Message) (bodies []fields, ext jsontext.Value, err error) {
	body, err := bodyOf(m)
	return []fields{body}, or(m.Ext, "{}"), err
}

// Payload returns the members "bodies" and "ext" of a message for callbacks.
func Payload(m chat.Message) (bodies, ext any, err error) { return said(m) }

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
