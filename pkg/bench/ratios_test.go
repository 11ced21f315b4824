package bench

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRatios(t *testing.T) {
	var file bytes.Buffer
	require.NoError(t, WriteJSON(&file, Result{Name: "posts", Rate: 50}, Result{Name: "bare-insert", Rate: 100}, Result{Name: "posts", Rate: 1}))
	rs, err := ReadJSON(&file)
	require.NoError(t, err)
	require.Len(t, rs, 3)

	var out strings.Builder
	require.NoError(t, WriteRatios(&out, rs...))
	require.Equal(t, "   50 %  posts to the same inserts by bare gocql\n", out.String())

	_, err = ReadJSON(strings.NewReader("{"))
	require.Error(t, err)
}
