package bench

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRatios(t *testing.T) {
	var file bytes.Buffer
	require.NoError(t, WriteJSON(&file, Result{Name: "posts", Rate: 50}, Result{Name: "bare-insert", Rate: 100}, Result{Name: "posts", Rate: 1},
		Result{Name: "pages-newest", Rate: 90}, Result{Name: "bare-select", Rate: 100},
		Result{Name: "pages-newest", Room: "small", Rate: 200}, Result{Name: "pages-newest", Room: "big", Rate: 100},
		Result{Name: "pages-oldest", Room: "small", Rate: 200}))
	rs, err := ReadJSON(&file)
	require.NoError(t, err)
	require.Len(t, rs, 8)

	var out strings.Builder
	require.NoError(t, WriteRatios(&out, rs))
	require.Equal(t, `      200 %  the time of a page of the room big to that of small: newest
       50 %  posts to the same inserts by bare gocql
       90 %  pages to the same selects by bare gocql
`, out.String())

	out.Reset()
	require.NoError(t, WriteRatios(&out, rs, []Result{{Name: "posts", Rate: 70}, {Name: "bare-insert", Rate: 100}}))
	require.Contains(t, out.String(), "    50–70 %  posts to the same inserts by bare gocql\n")

	_, err = ReadJSON(strings.NewReader("{"))
	require.Error(t, err)
}
