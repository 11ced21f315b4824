package easemob

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A query that is not understood says which word is wrong, and where it is.
func TestMistakesInQueries(t *testing.T) {
	for text, want := range map[string]string{
		"select from":                                  "ql has from at character 8, where * is expected",
		"selekt *":                                     "ql has selekt at character 1, where select, where or order by is expected",
		"select * wehre from = 'a'":                    "ql has wehre at character 10, where where or order by is expected",
		"where":                                        "ql ends too early, where timestamp, from, to, chat_type or msg_id is expected",
		"where  sender = 'a'":                          "ql has sender at character 8, where timestamp, from, to, chat_type or msg_id is expected",
		"where from > 'a'":                             "ql has > at character 12, where = is expected",
		"where from contains 'a'":                      "ql has contains at character 12, where = is expected",
		"where from = a":                               "ql has a at character 14, where a text in quotes is expected",
		"where from =":                                 "ql ends too early, where a text in quotes is expected",
		"where from = '梁' or to = 'b'":                 "ql has or at character 18, where and or order by is expected",
		"where to = 'a":                                "ql has a quote at character 12 that is not closed",
		"where timestamp like 5":                       "ql has like at character 17, where >, >=, <, <= or = is expected",
		"where timestamp > '2026-01-02'":               "ql has '2026-01-02' at character 19, where a time in milliseconds is expected",
		"where timestamp > 99999999999999999999":       "ql has 99999999999999999999 at character 19, where a time in milliseconds is expected",
		"order timestamp":                              "ql has timestamp at character 7, where by is expected",
		"order by from":                                "ql has from at character 10, where timestamp is expected",
		"order by timestamp down":                      "ql has down at character 20, where asc or desc is expected",
		"where timestamp > 1 order by timestamp asc x": "ql has x at character 44, where the end is expected",
		strings.Repeat("ä", 1000):                      "ql has " + strings.Repeat("ä", 40) + "… at character 1, where select, where or order by is expected",
	} {
		_, err := parseQuery(text)
		require.Equal(t, &problem{status: 400, word: "query_parse", text: want + "; it has to be like: " + historyExample}, err, text)
	}
	for text, want := range map[string]string{
		"":                                    "ql ends too early, where select is expected",
		"select * where nickname = 'a'":       "ql has nickname at character 16, where username is expected",
		"select * where username = a":         "ql has a at character 27, where a text in quotes is expected",
		"select * where username='a' and x=1": "ql has and at character 29, where the end is expected",
	} {
		_, err := parseNameQuery(text)
		require.Equal(t, &problem{status: 400, word: "query_parse", text: want + "; it has to be like: " + nameExample}, err, text)
	}
	name, err := parseNameQuery(" SELECT *where Username ='ann'\n")
	require.NoError(t, err)
	require.Equal(t, "ann", name)
}

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
