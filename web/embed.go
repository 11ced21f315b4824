// Package web holds the browser's front end and serves it.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// Mount is where the front end lives; its files name each other below it.
const Mount = "/ui/chat/"

// dist is what `make web` builds. Only .gitkeep is in the repository, so that the
// program builds without Node.
//
//go:embed all:dist
var dist embed.FS

// policy forbids everything the front end does not need: no script that is not a file of ours, and no style but files and
// the one in the page itself (named by its hash), whatever a user writes.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'%s; img-src 'self' data: blob:; media-src 'self'; " +
	"connect-src 'self'; font-src 'self'; manifest-src 'self'; worker-src 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

// Settings are what the front end knows of the server before it asks: they are in the page.
type Settings struct {
	// PasswordMin is the least length of a new password, in characters.
	PasswordMin int
	// SignUp says who may sign up: open, invite or closed.
	SignUp string
}

// Handler serves the front end at Mount to GET and HEAD; the caller refuses other methods. It sends the
// compressed form of a file to clients that take it, and lets browsers keep files whose
// name holds their hash. Without a build it answers every page with how to make one.
func Handler(s Settings) http.Handler {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the directory is part of the program
	}
	return newHandler(files, s)
}

// file is one file of the front end, ready to be sent.
type file struct {
	kind    string
	cache   string
	plain   []byte
	gzipped []byte // nil if there is none
	tag     string // of the plain form
}

type handler struct {
	files  map[string]*file
	policy string
}

func newHandler(files fs.FS, s Settings) http.Handler {
	h := &handler{files: map[string]*file{}}
	// Everything is read once: the files are in memory anyway.
	_ = fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Base(name) == ".gitkeep" {
			return nil
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return nil
		}
		if of, ok := strings.CutSuffix(name, ".gz"); ok {
			h.entry(of).gzipped = content
		} else {
			h.entry(name).plain = content
		}
		return nil
	})
	style := ""
	if page := h.files["index.html"]; page != nil {
		page.fill(s)
		if inline := inlineStyle.FindSubmatch(page.plain); inline != nil {
			sum := sha256.Sum256(inline[1])
			style = " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
		}
	}
	h.policy = fmt.Sprintf(policy, style)
	for name, f := range h.files {
		if f.plain == nil {
			delete(h.files, name)
			continue
		}
		sum := sha256.Sum256(f.plain)
		f.tag = hex.EncodeToString(sum[:12])
	}
	return h
}

var (
	inlineStyle = regexp.MustCompile(`(?s)<style>(.*?)</style>`)
	passwordMin = []byte(`name="confab:password-min" content=""`)
	signUp      = []byte(`name="confab:sign-up" content=""`)
)

// fill writes the settings into the page, and packs it anew.
func (f *file) fill(s Settings) {
	f.plain = bytes.Replace(f.plain, passwordMin, fmt.Appendf(nil, `name="confab:password-min" content="%d"`, s.PasswordMin), 1)
	f.plain = bytes.Replace(f.plain, signUp, fmt.Appendf(nil, `name="confab:sign-up" content="%s"`, s.SignUp), 1)
	if f.gzipped == nil {
		return
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(f.plain) // to memory
	_ = z.Close()
	f.gzipped = packed.Bytes()
}

func (h *handler) entry(name string) *file {
	if h.files[name] == nil {
		h.files[name] = &file{kind: contentType(name), cache: caching(name)}
	}
	return h.files[name]
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Security-Policy", h.policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "same-origin")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	name, ok := strings.CutPrefix(r.URL.Path, Mount)
	if !ok {
		if r.URL.Path+"/" == Mount {
			http.Redirect(w, r, Mount, http.StatusMovedPermanently)
			return
		}
		http.NotFound(w, r)
		return
	}
	if name == "" {
		name = "index.html"
	}
	f := h.files[name]
	switch {
	case f != nil:
		f.serve(w, r)
	case name == "index.html":
		notBuilt(w, r)
	default:
		header.Set("Cache-Control", "no-cache")
		http.NotFound(w, r)
	}
}

func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", f.kind)
	header.Set("Cache-Control", f.cache)
	content, tag := f.plain, `"`+f.tag+`"`
	if f.gzipped != nil {
		header.Add("Vary", "Accept-Encoding")
		if takesGzip(r.Header.Get("Accept-Encoding")) {
			header.Set("Content-Encoding", "gzip")
			content, tag = f.gzipped, `"`+f.tag+`-gzip"`
		}
	}
	header.Set("Etag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Length", strconv.Itoa(len(content)))
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(content) // the client may be gone
}

// notBuilt tells the operator of a server without the front end what is missing.
func notBuilt(w http.ResponseWriter, r *http.Request) {
	const page = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>confab</title></head>
<body>
<h1>The front end is not built</h1>
<p>This server runs, and its APIs answer. Its front end was not part of the build: run <code>make web</code>, then build the program again.</p>
</body>
</html>
`
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-cache")
	header.Set("Content-Length", strconv.Itoa(len(page)))
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write([]byte(page))
}

// caching returns how long a browser may keep a file without asking. The names of
// assets hold the hash of what is in them.
func caching(name string) string {
	if strings.HasPrefix(name, "assets/") {
		return "public, max-age=31536000, immutable"
	}
	return "no-cache"
}

func contentType(name string) string {
	switch path.Ext(name) {
	case ".webmanifest":
		return "application/manifest+json"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

// takesGzip reports whether an Accept-Encoding names gzip and does not refuse it.
func takesGzip(accept string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		coding, weight, _ := strings.Cut(part, ";")
		coding = strings.TrimSpace(coding)
		if !strings.EqualFold(coding, "gzip") && coding != "*" {
			continue
		}
		q, ok := strings.CutPrefix(strings.ReplaceAll(weight, " ", ""), "q=")
		if !ok {
			return true
		}
		value, err := strconv.ParseFloat(q, 64)
		return err == nil && value > 0
	}
	return false
}
