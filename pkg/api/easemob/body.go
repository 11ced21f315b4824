package easemob

import (
	"bytes"
	"errors"
	"math"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/confab-chat/confab/pkg/api"
)

// fields are the members of a body, whether it came as JSON or as a form.
type fields map[string]jsontext.Value

var foreign = map[string]bool{"text/xml": true, "application/xml": true, "text/html": true, "application/octet-stream": true}

// read returns the body. What looks like JSON is JSON, whatever its type says. 415 for a type that is clearly another one.
func (c *call) read() (body []byte, isJSON bool, err error) {
	kind, _, _ := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if foreign[kind] || strings.HasPrefix(kind, "image/") {
		return nil, false, &problem{status: http.StatusUnsupportedMediaType, word: "unsupported_media_type", text: "send the body as application/json"}
	}
	if body, err = api.ReadBody(c.w, c.r); err != nil {
		return nil, false, err
	}
	if !utf8.Valid(body) {
		return nil, false, notJSON()
	}
	trimmed := bytes.TrimLeft(body, " \t\r\n\ufeff")
	return body, len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '['), nil
}

func notJSON() error {
	return &problem{status: http.StatusBadRequest, word: "json_parse", text: "the body is not JSON"}
}

// object returns the members of the body; none for an empty one.
func (c *call) object() (fields, error) {
	body, isJSON, err := c.read()
	if err != nil {
		return nil, err
	}
	if isJSON {
		return members(body)
	}
	kind, _, _ := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if len(bytes.TrimSpace(body)) == 0 {
		return fields{}, nil
	}
	if kind != "application/x-www-form-urlencoded" {
		return nil, notJSON()
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, illegal("the form is malformed")
	}
	out := fields{}
	for k, v := range form {
		text, err := jsontext.AppendQuote(nil, v[0])
		if err != nil {
			return nil, illegal("the form is not UTF-8")
		}
		out[k] = text
	}
	return out, nil
}

// members decodes one JSON object.
func members(body []byte) (fields, error) {
	out := fields{}
	if err := api.DecodeJSON(body, &out); err != nil {
		return nil, notDecoded(err)
	}
	return out, nil
}

// notDecoded words an error of decoding a body.
func notDecoded(err error) error {
	_, text := api.StatusOf(err)
	return &problem{status: http.StatusBadRequest, word: "json_parse", text: text, cause: err}
}

// has reports whether a member is there and not null.
func (f fields) has(name string) bool { return len(f[name]) > 0 && f[name].Kind() != 'n' }

// text returns a member that is a text; nil if it is absent or null.
func (f fields) text(name string) (*string, error) {
	if !f.has(name) {
		return nil, nil
	}
	var s string
	if err := json.Unmarshal(f[name], &s); err != nil {
		return nil, illegal("%s has to be a text", name)
	}
	return &s, nil
}

// texts returns several members that are texts.
func (f fields) texts(names ...string) (map[string]*string, error) {
	out := map[string]*string{}
	for _, n := range names {
		s, err := f.text(n)
		if err != nil {
			return nil, err
		}
		out[n] = s
	}
	return out, nil
}

// number returns a member that is a whole number, also as a text; nil if it is absent or null.
func (f fields) number(name string) (*int64, error) {
	if !f.has(name) {
		return nil, nil
	}
	text := string(f[name])
	if f[name].Kind() == '"' {
		if err := json.Unmarshal(f[name], &text); err != nil {
			return nil, illegal("%s has to be a whole number", name)
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return nil, illegal("%s is out of range: it has to be a whole number from %d to %d", name, int64(math.MinInt64), int64(math.MaxInt64))
	case err != nil:
		return nil, illegal("%s has to be a whole number", name)
	}
	return &n, nil
}

// numberInText returns the number that a member says as a text; false if it does not.
func (f fields) numberInText(name string) (jsontext.Value, bool) {
	text, err := f.text(name)
	if err != nil || text == nil {
		return nil, false
	}
	n := jsontext.Value(strings.TrimSpace(*text))
	return n, n.IsValid() && n.Kind() == '0'
}

// flag returns a member that is true or false, also as a text; nil if it is absent or null.
func (f fields) flag(name string) (*bool, error) {
	if !f.has(name) {
		return nil, nil
	}
	yes := strings.Trim(strings.ToLower(string(f[name])), `"`)
	if yes != "true" && yes != "false" {
		return nil, illegal("%s has to be true or false", name)
	}
	is := yes == "true"
	return &is, nil
}

// list returns a member that is an array of texts; nil if it is absent.
func (f fields) list(name string, most int) ([]string, error) {
	if !f.has(name) {
		return nil, nil
	}
	var out []string
	if err := json.Unmarshal(f[name], &out); err != nil {
		return nil, illegal("%s has to be an array of texts", name)
	}
	if len(out) > most {
		return nil, illegal("%s has more than %d elements", name, most)
	}
	return out, nil
}

// objects returns a member that is an array of objects.
func (f fields) objects(name string, most int) ([]fields, error) {
	var out []fields
	if !f.has(name) || json.Unmarshal(f[name], &out) != nil || len(out) == 0 || len(out) > most {
		return nil, illegal("%s has to be an array of 1 to %d objects", name, most)
	}
	return out, nil
}

// quoted is a text as a member of a body.
func quoted(s string) jsontext.Value {
	b, _ := jsontext.AppendQuote(nil, s) // bodies are UTF-8
	return b
}
