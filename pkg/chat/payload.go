package chat

import (
	"bytes"
	"errors"
	"io"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// MaxPayload bounds the body and the ext of a message together, in bytes of canonical JSON.
const MaxPayload = 65536

// maxPayloadDepth bounds how deeply objects and arrays are nested in a body or an ext, so that every reader of an answer
// can read it.
const maxPayloadDepth = 64

// MessageKind says what a message is. The texts are part of the API and are stored. A reader takes a kind that it does not
// know for a text: Message.Content stands for every message.
type MessageKind string

// The kinds of messages; the rules for their bodies are in kinds.go.
const (
	TextKind     MessageKind = "" // in requests also "text"
	ImageKind    MessageKind = "image"
	FileKind     MessageKind = "file"
	AudioKind    MessageKind = "audio"
	VideoKind    MessageKind = "video"
	LocationKind MessageKind = "location"
	CustomKind   MessageKind = "custom"
	CommandKind  MessageKind = "command"
	// NoticeKind is that of system messages; their body is a Notice. Only the server makes them.
	NoticeKind MessageKind = "notice"
)

// Payload is what a message has beside its text: a kind, a body that depends on the kind, and what clients have added for
// each other. The zero Payload is that of a plain text. Nobody changes the bytes of a Payload: messages share them.
//
// Body and Ext are objects in canonical JSON: without white space, members ascending by their names as UTF-16 (RFC 8785),
// texts with as few escapes as possible, and numbers digit by digit as they came. So 1.0, 1 and 1e0 are different, and a
// number loses nothing, however large it is.
type Payload struct {
	Kind MessageKind    `json:"kind,omitzero"`
	Body jsontext.Value `json:"body,omitzero"` // nil: none
	Ext  jsontext.Value `json:"ext,omitzero"`  // nil: none
	// To is the name of the user to whom an app has addressed the message. In other rooms it is empty, but for what an app has
	// sent to a room of the chat API: there it is the room's number. Such a message is in mailboxes; see Service.mailing.
	To string `json:"to,omitzero"`
	// Only are the logins of the members of a group or chat room who get the message; nil: all. Who reads the log decides by it.
	Only []string `json:"only,omitzero"`
}

// For reports whether a message in a room is for a login.
func (p Payload) For(login string) bool { return p.Only == nil || slices.Contains(p.Only, login) }

// Plain reports whether p is that of a plain text. It is not called IsZero: what embeds a Payload is not zero then.
func (p Payload) Plain() bool {
	return p.Kind == TextKind && p.Body == nil && p.Ext == nil && p.To == "" && p.Only == nil
}

// Same reports whether two payloads are the same.
func (p Payload) Same(q Payload) bool {
	return p.Kind == q.Kind && p.To == q.To && bytes.Equal(p.Body, q.Body) && bytes.Equal(p.Ext, q.Ext) &&
		(p.Only == nil) == (q.Only == nil) && slices.Equal(p.Only, q.Only)
}

// Bytes returns about how many bytes the payload takes in an answer and on disk.
func (p Payload) Bytes() int {
	n := len(p.Kind) + len(p.Body) + len(p.Ext) + len(p.To)
	for _, login := range p.Only {
		n += len(login)
	}
	return n
}

// Encode returns the form in which stores keep a payload: one JSON object, empty for the zero Payload.
func (p Payload) Encode() string {
	if p.Plain() {
		return ""
	}
	b, err := json.Marshal(p)
	if err != nil {
		panic("chat: a payload that is no JSON: " + err.Error())
	}
	return string(b)
}

// DecodePayload reads what Encode has written. It passes over members that it does not know.
func DecodePayload(text string) (p Payload, err error) {
	if text == "" {
		return p, nil
	}
	err = json.Unmarshal([]byte(text), &p)
	return p, err
}

var errTooDeep = errors.New("nested too deeply")

// canonicalObject returns an object in canonical form; see Payload. nil and null are none.
func canonicalObject(v jsontext.Value) (jsontext.Value, error) {
	if len(v) == 0 || v.Kind() == 'n' {
		return nil, nil
	}
	d := jsontext.NewDecoder(bytes.NewReader(v))
	for {
		if _, err := d.ReadToken(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		if d.StackDepth() > maxPayloadDepth {
			return nil, errTooDeep
		}
	}
	c := v.Clone()
	if err := c.Canonicalize(jsontext.CanonicalizeRawInts(false), jsontext.CanonicalizeRawFloats(false)); err != nil {
		return nil, err
	}
	if c.Kind() != '{' {
		return nil, errors.New("no object")
	}
	return c, nil
}
