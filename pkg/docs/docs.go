// Package docs serves the descriptions of the APIs, which are in schema: openapi.yaml, asyncapi.yaml and platform.yaml. A page
// shows the first two to people, another one the third. They are made once from the documents, need no script, and load
// nothing from elsewhere.
//
// Its main types, in reading order: a node is a value in one of the documents. An Example is a request that the page
// shows as a curl command; a test sends each of them to a server.
package docs

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/schema"
)

// The documents, by the names under which they refer to each other.
const (
	openAPI  = "openapi.yaml"
	asyncAPI = "asyncapi.yaml"
	platform = "platform.yaml"
)

//go:embed page.tmpl
var pageTemplate string

//go:embed docs.css
var style []byte

// policy allows one style sheet of ours, and the icon.
const policy = "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

func load() (library, error) {
	lib := library{}
	for name, text := range map[string][]byte{openAPI: schema.OpenAPI, asyncAPI: schema.AsyncAPI, platform: schema.Platform} {
		if err := lib.add(name, text); err != nil {
			return nil, err
		}
	}
	return lib, nil
}

type file struct {
	kind, tag        string
	content, gzipped []byte
}

type handler map[string]file

// Handler serves the page at /docs, and the documents and the page of the platform below it, to GET and HEAD; the caller
// refuses other methods. The first request makes the pages, and panics if the documents cannot be shown: they are a part of
// the program.
func Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { files().ServeHTTP(w, r) })
}

// files is made once for all servers of the process, not when they start.
var files = sync.OnceValue(func() handler {
	lib, err := load()
	if err != nil {
		panic(err)
	}
	look := template.Must(template.New("").Parse(pageTemplate))
	rendered := func(p page, err error) []byte {
		var html bytes.Buffer
		if err == nil {
			err = look.Execute(&html, p)
		}
		if err != nil {
			panic(err)
		}
		return html.Bytes()
	}
	h := handler{}
	for name, f := range map[string]file{
		"":              {kind: "text/html; charset=utf-8", content: rendered(newPage(lib))},
		"platform":      {kind: "text/html; charset=utf-8", content: rendered(platformPage(lib))},
		"docs.css":      {kind: "text/css; charset=utf-8", content: style},
		openAPI:         {kind: "application/yaml", content: schema.OpenAPI},
		asyncAPI:        {kind: "application/yaml", content: schema.AsyncAPI},
		platform:        {kind: "application/yaml", content: schema.Platform},
		"openapi.json":  {kind: "application/json", content: []byte(lib.root(openAPI).json("  "))},
		"platform.json": {kind: "application/json", content: []byte(lib.root(platform).json("  "))},
	} {
		f.tag, f.gzipped = api.ETag(f.content), api.Compressed(f.content)
		h[name] = f
	}
	return h
})

func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, ok := h[strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/docs"), "/")]
	header := w.Header()
	header.Set("Cache-Control", "no-cache")
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	if !ok {
		http.NotFound(w, r)
		return
	}
	header.Set("Content-Type", f.kind)
	header.Set("Vary", "Accept-Encoding")
	content := f.content
	header.Set("Etag", f.tag)
	if api.AcceptsGzip(r) {
		content = f.gzipped
		header.Set("Content-Encoding", "gzip")
		header.Set("Etag", strings.TrimSuffix(f.tag, `"`)+api.GzipTag)
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}
