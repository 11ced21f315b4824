package tenant_test

import (
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/tenant"
)

func TestNames(t *testing.T) {
	for name, ok := range map[string]bool{"acme": true, "ACME-2_x": true, "42": true, strings.Repeat("x", 64): true, strings.Repeat("x", 65): false,
		"": false, "-x": false, "_x": false, "a b": false, "a/b": false, "management": false, "Api2": false, "é": false} {
		require.Equal(t, ok, tenant.ValidOrganisation(name), name)
	}
	for name, ok := range map[string]bool{"chat": true, "Shop-2": true, "-": true, strings.Repeat("x", 32): true, strings.Repeat("x", 33): false,
		"": false, "a_b": false, "a.b": false, "users": true} {
		require.Equal(t, ok, tenant.ValidApp(name), name)
	}
}

func settings(t *testing.T, text string) tenant.Settings {
	var s tenant.Settings
	require.NoError(t, json.Unmarshal([]byte(text), &s))
	return s
}

func TestSettings(t *testing.T) {
	for text, ok := range map[string]bool{`{}`: true, `{"registration":"open","token_ttl":0,"timezone":"-03:30","allowed_origins":["*"]}`: true,
		`{"registration":"closed"}`: false, `{"token_ttl":-1}`: false, `{"recall_window":0}`: false, `{"history_days":36501}`: false, `{"timezone":"UTC"}`: false,
		`{"timezone":"+15:00"}`: false, `{"allowed_origins":["x"]}`: false, `{"allowed_origins":["*","https://a.example"]}`: false, `{"rate_limit":-1}`: false,
		`{"max_users":-1}`: false, `{"allowed_origins":["https://a.example/path"]}`: true} {
		err := settings(t, text).Check(api.NormalOrigin)
		require.Equal(t, ok, err == nil, "%s: %v", text, err)
		require.Equal(t, !ok, chat.IsKind(err, chat.Invalid), text)
	}
	b, err := json.Marshal(tenant.Settings{}.Complete())
	require.NoError(t, err)
	require.JSONEq(t, `{"registration":"authorized","token_ttl":5184000,"recall_window":120,"history_days":180,"contact_check":false,"max_message_bytes":5120,
		"max_file_bytes":10485760,"timezone":"+00:00","allowed_origins":[],"max_members":10000}`, string(b))
}

func TestHowLongTokensLast(t *testing.T) {
	n := func(v int64) *int64 { return &v }
	for _, c := range []struct {
		set, asked *int64
		ttl        time.Duration
		reported   int64
	}{{nil, nil, 5184000 * time.Second, 5184000}, {n(60), nil, time.Minute, 60}, {n(60), n(5), 5 * time.Second, 5}, {n(60), n(0), 0, 2147483647},
		{n(0), nil, 0, 2147483647}, {nil, n(1 << 40), 0, 2147483647}, {nil, n(-1), 0, 2147483647}} {
		ttl, reported := tenant.Settings{TokenTTL: c.set}.TTL(c.asked)
		require.Equal(t, c.ttl, ttl)
		require.Equal(t, c.reported, reported)
	}
}
