package chat

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every byte is counted at every place of a word of eight, as one byte after the other would be.
func TestBytesCountsEscapes(t *testing.T) {
	slowly := func(text string) (n int) {
		for i := range len(text) {
			switch c := text[i]; {
			case c == '"', c == '\\':
				n++
			case c < ' ':
				n += 5
			}
		}
		return n
	}
	for c := range 256 {
		for at := range 19 {
			text := strings.Repeat("x", at) + string([]byte{byte(c)}) + strings.Repeat("é", 9-at/2)
			require.Equal(t, slowly(text), escapes(text), "%q", text)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		text := make([]byte, r.IntN(70))
		for i := range text {
			text[i] = byte(r.IntN(256))
		}
		require.Equal(t, slowly(string(text)), escapes(string(text)), "%q", text)
	}
	long := strings.Repeat("\x01\"a\\", 1000)
	written, err := json.Marshal(long)
	require.NoError(t, err)
	require.Equal(t, len(written)-len(`""`), Message{Content: long}.Bytes())
}

func BenchmarkBytes(b *testing.B) {
	m := Message{Content: strings.Repeat("as people write, mostly; ", 2600)}
	b.SetBytes(int64(len(m.Content)))
	for b.Loop() {
		_ = m.Bytes()
	}
}
