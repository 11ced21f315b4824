package emoji_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/emoji"
)

func TestEveryEmojiOfTheStandard(t *testing.T) {
	list, err := os.ReadFile("emoji.txt")
	require.NoError(t, err)
	all := strings.Fields(string(list))
	require.Len(t, all, 3953, "as many as Emoji 17.0 has")
	longest := 0
	for _, e := range all {
		normal, ok := emoji.Normal(e)
		require.True(t, ok, e)
		require.Equal(t, e, normal)
		longest = max(longest, len(e))
	}
	require.Equal(t, emoji.Longest, longest)
}

func TestOneSpelling(t *testing.T) {
	for _, c := range []struct {
		want   string
		others []string
	}{
		{"❤️", []string{"❤", "❤\ufe0e", "❤\ufe0f"}},
		{"👍", []string{"👍\ufe0f", "👍\ufe0e"}},
		{"👁️‍🗨️", []string{"👁‍🗨", "👁️‍🗨", "👁‍🗨️"}},
		{"#️⃣", []string{"#⃣"}},
		{"🏴‍☠️", []string{"🏴‍☠"}},
		{"☝🏽", []string{"☝️🏽"}},
		{"👩🏽‍❤️‍💋‍👨🏿", []string{"👩🏽‍❤‍💋‍👨🏿"}},
		{"🏴󠁧󠁢󠁳󠁣󠁴󠁿", nil},
		{"🇫🇷", nil},
	} {
		for _, s := range append(c.others, c.want) {
			got, ok := emoji.Normal(s)
			require.True(t, ok, "%+q", s)
			require.Equal(t, c.want, got, "%+q", s)
		}
	}
}

func TestWhatIsNoEmoji(t *testing.T) {
	for _, s := range []string{"", "x", "1", "#", "👍👍", "👍 ", " 👍", ":)", "\ufe0f", "\u200d", "🇫", "🇫🇷🇩🇪", "👍x", "\u200d👍", "\xff", "🇽🇽",
		"👍\u200d👍", strings.Repeat("\ufe0f", 1000) + "👍"} {
		_, ok := emoji.Normal(s)
		require.False(t, ok, "%+q", s)
	}
}
