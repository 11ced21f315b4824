package docs

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"
)

// Example is a request of the documentation.
type Example struct {
	Operation, Name string // Name is empty for the only one of an operation without a body
	Method, Target  string // Target is a path with its query
	Login           string // how it authenticates: session, bearer, or not at all
	// Caller is who calls, in the words of the document; empty if it has none.
	Caller  string
	token   string // the variable of a shell that has the token
	Header  [][2]string
	Body    string
	Picture bool // the body is a picture of the client's
	Form    bool // the body is a form with such a picture
	cookies bool // the answer may set cookies
}

// caller is the member of an operation that says who calls it, and callers the member of a document that has what such a
// word means.
const caller, callers = "x-caller", "x-callers"

// Examples returns the requests of the description of the HTTP API in its order.
func Examples() ([]Example, error) { return examplesIn(openAPI) }

// PlatformExamples returns those of the description of the platform.
func PlatformExamples() ([]Example, error) { return examplesIn(platform) }

func examplesIn(file string) ([]Example, error) {
	lib, err := load()
	if err != nil {
		return nil, err
	}
	var out []Example
	for _, path := range lib.root(file).get("paths").members() {
		for _, m := range path.value.members() {
			if m.name == "parameters" {
				continue
			}
			es, err := examplesOf(path, m)
			if err != nil {
				return nil, err
			}
			out = append(out, es...)
		}
	}
	return out, nil
}

// examplesOf returns the requests of an operation: one for each example of its body.
func examplesOf(path, method member) ([]Example, error) {
	op := method.value
	base := Example{Operation: op.get("operationId").text(), Method: strings.ToUpper(method.name)}
	doc := op.lib.root(op.file)
	security := op.get("security")
	if !security.there() {
		security = doc.get("security")
	}
	for _, s := range security.items() {
		base.Login = s.members()[0].name
		break
	}
	base = base.by(doc, op.get(caller).text())
	for _, r := range op.get("responses").members() {
		base.cookies = base.cookies || r.value.get("headers", "Set-Cookie").there()
	}
	target, query := path.name, []string{}
	for _, p := range append(path.value.get("parameters").items(), op.get("parameters").items()...) {
		name, value := p.get("name").text(), p.get("example").text()
		switch in := p.get("in").text(); {
		case value == "":
		case in == "path":
			target = strings.ReplaceAll(target, "{"+name+"}", url.PathEscape(value))
		case in == "query":
			query = append(query, url.QueryEscape(name)+"="+url.QueryEscape(value))
		case in == "header":
			base.Header = append(base.Header, [2]string{name, value})
		}
	}
	if strings.Contains(target, "{") {
		return nil, fmt.Errorf("a parameter of %s has no example", base.Operation)
	}
	if base.Target = target; len(query) > 0 {
		base.Target += "?" + strings.Join(query, "&")
	}
	out := base.bodies(doc, op.get("requestBody", "content"))
	if out == nil {
		out = []Example{base}
	}
	return out, nil
}

// by returns the example with somebody as its caller.
func (e Example) by(doc node, who string) Example {
	e.Caller, e.token = who, doc.get(callers, who, "token").text()
	return e
}

// bodies returns the example with each body of a request. Of types that mean the same only the first is taken.
func (e Example) bodies(doc, content node) []Example {
	var out []Example
	for _, media := range content.members() {
		if media.name == "multipart/form-data" {
			if out == nil {
				with := e
				with.Form = true
				out = append(out, with)
			}
			continue
		}
		e.Picture = strings.HasPrefix(media.name, "image/")
		if media.name == "*/*" || media.name == "application/merge-patch+json" || e.Picture && out != nil {
			continue
		}
		with := e
		with.Header = append(e.Header[:len(e.Header):len(e.Header)], [2]string{"Content-Type", media.name})
		if e.Picture {
			out = append(out, with)
		}
		for _, x := range media.value.get("examples").members() {
			with.Name = x.name
			if who := x.value.get(caller).text(); who != "" { // not that of the others
				with.Login = "bearer"
				with = with.by(doc, who)
			}
			value := x.value.get("value")
			if with.Body = value.json(""); strings.HasSuffix(media.name, "urlencoded") {
				form := url.Values{}
				for _, m := range value.members() {
					form.Set(m.name, m.value.text())
				}
				with.Body = form.Encode()
			}
			out = append(out, with)
		}
	}
	return out
}

// Curl returns the command that makes the request.
func (e Example) Curl() string {
	quoted := func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
	parts := []string{"curl"}
	if e.Method != "GET" {
		parts[0] += " -X " + e.Method
	}
	switch {
	case e.cookies:
		parts[0] += " -b cookies -c cookies"
	case e.Login == "session":
		parts[0] += " -b cookies"
	case e.Login == "bearer":
		parts = append(parts, `-H "Authorization: Bearer $`+cmp.Or(e.token, "TOKEN")+`"`)
	}
	for _, h := range e.Header {
		parts = append(parts, "-H "+quoted(h[0]+": "+h[1]))
	}
	switch {
	case e.Form:
		parts = append(parts, "-F file=@picture.png")
	case e.Picture:
		parts = append(parts, "--data-binary @picture.png")
	case e.Body != "":
		parts = append(parts, "-d "+quoted(e.Body))
	}
	return strings.Join(append(parts, quoted("http://localhost:8080"+e.Target)), " \\\n  ")
}
