package api

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
)

func TestReadRetention(t *testing.T) {
	const askFor, spelt = "retention may not be null", "retention has to be like 30d"
	for name, c := range map[string]struct {
		body    string
		want    chat.Retention
		status  int // 0: none, it is read
		message string
	}{
		"days":           {`{"retention":"30d"}`, chat.Retention(720 * time.Hour), 0, ""},
		"the shortest":   {`{"retention":"1h"}`, chat.MinRetention, 0, ""},
		"the longest":    {`{"retention":"36500d"}`, chat.MaxRetention, 0, ""},
		"forever":        {`{"retention":"forever"}`, chat.Forever, 0, ""},
		"the server's":   {`{"retention":"default"}`, chat.ServerRetention, 0, ""},
		"another beside": {`{"x":1,"retention":"36h"}`, chat.Retention(36 * time.Hour), 0, ""},
		"too short":      {`{"retention":"59m"}`, 0, 422, spelt},
		"too long":       {`{"retention":"36501d"}`, 0, 422, spelt},
		"no time":        {`{"retention":"never"}`, 0, 422, spelt},
		"empty":          {`{"retention":""}`, 0, 422, spelt},
		"absent":         {`{}`, 0, 422, askFor},
		"null":           {`{"retention":null}`, 0, 422, askFor},
		"a number":       {`{"retention":30}`, 0, 400, "retention has to be a text, not a number"},
		"no object":      {`"30d"`, 0, 400, "JSON object"},
		"more than fit":  {`{"retention":"30d"}` + strings.Repeat(" ", MaxBody), 0, 413, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("PUT", "/", strings.NewReader(c.body))
			r.Header.Set("Content-Type", "application/json")
			got, err := ReadRetention(httptest.NewRecorder(), r)
			if c.status == 0 {
				require.NoError(t, err)
				require.Equal(t, c.want, got)
				return
			}
			status, message := StatusOf(err)
			require.Equal(t, c.status, status)
			require.Contains(t, message, c.message)
		})
	}
	_, err := ReadRetention(httptest.NewRecorder(), httptest.NewRequest("PUT", "/", strings.NewReader(`{"retention":"30d"}`)))
	status, _ := StatusOf(err)
	require.Equal(t, 415, status, "without a content type")
}
