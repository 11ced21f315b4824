package easemob

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A query of any text is parsed or refused, and a text that is compared is read as it was written.
func FuzzQuery(f *testing.F) {
	for _, text := range []string{"", "select *", "where timestamp > 1", "select * where from = 'a' and timestamp<=5 order by timestamp desc", "where to = \"x\\\"", "where from='it''s'", "'", "\xff"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseQuery(text)
		if err == nil {
			require.LessOrEqual(t, s.until, int64(lastTime))
		}
		quoted := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text)
		s, err = parseQuery("where from = '" + quoted + "' and timestamp >= 7")
		require.NoError(t, err, "%q", text)
		require.Equal(t, selection{from: 7, until: lastTime, equal: map[string]string{"from": text}}, s)
	})
}
