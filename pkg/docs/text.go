package docs

import (
	"html/template"
	"regexp"
	"strings"
)

var code = regexp.MustCompile("`([^`]+)`")

// inline returns a text as HTML, with `code`.
func inline(text string) template.HTML {
	return template.HTML(code.ReplaceAllString(template.HTMLEscapeString(strings.TrimSpace(text)), "<code>$1</code>"))
}

// anchor returns a heading as a part of an id.
func anchor(heading string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimSpace(heading)), " ", "-")
}

// prose returns paragraphs, lists and headings as HTML: as much of Markdown as the descriptions have.
func prose(text string) template.HTML {
	var b strings.Builder
	for block := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if heading, ok := strings.CutPrefix(block, "## "); ok {
			b.WriteString(`<h3 id="about-` + anchor(heading) + `">` + string(inline(heading)) + "</h3>\n")
			continue
		}
		items := strings.Split("\n"+block, "\n- ")
		if items[0] != "" {
			b.WriteString("<p>" + string(inline(items[0])) + "</p>\n")
		}
		if len(items) > 1 {
			b.WriteString("<ul>")
			for _, item := range items[1:] {
				b.WriteString("<li>" + string(inline(item)) + "</li>")
			}
			b.WriteString("</ul>\n")
		}
	}
	return template.HTML(b.String())
}

// typeOf says what a schema allows. Schemas with a name are links.
func typeOf(n node) template.HTML {
	if n.name != "" {
		name := template.HTMLEscapeString(n.name)
		return template.HTML(`<a href="#schema-` + name + `">` + name + "</a>")
	}
	if all := n.get("allOf").items(); all != nil {
		var parts []string
		for _, s := range all {
			if t := string(typeOf(s.follow())); t != "" {
				parts = append(parts, t)
			}
		}
		return template.HTML(strings.Join(parts, " and "))
	}
	var kinds []string
	for _, key := range []string{"oneOf", "anyOf"} {
		for _, s := range n.get(key).items() {
			kinds = append(kinds, string(typeOf(s.follow())))
		}
	}
	types := n.get("type").items()
	if t := n.get("type"); t.text() != "" {
		types = []node{t}
	}
	for _, t := range types {
		items, values := n.get("items"), n.get("additionalProperties")
		switch {
		case t.text() == "array" && items.there():
			kinds = append(kinds, "array of "+string(typeOf(items)))
		case t.text() == "object" && n.get("properties").there():
			kinds = append(kinds, membersOf(n))
		case t.text() == "object" && values.get("type").there():
			kinds = append(kinds, "object of "+string(typeOf(values)))
		default:
			kinds = append(kinds, template.HTMLEscapeString(t.text()))
		}
	}
	out := strings.Join(kinds, " or ")
	for _, c := range []struct{ key, text string }{{"const", "always "}, {"format", ""}, {"minLength", "length at least "}, {"maxLength", "length at most "},
		{"minimum", "at least "}, {"maximum", "at most "}, {"minItems", "at least "}, {"maxItems", "at most "}, {"default", "default "}, {"pattern", "matches "}} {
		if v := n.get(c.key); v.text() != "" {
			out += ", " + c.text + "<code>" + template.HTMLEscapeString(v.text()) + "</code>"
		}
	}
	var values []string
	for _, v := range n.get("enum").items() {
		values = append(values, "<code>"+template.HTMLEscapeString(v.text())+"</code>")
	}
	if values != nil {
		out += ": " + strings.Join(values, ", ")
	}
	return template.HTML(out)
}

// membersOf is an object in a line: {name: string, note?: string}.
func membersOf(n node) string {
	var parts []string
	for _, f := range fieldsOf(n) {
		name := "<code>" + template.HTMLEscapeString(f.Name) + "</code>"
		if !f.Required {
			name += "?"
		}
		parts = append(parts, name+": "+string(f.Type))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}
