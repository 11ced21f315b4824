package api

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"time"
)

// inline are the types that a browser may show in place: none that can run as a page. All others are saved.
var inline = map[string]bool{
	"image/png": true, "image/jpeg": true, "image/gif": true, "image/webp": true,
	"audio/mpeg": true, "audio/ogg": true, "audio/wav": true, "audio/flac": true, "audio/aac": true, "audio/mp4": true, "audio/webm": true,
	"video/mp4": true, "video/webm": true, "video/ogg": true, "video/quicktime": true,
}

// active are types that browsers run. They are served as bytes.
var active = map[string]bool{
	"text/html": true, "application/xhtml+xml": true, "image/svg+xml": true, "text/xml": true, "application/xml": true,
	"text/javascript": true, "application/javascript": true, "application/pdf": true,
}

// ServedFile is a file to answer with.
type ServedFile struct {
	Name, Type string
	// Tag names the bytes: they never change under one tag.
	Tag     string
	Content io.ReadSeeker
}

// ServeFile answers with a file: whole, or the part that the request asks for, or 304 if the client has it. A browser cannot
// run it as a page of the server: it is saved, unless its type is one that cannot run, and is in a sandbox all the same. An
// error is returned if nothing was written yet; later ones cut the connection.
func ServeFile(w http.ResponseWriter, r *http.Request, f ServedFile) error {
	h := w.Header()
	disposition, kind := "attachment", f.Type
	if inline[kind] {
		disposition = "inline"
	}
	if kind == "" || active[kind] {
		kind = octets
	}
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", mime.FormatMediaType(disposition, map[string]string{"filename": f.Name}))
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "private, max-age=300")
	h.Set("ETag", `"`+f.Tag+`"`)
	h.Set("Accept-Ranges", "bytes")
	out := &late{ResponseWriter: w}
	in := &noted{ReadSeeker: f.Content}
	r = r.Clone(r.Context())
	r.Header.Del("If-Match") // a file never changes: there is nothing to protect
	r.Header.Del("If-Unmodified-Since")
	http.ServeContent(out, r, "", time.Time{}, in)
	err := in.err
	if out.status == http.StatusRequestedRangeNotSatisfiable {
		err = &HTTPError{Status: out.status, Message: "the file has no such part"}
	}
	switch {
	case err == nil:
		out.begin()
	case out.begun:
		panic(http.ErrAbortHandler) // the client must not take this for the end
	default:
		for _, name := range []string{"Content-Type", "Content-Disposition", "Content-Length", "Accept-Ranges", "ETag"} {
			h.Del(name)
		}
		h.Set("Cache-Control", "no-store")
	}
	return err
}

const octets = "application/octet-stream"

// late writes the head of an answer with its first byte.
type late struct {
	http.ResponseWriter
	status int
	begun  bool
}

func (w *late) WriteHeader(status int) { w.status = status }

func (w *late) begin() {
	if !w.begun && w.status != 0 {
		w.ResponseWriter.WriteHeader(w.status)
	}
	w.begun = true
}

func (w *late) Write(b []byte) (int, error) {
	if w.status == http.StatusRequestedRangeNotSatisfiable {
		return len(b), nil // the sentence of net/http
	}
	w.begin()
	return w.ResponseWriter.Write(b)
}

// noted remembers the error of a file.
type noted struct {
	io.ReadSeeker
	err error
}

func (n *noted) Read(p []byte) (int, error) {
	got, err := n.ReadSeeker.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		n.err = err
	}
	return got, err
}
