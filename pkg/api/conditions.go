package api

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
)

// ETag returns the strong entity tag of a representation (RFC 9110, 8.8.3). It depends on its bytes alone, so that
// every node gives the same.
func ETag(representation []byte) string {
	sum := sha256.Sum256(representation)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:18]) + `"`
}

// Write sends an answer with a body of known length, so that HEAD has a Content-Length as GET has it. It compresses the
// body where that is allowed and worth it.
func Write(w http.ResponseWriter, status int, contentType string, body []byte) {
	write(w, status, contentType, body, compresses(w, body))
}

func write(w http.ResponseWriter, status int, contentType string, body []byte, compress bool) {
	if compress {
		w.Header().Set("Content-Encoding", "gzip")
		body = Compressed(body)
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	WriteHead(w, status, contentType)
	_, _ = w.Write(body) // an error means that the client is gone
}

// WriteHead begins an answer whose body the caller writes.
func WriteHead(w http.ResponseWriter, status int, contentType string) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
}

// WriteTagged is Write with the ETag of the body. To GET and HEAD it says how long the answer may be kept, and answers
// 304 without a body where If-None-Match has the ETag.
func WriteTagged(w http.ResponseWriter, r *http.Request, status int, contentType string, body []byte, c Cache) {
	tag := ETag(body)
	compress := compresses(w, body)
	if compress {
		w.Header().Set("ETag", tag[:len(tag)-1]+GzipTag)
	} else {
		w.Header().Set("ETag", tag)
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		w.Header().Set("Cache-Control", c.control())
		if listed(r.Header.Values("If-None-Match"), tag, true) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	write(w, status, contentType, body, compress)
}

// Conditional reports whether a request that changes something depends on what is there now.
func Conditional(r *http.Request) bool {
	return len(r.Header.Values("If-Match")) > 0 || len(r.Header.Values("If-None-Match")) > 0
}

// CheckConditions returns the error 412 unless the conditions of a request that changes something hold
// (RFC 9110, 13.1). now is the representation that is there; nil means that there is none.
func CheckConditions(r *http.Request, now []byte) error {
	tag := ""
	if now != nil {
		tag = ETag(now)
	}
	if vs := r.Header.Values("If-Match"); len(vs) > 0 && !listed(vs, tag, false) { // an empty one names nothing
		return ErrPrecondition()
	}
	if vs := r.Header.Values("If-None-Match"); listed(vs, tag, true) {
		return ErrPrecondition()
	}
	return nil
}

// ErrPrecondition is for a request whose If-Match or If-None-Match does not hold.
func ErrPrecondition() error {
	return &HTTPError{Status: http.StatusPreconditionFailed,
		Message: "it is not what If-Match or If-None-Match says; read it again and decide anew"}
}

// listed reports whether a list of entity tags holds tag; "*" holds every tag there is. A weak comparison takes W/"x" for
// "x"; a strong one never takes a weak tag. Each takes the tag of the compressed representation for that of the plain one,
// as it is made of it. Lists that are malformed hold what comes before the fault.
func listed(values []string, tag string, weak bool) bool {
	if tag == "" {
		return false
	}
	rest := strings.TrimSpace(strings.Join(values, ","))
	if rest == "*" {
		return true
	}
	for {
		rest = strings.TrimLeft(rest, " \t,")
		is, ok := strings.CutPrefix(rest, "W/")
		if !strings.HasPrefix(is, `"`) {
			return false
		}
		end := strings.IndexByte(is[1:], '"')
		if end < 0 {
			return false
		}
		if plain, _ := strings.CutSuffix(is[:end+2], GzipTag); strings.TrimSuffix(plain, `"`)+`"` == tag && (weak || !ok) {
			return true
		}
		rest = is[end+2:]
	}
}
