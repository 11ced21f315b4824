package chat

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErasedText returns the text of a system message about a user who is erased. A text that is not a MembershipText loses
// only these names.
func ErasedText(text string, names []string) string {
	for _, end := range []string{joinsText, leavesText} {
		if strings.HasSuffix(text, end) {
			return Erased.FullName() + end
		}
	}
	return WithoutNames(text, names)
}

// WithoutNames returns the text of a system message with Erased in place of these full names, where they are whole.
func WithoutNames(text string, names []string) string {
	for _, name := range names {
		from := 0
		for name != "" {
			i := strings.Index(text[from:], name)
			if i < 0 {
				break
			}
			i += from
			end := i + len(name)
			before, _ := utf8.DecodeLastRuneInString(text[:i])
			after, _ := utf8.DecodeRuneInString(text[end:])
			if isWord(before) || isWord(after) {
				from = end
				continue
			}
			text = text[:i] + Erased.FullName() + text[end:]
			from = i + len(Erased.FullName())
		}
	}
	return text
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
