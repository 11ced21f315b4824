package stomp

import (
	"strings"
)

// Limits of what a client may send.
const (
	maxBody    = 64 << 10 // bytes of a body
	maxHeaders = 64       // header lines of a frame
	maxLine    = 8 << 10  // bytes of a line
	maxHeader  = 32 << 10 // bytes of all lines of a frame
)

// header is a header line as it was sent, not unescaped.
type header struct{ name, value string }

// frame is a STOMP frame from a client.
type frame struct {
	command string
	headers []header
	body    []byte
	// escaped says that names and values may have escapes. It is false in STOMP 1.0 and for CONNECT and STOMP frames.
	escaped bool
}

// raw returns the first value of that name exactly as it was sent.
func (f *frame) raw(name string) (string, bool) {
	for _, h := range f.headers {
		if h.name == name || f.escaped && unescapeLoosely(h.name) == name {
			return h.value, true
		}
	}
	return "", false
}

// get returns the first value of that name, unescaped. An invalid escape is an error.
func (f *frame) get(name string) (value string, ok bool, err error) {
	v, ok := f.raw(name)
	if !ok || !f.escaped {
		return v, ok, nil
	}
	v, good := unescape(v)
	if !good {
		return "", true, protocolError("undefined escape in header " + name)
	}
	return v, true, nil
}

// unescape replaces \n, \r, \c and \\. It returns false if there is another escape.
func unescape(s string) (string, bool) {
	if !strings.Contains(s, `\`) {
		return s, true
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		i++
		if i == len(s) {
			return "", false
		}
		switch s[i] {
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 'c':
			b.WriteByte(':')
		case '\\':
			b.WriteByte('\\')
		default:
			return "", false
		}
	}
	return b.String(), true
}

func unescapeLoosely(s string) string {
	if v, ok := unescape(s); ok {
		return v
	}
	return s
}

// protocolError is an error of the client. Its text is sent to the client.
type protocolError string

func (e protocolError) Error() string { return string(e) }
