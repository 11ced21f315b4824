package docs

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"go.yaml.in/yaml/v3"
)

// library holds the documents by their file names, for references from one to another.
type library map[string]*yaml.Node

// node is a value in a document. Members keep the order in which they are written. Everything in an absent node is
// absent, and its text is empty.
type node struct {
	lib  library
	file string
	yaml *yaml.Node
	// name is the last part of the reference that led here.
	name string
}

type member struct {
	name  string
	value node
}

func (l library) add(file string, text []byte) error {
	var n yaml.Node
	if err := yaml.Unmarshal(text, &n); err != nil {
		return err
	}
	l[file] = n.Content[0]
	return nil
}

func (l library) root(file string) node { return node{lib: l, file: file, yaml: l[file]} }

func (n node) in(y *yaml.Node) node {
	for y != nil && y.Kind == yaml.AliasNode {
		y = y.Alias
	}
	return node{lib: n.lib, file: n.file, yaml: y}
}

func (n node) there() bool { return n.yaml != nil }

func (n node) text() string {
	if n.yaml == nil {
		return ""
	}
	return n.yaml.Value
}

// members returns what a mapping holds, with references as they are.
func (n node) members() []member {
	if n.yaml == nil || n.yaml.Kind != yaml.MappingNode {
		return nil
	}
	var out []member
	for i := 0; i+1 < len(n.yaml.Content); i += 2 {
		key, value := n.yaml.Content[i], n.in(n.yaml.Content[i+1])
		if key.Tag == "!!merge" {
			out = append(out, value.members()...)
			continue
		}
		m := member{key.Value, value}
		if at := slices.IndexFunc(out, func(o member) bool { return o.name == m.name }); at >= 0 {
			out[at] = m // it was merged, and is overridden here
		} else {
			out = append(out, m)
		}
	}
	return out
}

// items returns what a sequence holds.
func (n node) items() []node {
	if n.yaml == nil || n.yaml.Kind != yaml.SequenceNode {
		return nil
	}
	var out []node
	for _, y := range n.yaml.Content {
		out = append(out, n.in(y))
	}
	return out
}

// get goes down by the names of members, and follows references.
func (n node) get(path ...string) node {
	n = n.follow()
	for _, name := range path {
		next := node{}
		for _, m := range n.members() {
			if m.name == name {
				next = m.value
			}
		}
		n = next.follow()
	}
	return n
}

// follow returns what a reference leads to, and other nodes as they are.
func (n node) follow() node {
	for _, m := range n.members() {
		if m.name != "$ref" {
			continue
		}
		file, pointer, _ := strings.Cut(m.value.text(), "#/")
		if file = strings.TrimPrefix(file, "./"); file == "" {
			file = n.file
		}
		path := strings.Split(pointer, "/")
		to := n.lib.root(file).get(path...)
		if to.name == "" {
			to.name = path[len(path)-1]
		}
		return to
	}
	return n
}

// json returns the node as JSON, in lines with an indent, or in one line if that is empty.
func (n node) json(indent string) string {
	var b strings.Builder
	n.writeJSON(&b, indent, "\n")
	return b.String()
}

func (n node) writeJSON(b *strings.Builder, indent, line string) {
	list := func(open, end string, count int, write func(i int)) {
		inner := line + indent
		b.WriteString(open)
		for i := range count {
			if i > 0 {
				b.WriteString(",")
			}
			if indent != "" {
				b.WriteString(inner)
			}
			write(i)
		}
		if indent != "" && count > 0 {
			b.WriteString(line)
		}
		b.WriteString(end)
	}
	switch n.yaml.Kind {
	case yaml.MappingNode:
		ms := n.members()
		list("{", "}", len(ms), func(i int) {
			b.WriteString(scalar(ms[i].name) + ":")
			if indent != "" {
				b.WriteString(" ")
			}
			ms[i].value.writeJSON(b, indent, line+indent)
		})
	case yaml.SequenceNode:
		items := n.items()
		list("[", "]", len(items), func(i int) { items[i].writeJSON(b, indent, line+indent) })
	default:
		var v any
		_ = n.yaml.Decode(&v) // it was parsed
		b.WriteString(scalar(v))
	}
}

func scalar(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("docs: a value that is not JSON: " + err.Error())
	}
	return string(b)
}
