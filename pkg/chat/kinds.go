package chat

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Limits of the bodies of messages.
const (
	maxURL       = 2048
	maxFileName  = 255
	maxLine      = 1024 // an address, an action, a secret
	maxParams    = 16
	maxWhole     = 1<<53 - 1
	maxSide      = 1_000_000 // of a picture, in pixels
	maxSeconds   = 1_000_000_000
	maxMediaType = 127
)

// The texts of faults of a payload. Clients compare them; they are part of the API.
const (
	notKnown    = "has a member that is not known"
	notAnObject = "must be a JSON object, with each name once, and nested 64 levels at most"
	notKind     = "must be text, image, file, audio, video, location, custom or command"
	notText     = "must be a text"
	notURL      = "must be an http or https address, or a path that begins with a slash"
	notWhole    = "must be a whole number from 0 on"
	notNumber   = "must be a number in the range"
	notMedia    = "must be a media type, like image/png"
	notEvent    = `must match "[a-zA-Z0-9_/.-]{1,32}"`
	notTexts    = "must be an object of at most 16 texts"
	notParams   = "must be an object"
	notCaption  = "is made from the body of a message of this kind"
	notWithText = "is not for a text"
)

// bodyField is one member of a body. check returns what is wrong with a value that is not null; empty: nothing.
type bodyField struct {
	name  string
	must  bool
	check func(v jsontext.Value) string
}

// bodyRule is how the body of one kind of message is made. A body has no other members than its fields.
type bodyRule struct {
	kind   MessageKind
	fields []bodyField
	// says is the field that the text that stands for the message quotes.
	says string
	// captioned says that the content may be given by the client: it is for readers who do not know the body.
	captioned bool
	// files says that the body may name a file in place of its fields; see asked.
	files bool
}

// attached are the fields of everything that is a file elsewhere.
func attached(nameRequired bool, more ...bodyField) []bodyField {
	return append([]bodyField{
		{"url", true, isURL},
		{"name", nameRequired, isText(maxFileName)},
		{"type", false, matches(mediaType, notMedia)},
		{"size", false, isWhole(maxWhole)},
		{"secret", false, isText(maxLine)},
	}, more...)
}

// bodyRules are the kinds of messages that users send, beside plain texts.
var bodyRules = []bodyRule{
	{kind: ImageKind, says: "name", files: true, fields: attached(false,
		bodyField{"width", false, isWhole(maxSide)}, bodyField{"height", false, isWhole(maxSide)})},
	{kind: FileKind, says: "name", files: true, fields: attached(true)},
	{kind: AudioKind, says: "name", files: true, fields: attached(false,
		bodyField{"duration", true, isNumber(0, maxSeconds)})},
	{kind: VideoKind, says: "name", files: true, fields: attached(false,
		bodyField{"duration", true, isNumber(0, maxSeconds)},
		bodyField{"width", false, isWhole(maxSide)}, bodyField{"height", false, isWhole(maxSide)},
		bodyField{"thumbnail", false, isURL}, bodyField{"thumbnailSecret", false, isText(maxLine)})},
	{kind: LocationKind, says: "address", fields: []bodyField{
		{"latitude", true, isNumber(-90, 90)},
		{"longitude", true, isNumber(-180, 180)},
		{"address", false, isText(maxLine)},
	}},
	{kind: CustomKind, says: "event", captioned: true, fields: []bodyField{
		{"event", true, matches(eventName, notEvent)},
		{"params", false, isTexts},
	}},
	{kind: CommandKind, says: "action", fields: []bodyField{
		{"action", true, isText(maxLine)},
		{"params", false, isObject},
	}},
}

var (
	mediaType = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9!#$&^_.+-]*/[a-zA-Z0-9][a-zA-Z0-9!#$&^_.+-]*$`)
	eventName = regexp.MustCompile(`^[a-zA-Z0-9_/.-]{1,32}$`)
)

func ruleOfBody(k MessageKind) (bodyRule, bool) {
	for _, r := range bodyRules {
		if r.kind == k {
			return r, true
		}
	}
	return bodyRule{}, false
}

// composed returns the content and the payload of a message as they are stored, or all faults. content may be nil.
func composed(content *string, given Payload) (text string, p Payload, f faults) {
	if given.Plain() {
		if f.content("content", content); f != nil {
			return "", p, f
		}
		return *content, p, nil
	}
	p.Kind = given.Kind
	if p.Kind == "text" {
		p.Kind = TextKind
	}
	var err error
	if p.Body, err = canonicalObject(given.Body); err != nil {
		f.add("body", notAnObject, nil)
	}
	if p.Ext, err = canonicalObject(given.Ext); err != nil {
		f.add("ext", notAnObject, nil)
	}
	if f != nil {
		return "", p, f
	}
	if p.Kind == TextKind {
		if f.content("content", content); p.Body != nil {
			f.add("body", notWithText, nil)
		}
		if f != nil {
			return "", p, f
		}
		return *content, p, nil
	}
	rule, known := ruleOfBody(p.Kind)
	if !known {
		kind := string(p.Kind)
		f.add("kind", notKind, &kind)
		return "", p, f
	}
	members := f.body(rule, p.Body)
	if rule.files && members["file"] != nil {
		if f == nil {
			p.Body = f.asked(rule, members)
		}
		if content != nil {
			f.add("content", notCaption, content)
		}
		return "", p, f
	}
	switch {
	case content == nil:
		text = rule.standIn(members)
	case rule.captioned:
		f.content("content", content)
		text = *content
	default:
		f.add("content", notCaption, content)
	}
	return text, p, f
}

