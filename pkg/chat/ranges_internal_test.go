package chat

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// Whatever a client gives as a position, the store gets a short text of ASCII with the same names after it.
func TestPosition(t *testing.T) {
	long := strings.Repeat("z", MaxName)
	names := []string{"0ne", "AAA", "Zoe", "aaa", "ann", "ann.", "ann_", "annz", "zoe", long[1:], long}
	for _, after := range []string{"", "ann", "ann.", "annz\xff", "ann\u00e9x", "ann\x00", "\xff\xfe", "\U0001f44d", long, long + "z", strings.Repeat("a", 70_000),
		long[1:] + "\u00e9", long + "\u00e9"} {
		p := position(after)
		require.True(t, utf8.ValidString(p))
		require.LessOrEqual(t, len(p), MaxName+1)
		for _, name := range names {
			require.Equal(t, name > after, name > p, "%q after %q", name, after)
		}
	}
}
