package api

import (
	"bytes"
	"net/http"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// JSON answers of this many bytes and more are compressed, if the client takes gzip. They are compressed whole, and the
// compressor is free before the client receives anything: it takes half a megabyte.
//
// Never compressed are
//
//   - answers that carry a secret (Operation.Secret). Who makes a browser ask for them and sees how long they are could
//     guess the secret piece by piece (BREACH).
//   - answers to a page of another site that makes a browser ask as its user. It could find out in the same way what others
//     have written. The pages of listed origins send an Origin.
//   - errors, which repeat what was asked.
const minCompressed = 1 << 10

// GzipTag ends the ETag of a compressed answer: a strong one is not that of the answer as it is (RFC 9110, 8.8.3).
const GzipTag = `-gzip"`

// compressible is the ResponseWriter of an operation whose answer Write may compress.
type compressible struct {
	http.ResponseWriter
	accepted bool // the client takes gzip
}

// Unwrap is called by http.ResponseController.
func (w *compressible) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// mayCompress returns the writer for an operation's answers.
func mayCompress(w http.ResponseWriter, r *http.Request, op Operation) http.ResponseWriter {
	if op.AnyType || op.Secret || op.Cache == AsServed {
		return w
	}
	return &compressible{w, AcceptsGzip(r) && !fromElsewhere(r)}
}

func fromElsewhere(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "cross-site", "same-site":
		return r.Header.Get("Origin") == ""
	}
	return false
}

// AcceptsGzip reports whether a request takes gzip as a Content-Encoding (RFC 9110, 12.5.3).
func AcceptsGzip(r *http.Request) bool {
	any := false
	for _, line := range r.Header.Values("Accept-Encoding") {
		for part := range strings.SplitSeq(line, ",") {
			coding, params, _ := strings.Cut(part, ";")
			switch strings.ToLower(strings.TrimSpace(coding)) {
			case "gzip", "x-gzip":
				return weight(params) > 0
			case "*":
				any = weight(params) > 0
			}
		}
	}
	return any
}

// compresses reports whether Write compresses that body. If that depends on the client, it says so in the header Vary.
func compresses(w http.ResponseWriter, body []byte) bool {
	c, ok := w.(*compressible)
	if !ok || len(body) < minCompressed {
		return false
	}
	w.Header().Add("Vary", "Accept-Encoding")
	return c.accepted
}

// compressors are fast rather than thorough: twice the time would save a tenth of the bytes.
var compressors = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level exists
	return z
}}

// Compressed returns a body in gzip.
func Compressed(body []byte) []byte {
	var out bytes.Buffer
	computed(len(body), func() {
		z := compressors.Get().(*gzip.Writer)
		defer compressors.Put(z)
		out.Grow(len(body) / 3)
		z.Reset(&out)
		_, _ = z.Write(body) // a Buffer takes all
		_ = z.Close()
	})
	return out.Bytes()
}