// body adds the faults of a canonical body and returns its members.
func (f *faults) body(rule bodyRule, body jsontext.Value) (members map[string]jsontext.Value) {
	if body == nil {
		f.add("body", notNull, nil)
		return nil
	}
	if err := json.Unmarshal(body, &members); err != nil {
		f.add("body", notAnObject, nil)
		return nil
	}
	if rule.files && members["file"] != nil {
		return members
	}
	unknown := maps.Clone(members)
	for _, field := range rule.fields {
		delete(unknown, field.name)
		v, there := members[field.name]
		switch {
		case there:
			if wrong := field.check(v); wrong != "" {
				f.add("body."+field.name, wrong, nil)
			}
		case field.must:
			f.add("body."+field.name, notNull, nil)
		}
	}
	f.unknown(unknown)
	return members
}

// unknown adds the fault of members that no body of the kind has.
func (f *faults) unknown(members map[string]jsontext.Value) {
	if len(members) > 0 {
		name := slices.Min(slices.Collect(maps.Keys(members))) // one is enough: the answer stays short
		f.add("body", notKnown, &name)
	}
}

// standIn returns the text that stands for a message of a kind where its body is not understood.
func (r bodyRule) standIn(members map[string]jsontext.Value) string {
	text := "[" + string(r.kind) + "]"
	if said, ok := textOf(members[r.says]); ok && said != "" {
		text += " " + said
	}
	if link, ok := textOf(members["url"]); ok && strings.HasPrefix(link, "http") { // one that works everywhere
		text += " " + link
	}
	return text
}

// fitsPayload returns TooLarge for a payload beyond MaxPayload.
func fitsPayload(p Payload) error {
	if len(p.Body)+len(p.Ext) <= MaxPayload {
		return nil
	}
	return &Error{Kind: TooLarge, Entity: MessageEntity, Message: "the body and the ext of a message are at most 65536 bytes of JSON together"}
}

func textOf(v jsontext.Value) (string, bool) {
	if v.Kind() != '"' {
		return "", false
	}
	text, err := jsontext.AppendUnquote(nil, v)
	return string(text), err == nil
}

// isText checks a text of 1 to most characters in one line.
func isText(most int) func(jsontext.Value) string {
	return func(v jsontext.Value) string {
		text, ok := textOf(v)
		switch {
		case !ok:
			return notText
		case text == "":
			return notEmpty
		case outside(text, 1, most):
			return "size must be between 1 and " + strconv.Itoa(most)
		case strings.ContainsFunc(text, turnsOrControls):
			return noControls
		}
		return ""
	}
}

func matches(pattern *regexp.Regexp, wrong string) func(jsontext.Value) string {
	return func(v jsontext.Value) string {
		if text, ok := textOf(v); !ok || len(text) > maxMediaType || !pattern.MatchString(text) {
			return wrong
		}
		return ""
	}
}

// isURL takes what a page may link to: an address of the web, or a path of the server itself.
func isURL(v jsontext.Value) string {
	text, ok := textOf(v)
	if !ok || text == "" || len(text) > maxURL || strings.ContainsFunc(text, turnsOrControls) || strings.Contains(text, `\`) {
		return notURL
	}
	u, err := url.Parse(text)
	if err != nil {
		return notURL
	}
	web := (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
	path := u.Scheme == "" && u.Host == "" && strings.HasPrefix(text, "/") && !strings.HasPrefix(text, "//")
	if !web && !path {
		return notURL
	}
	return ""
}

func isWhole(most int64) func(jsontext.Value) string {
	return func(v jsontext.Value) string {
		if n, err := strconv.ParseInt(string(v), 10, 64); err != nil || v.Kind() != '0' || n < 0 || n > most {
			return notWhole
		}
		return ""
	}
}

func isNumber(least, most float64) func(jsontext.Value) string {
	return func(v jsontext.Value) string {
		// NaN is no JSON, and what is too large for a float is out of every range.
		if n, err := strconv.ParseFloat(string(v), 64); err != nil || v.Kind() != '0' || n < least || n > most {
			return notNumber + " " + strconv.FormatFloat(least, 'f', -1, 64) + " to " + strconv.FormatFloat(most, 'f', -1, 64)
		}
		return ""
	}
}

func isTexts(v jsontext.Value) string {
	var texts map[string]jsontext.Value
	if v.Kind() != '{' || json.Unmarshal(v, &texts) != nil || len(texts) > maxParams {
		return notTexts
	}
	for _, text := range texts {
		if text.Kind() != '"' {
			return notTexts
		}
	}
	return ""
}

func isObject(v jsontext.Value) string {
	if v.Kind() != '{' {
		return notParams
	}
	return ""
}
