package docs

import (
	"cmp"
	"html/template"
	"slices"
	"strings"
)

// page is what the template shows.
type page struct {
	Title, Version  string
	Documents       []string // their names
	Other           link     // to the other page
	Intro, Realtime template.HTML
	Topics          []group // the headings of Intro
	Groups          []group
	Answers         []answer
	Schemas         []object
	Channels        []channel
}

type link struct{ To, Text string }

type group struct {
	ID, Name   string
	Text       template.HTML
	Operations []operation
}

type operation struct {
	ID, Method, Path string
	Summary, Text    template.HTML
	Who              string
	Parameters       []field
	Bodies           []media
	BodyText         template.HTML
	Answers          []answer // those of success
	Errors           []answer
	Examples         []Example
}

// field is a member of an object, a parameter or a header.
type field struct {
	Name     string
	Type     template.HTML
	Text     template.HTML
	Required bool
}

type media struct {
	Type   string
	Schema template.HTML
	Fields []field  // of a schema without a name
	Values []string // examples
}

type answer struct {
	Name, Status string // Name is that of a shared one
	Text         template.HTML
	Headers      []field
	Bodies       []media
}

type object struct {
	Name   string
	Type   template.HTML
	Text   template.HTML
	Fields []field
}

type channel struct {
	ID, Title, Address string
	Text               template.HTML
	Servers            []string
	Messages           []message
}

type message struct {
	Name, From      string // From is the client or the server
	Summary         template.HTML
	Headers, Fields []field
	Payload         template.HTML
	Frames          []string // examples
}

// newPage is the page of the chat API, with what comes in real time.
func newPage(lib library) (page, error) {
	live := lib.root(asyncAPI)
	p, err := described(lib.root(openAPI), live)
	p.Documents = []string{openAPI, "openapi.json", asyncAPI}
	p.Other = link{"/docs/platform", "the platform, the API of apps and organizations"}
	p.Realtime = prose(live.get("info", "description").text())
	received := map[string]bool{}
	for _, m := range live.get("operations", "receiveFrames", "messages").items() {
		received[m.follow().name] = true
	}
	for _, m := range live.get("channels").members() {
		p.Channels = append(p.Channels, newChannel(m, received))
	}
	return p, err
}

func platformPage(lib library) (page, error) {
	p, err := described(lib.root(platform))
	p.Documents, p.Other = []string{platform, "platform.json"}, link{"/docs", "the chat API"}
	return p, err
}

// described is a page of an HTTP API, with the schemas of others as well.
func described(doc node, others ...node) (page, error) {
	intro := doc.get("info", "description").text()
	p := page{Title: doc.get("info", "title").text(), Version: doc.get("info", "version").text(), Intro: prose(intro)}
	for line := range strings.Lines(intro) {
		if name, ok := strings.CutPrefix(line, "## "); ok {
			p.Topics = append(p.Topics, group{ID: anchor(name), Name: strings.TrimSpace(name)})
		}
	}
	for _, t := range doc.get("tags").items() {
		p.Groups = append(p.Groups, group{ID: anchor(t.get("name").text()), Name: t.get("name").text(), Text: inline(t.get("description").text())})
	}
	for _, path := range doc.get("paths").members() {
		for _, m := range path.value.members() {
			if m.name == "parameters" {
				continue
			}
			op, err := newOperation(path, m)
			if err != nil {
				return p, err
			}
			tag := m.value.get("tags").items()[0].text()
			at := slices.IndexFunc(p.Groups, func(g group) bool { return g.Name == tag })
			p.Groups[at].Operations = append(p.Groups[at].Operations, op)
		}
	}
	for _, m := range doc.get("components", "responses").members() {
		p.Answers = append(p.Answers, newAnswer("", m.value, m.name))
	}
	slices.SortStableFunc(p.Answers, func(a, b answer) int { return cmp.Compare(a.Status, b.Status) })
	for _, d := range append([]node{doc}, others...) {
		for _, m := range d.get("components", "schemas").members() {
			m.value.name = ""
			p.Schemas = append(p.Schemas, object{m.name, typeOf(m.value), inline(m.value.get("description").text()), fieldsOf(m.value)})
		}
	}
	slices.SortFunc(p.Schemas, func(a, b object) int { return cmp.Compare(a.Name, b.Name) })
	return p, nil
}

