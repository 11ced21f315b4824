package stomp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/live"
)

// Encoder writes the bodies of MESSAGE frames in the format of a mount. A body is JSON, not empty, and valid UTF-8. An
// Encoder is called once for each event. Encoders are compared by identity: an Encoder must be comparable, and all
// handlers of a mount must use the same one.
type Encoder interface {
	Message(m chat.Message) []byte
	Person(p chat.Person) []byte
}

// encoding makes MESSAGE frames with the bodies of one mount, either bare or quoted as SockJS strings.
type encoding struct {
	bodies Encoder
	quoted bool
}

const (
	jsonType = "application/json;charset=UTF-8"
	textType = "text/plain;charset=UTF-8"
)

// Encode implements live.Encoding. The line with the subscription goes between Head and Tail.
func (e *encoding) Encode(d *live.Delivery) *live.Encoded {
	var extra, contentType string
	var body []byte
	contentType = jsonType
	event := d.Event
	if d.Kind == live.User {
		extra, body = e.userEvent(d)
		event = nil
	}
	switch v := event.(type) {
	case chat.MessagePosted:
		body = e.bodies.Message(v.Message)
	case chat.MessageChanged:
		extra, body = "change:"+string(v.Kind)+"\n", e.bodies.Message(v.Message)
	case chat.ParticipantJoined:
		extra, body = "status:JOIN\n", e.bodies.Person(v.Person)
	case chat.ParticipantLeft:
		extra, body = "status:LEAVE\n", e.bodies.Person(v.Person)
	case chat.RoomDeleted:
		contentType = textType
		extra = "action:DELETE\nroom:" + d.Room + "\ncreator:" + v.By + "\n"
		body = fmt.Appendf(nil, "The room '%s' has been removed by '%s'", d.Room, v.By)
	case live.PresenceChanged:
		status := "offline"
		if v.Online {
			status = "online"
		}
		body = mustJSON(struct {
			Login  string `json:"login"`
			Status string `json:"status"`
		}{v.Login, status})
	case live.TypingChanged:
		body = mustJSON(struct {
			Login  string `json:"login"`
			Typing bool   `json:"typing"`
		}{v.Login, v.Typing})
	}
	var head strings.Builder
	head.WriteString("MESSAGE\ndestination:")
	head.WriteString(destinationOf(d))
	head.WriteString("\nmessage-id:")
	head.WriteString(d.ID.String())
	head.WriteString("\ncontent-type:" + contentType + "\n" + extra)
	if len(body) > 0 {
		head.WriteString("content-length:" + strconv.Itoa(len(body)) + "\n")
	}
	tail := make([]byte, 0, len(body)+2)
	tail = append(append(append(tail, '\n'), body...), 0)
	return &live.Encoded{Head: e.bytes(head.String()), Tail: e.bytes(string(tail))}
}

// subscriptionLine returns the line of a MESSAGE frame that differs between subscribers: the client's id as it was
// sent.
func (e *encoding) subscriptionLine(id string, has bool) []byte {
	if !has {
		return nil // STOMP 1.0 allows to omit it
	}
	return e.bytes("subscription:" + id + "\n")
}

// whole makes a frame that is not shared.
func (e *encoding) whole(frame string) *live.Encoded { return &live.Encoded{Head: e.bytes(frame)} }

// bytes returns text as it is written in the frames of the transport.
func (e *encoding) bytes(text string) []byte {
	if !e.quoted {
		return []byte(text)
	}
	q := mustJSON(text)
	return q[1 : len(q)-1]
}

// mustJSON returns v as JSON. It does not escape HTML's special characters: escaped, each takes six bytes.
func mustJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // impossible: strings and bools can always be encoded
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
