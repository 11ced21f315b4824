package irclog

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// formatting are the codes IRC clients use for bold, colours and the like.
var formatting = regexp.MustCompile(`\x03(?:\d{1,2}(?:,\d{1,2})?)?|\x04(?:[0-9a-fA-F]{6})?|[\x02\x0f\x11\x16\x1d\x1e\x1f]`)

// plain returns s without formatting codes.
func plain(s string) (out string, changed bool) {
	if !strings.ContainsAny(s, "\x02\x03\x04\x0f\x11\x16\x1d\x1e\x1f") {
		return s, false
	}
	return formatting.ReplaceAllString(s, ""), true
}

// decode returns b as UTF-8; see "Text" in the package's comment.
func decode(b []byte) (s string, recoded bool) {
	if utf8.Valid(b) {
		return string(b), false
	}
	for cut := 1; cut < utf8.UTFMax && cut < len(b); cut++ {
		head, tail := b[:len(b)-cut], b[len(b)-cut:]
		if utf8.RuneStart(tail[0]) && !utf8.FullRune(tail) && utf8.Valid(head) && !ascii(head) {
			return string(head), true
		}
	}
	out, err := charmap.Windows1252.NewDecoder().Bytes(b)
	if err != nil {
		return strings.ToValidUTF8(string(b), "\uFFFD"), true
	}
	return string(out), true
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
