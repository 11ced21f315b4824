// Package emoji knows the emoji of the Unicode standard (Emoji 17.0): single characters, flags, keycaps and sequences of
// any length, with every skin tone. The table is generated: see scripts/emoji.mjs.
//
//go:generate node ../../scripts/emoji.mjs
package emoji

import (
	_ "embed"
	"strings"
	"sync"
)

// Longest is the length of the longest emoji in bytes, with all its variation selectors.
const Longest = 35

//go:embed emoji.txt
var list string

// spellings has the one spelling of each emoji, keyed by it without variation selectors.
var spellings = sync.OnceValue(func() map[string]string {
	m := make(map[string]string)
	for spelling := range strings.Lines(list) {
		spelling = strings.TrimSuffix(spelling, "\n")
		m[plain.Replace(spelling)] = spelling
	}
	return m
})

// plain removes the variation selectors, which choose between text and picture.
var plain = strings.NewReplacer("\ufe0e", "", "\ufe0f", "")

// Normal returns the one spelling of an emoji, however its variation selectors are set; false if s is not exactly one
// emoji. The spelling is that of the standard (fully qualified) and of the page's picker.
func Normal(s string) (string, bool) {
	if len(s) > 2*Longest { // nobody puts more selectors than characters
		return "", false
	}
	spelling, ok := spellings()[plain.Replace(s)]
	return spelling, ok
}
