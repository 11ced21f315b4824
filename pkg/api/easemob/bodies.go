package easemob

import (
	"bytes"
	"math"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/confab-chat/confab/pkg/chat"
)

// field is a member of a body: what it is called here, and in the domain.
type field struct{ theirs, ours string }

// bodyType is a type of messages and the kind that it is in the domain.
type bodyType struct {
	name   string
	kind   chat.MessageKind
	fields []field
	// fix, if set, changes what was sent to the form of the domain.
	fix func(body fields) error
}

var attachment = []field{{"url", "url"}, {"filename", "name"}, {"secret", "secret"}, {"file_length", "size"}}

func attachedWith(more ...field) []field { return append(append([]field{}, attachment...), more...) }

// bodyTypes are the types of messages but txt, whose text is the content.
var bodyTypes = []bodyType{
	{name: "img", kind: chat.ImageKind, fields: attachedWith(field{"width", "width"}, field{"height", "height"}), fix: flattenSize},
	{name: "audio", kind: chat.AudioKind, fields: attachedWith(field{"length", "duration"}), fix: numbersIn("length", "file_length")},
	{name: "video", kind: chat.VideoKind, fields: attachedWith(field{"length", "duration"}, field{"thumb", "thumbnail"}, field{"thumb_secret", "thumbnailSecret"}),
		fix: numbersIn("length", "file_length")},
	{name: "file", kind: chat.FileKind, fields: attachment, fix: numbersIn("file_length")},
	{name: "loc", kind: chat.LocationKind, fields: []field{{"lat", "latitude"}, {"lng", "longitude"}, {"addr", "address"}}, fix: numbersIn("lat", "lng")},
	{name: "cmd", kind: chat.CommandKind, fields: []field{{"action", "action"}, {"param", "params"}}, fix: oneMap("param")},
	{name: "custom", kind: chat.CustomKind, fields: []field{{"customEvent", "event"}, {"customExts", "params"}}, fix: oneMap("customExts")},
}

// numbersIn turns members that came as texts into numbers.
func numbersIn(names ...string) func(fields) error {
	return func(body fields) error {
		for _, name := range names {
			if body[name].Kind() != '"' {
				continue
			}
			n, ok := body.numberInText(name)
			if !ok {
				return illegal("%s has to be a number", name)
			}
			body[name] = n
		}
		return nil
	}
}

// flattenSize takes width and height out of the member size.
func flattenSize(body fields) error {
	if body.has("size") {
		size, err := members(body["size"])
		if err != nil {
			return illegal("size has to be an object with width and height")
		}
		for _, name := range []string{"width", "height"} {
			if size.has(name) {
				body[name] = size[name]
			}
		}
	}
	if err := numbersIn("width", "height", "file_length")(body); err != nil {
		return err
	}
	for _, name := range []string{"width", "height"} { // some clients have fractions of pixels: 4.0
		if f, err := strconv.ParseFloat(string(body[name]), 64); err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<31 {
			body[name] = jsontext.Value(strconv.FormatInt(int64(f), 10))
		}
	}
	return nil
}

// oneMap makes one object of a member that is an array of objects with one member each.
func oneMap(name string) func(fields) error {
	return func(body fields) error {
		if body[name].Kind() != '[' {
			return nil
		}
		var list []map[string]jsontext.Value
		if err := json.Unmarshal(body[name], &list); err != nil {
			return illegal("%s has to be an object, or an array of objects", name)
		}
		all := map[string]jsontext.Value{}
		for _, one := range list {
			for k, v := range one {
				all[k] = v
			}
		}
		b, err := json.Marshal(all, json.Deterministic(true))
		body[name] = b
		return err
	}
}

// outgoing is a message as a call brings it.
type outgoing struct {
	chat.NewMessage
	bytes int // of its body and ext
}

// newMessage reads a message of a type with its body and ext.
func newMessage(kind string, body fields, ext jsontext.Value) (m outgoing, err error) {
	if kind == "text" || kind == "" && body.has("msg") {
		kind = "txt"
	}
	if kind == "txt" && !body.has("msg") && body.has("action") {
		kind = "cmd"
	}
	if len(ext) > 0 {
		if ext.Kind() != '{' {
			return m, illegal("ext has to be an object")
		}
		m.Ext = ext
	}
	m.bytes = len(compact(ext))
	if kind == "txt" {
		text, err := body.text("msg")
		if err != nil || text == nil {
			return m, illegal("msg has to be a text")
		}
		m.Content = text
		m.bytes += len(*text) + len(`{"msg":""}`)
		return m, nil
	}
	for _, t := range bodyTypes {
		if t.name == kind {
			m.Kind = t.kind
			m.Body, err = t.translate(body)
			m.bytes += len(m.Body)
			return m, err
		}
	}
	return m, illegal("This chatmessage request is not supported: there is no type [%s]", clip(kind))
}

// translate makes the body of the domain; members that the type does not have are left out.
func (t bodyType) translate(body fields) (jsontext.Value, error) {
	if t.fix != nil {
		if err := t.fix(body); err != nil {
			return nil, err
		}
	}
	out := map[string]jsontext.Value{}
	for _, f := range t.fields {
		if v := body[f.theirs]; body.has(f.theirs) && !bytes.Equal(v, []byte(`""`)) {
			out[f.ours] = v
		}
	}
	return json.Marshal(out, json.Deterministic(true))
}

func compact(v jsontext.Value) jsontext.Value {
	v = v.Clone()
	_ = v.Compact() // what is no JSON was refused before
	return v
}
