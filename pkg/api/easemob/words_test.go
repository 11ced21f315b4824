package easemob_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestErrorsSayWhatIsWrong(t *testing.T) {
	w := newWorld(t)
	path := "/management/organizations/" + w.app.organisation + "/applications/" + w.app.uuid
	for want, body := range map[string]any{
		"there is no setting colour":                                object{"colour": "red", "token_ttl": 1},
		"the value of the setting token_ttl has not the right type": object{"token_ttl": true},
		"the body has to be a JSON object":                          []any{},
	} {
		status, out := w.do("PUT", path, w.boss, body)
		require.Equal(t, 400, status)
		require.Equal(t, want, out["error_description"])
	}
}

func TestAnUnknownKindOfEventsIsAnError(t *testing.T) {
	w, _ := serve(t, openStore(t), config())
	status, out := w.do("GET", "/api/chat/v1/admin/audit?kind=foo", adminToken, nil)
	require.Equal(t, 400, status)
	require.Contains(t, out["message"], "login-failed")
	w.ok("GET", "/api/chat/v1/admin/audit?kind=app-created", adminToken, nil)
}