func newOperation(path, method member) (operation, error) {
	op := method.value
	out := operation{ID: op.get("operationId").text(), Method: strings.ToUpper(method.name), Path: path.name,
		Summary: inline(op.get("summary").text()), Text: prose(op.get("description").text()), Who: "Needs a login."}
	var err error
	if out.Examples, err = examplesOf(path, method); err != nil {
		return out, err
	}
	switch out.Examples[0].Login {
	case "":
		out.Who = "Open to all."
	case "bearer":
		out.Who = "For site administrators."
	}
	if who := op.get(caller).text(); who != "" {
		out.Who = op.lib.root(op.file).get(callers, who, "description").text()
	}
	for _, p := range append(path.value.get("parameters").items(), op.get("parameters").items()...) {
		f := newField(p.get("name").text(), p, p.get("schema"))
		f.Required = p.get("required").text() == "true"
		f.Type += map[string]template.HTML{"path": ", in the path", "query": ", in the query", "header": ", a header"}[p.get("in").text()]
		out.Parameters = append(out.Parameters, f)
	}
	out.Bodies, out.BodyText = mediaOf(op.get("requestBody")), inline(op.get("requestBody", "description").text())
	for _, m := range op.get("responses").members() {
		a := newAnswer(m.name, m.value, m.value.follow().name)
		if m.name >= "300" {
			out.Errors = append(out.Errors, a)
		} else {
			out.Answers = append(out.Answers, a)
		}
	}
	for _, answers := range [][]answer{out.Answers, out.Errors} {
		slices.SortStableFunc(answers, func(a, b answer) int { return cmp.Compare(a.Status, b.Status) })
	}
	return out, nil
}

func newAnswer(status string, n node, name string) answer {
	out := answer{Name: name, Status: status, Text: inline(n.get("description").text()), Bodies: mediaOf(n)}
	if status == "" {
		out.Status = cmp.Or(n.get("x-status").text(), n.get("content", "application/problem+json", "example", "status").text(), "304")
	}
	for _, h := range n.get("headers").members() {
		out.Headers = append(out.Headers, newField(h.name, h.value, h.value.get("schema")))
	}
	return out
}

func mediaOf(n node) []media {
	var out []media
	for _, m := range n.get("content").members() {
		x := media{Type: m.name}
		if s := m.value.get("schema"); s.there() {
			x.Schema, x.Fields = shapeOf(s)
		}
		for _, e := range append(m.value.get("examples").members(), member{value: m.value}) {
			for _, key := range []string{"value", "example"} {
				if v := e.value.get(key); v.there() {
					x.Values = append(x.Values, v.json("  "))
				}
			}
		}
		out = append(out, x)
	}
	return out
}

// shapeOf is what a body is: links to the schemas with names that hold for it, and the members of those without a name.
func shapeOf(n node) (schema template.HTML, fields []field) {
	if n.name != "" {
		return typeOf(n), nil
	}
	parts := n.get("allOf").items()
	if parts == nil {
		parts = []node{n}
	}
	var named []string
	for _, part := range parts {
		if part = part.follow(); part.name != "" {
			named = append(named, string(typeOf(part)))
		} else {
			fields = append(fields, fieldsOf(part)...)
		}
	}
	if named == nil && fields == nil {
		return typeOf(n), nil
	}
	return template.HTML(strings.Join(named, " and ")), fields
}

func newField(name string, described, schema node) field {
	text := described.get("description").text()
	if text == "" {
		text = schema.get("description").text()
	}
	return field{Name: name, Type: typeOf(schema), Text: inline(text)}
}

// fieldsOf returns the members of an object.
func fieldsOf(n node) []field {
	required := map[string]bool{}
	for _, r := range n.get("required").items() {
		required[r.text()] = true
	}
	var out []field
	for _, m := range n.get("properties").members() {
		f := newField(m.name, m.value, m.value.follow())
		f.Required = required[m.name]
		out = append(out, f)
	}
	for _, m := range n.get("patternProperties").members() {
		out = append(out, newField(m.name, m.value, m.value.follow()))
	}
	return out
}

func newChannel(m member, received map[string]bool) channel {
	n := m.value
	out := channel{ID: "topic-" + m.name, Title: n.get("title").text(), Address: n.get("address").text(), Text: inline(n.get("description").text())}
	if n.get("address").yaml.Tag == "!!null" {
		out.Address = ""
	}
	for _, s := range n.get("servers").items() {
		out.Servers = append(out.Servers, s.get("pathname").text())
	}
	for _, ref := range n.get("messages").members() {
		x := ref.value.follow()
		msg := message{Name: x.get("name").text(), From: "server", Summary: inline(x.get("summary").text()), Headers: fieldsOf(x.get("headers"))}
		if received[x.name] {
			msg.From = "client"
		}
		if payload := x.get("payload"); payload.there() {
			if msg.Payload = typeOf(payload); payload.name == "" {
				msg.Fields = fieldsOf(payload)
			}
		}
		for _, e := range x.get("examples").items() {
			frame := msg.Name + "\n"
			for _, h := range e.get("headers").members() {
				frame += h.name + ":" + h.value.text() + "\n"
			}
			if body := e.get("payload"); body.text() != "" {
				frame += "\n" + body.text()
			} else if body.there() {
				frame += "\n" + body.json("")
			}
			msg.Frames = append(msg.Frames, frame+"\n^@")
		}
		out.Messages = append(out.Messages, msg)
	}
	return out
}
