package adminapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
)

func TestRooms(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	who := chat.Identity{Tenant: chat.DefaultTenant, Login: "ann"}
	for _, name := range []string{"games", "lounge", "quiet"} {
		_, err := w.node.Chat.CreateRoom(ctx, who, chat.NewRoom{Name: name})
		require.NoError(t, err)
	}
	for range 3 {
		_, err := w.node.Chat.Post(ctx, who, "lounge", chat.NewMessage{Content: new("hello")})
		require.NoError(t, err)
	}
	names := func(query string) (out []string) {
		for _, r := range w.ask(adminToken, "GET", "/rooms"+query, nil, http.StatusOK)["rooms"].([]any) {
			out = append(out, r.(map[string]any)["name"].(string))
		}
		return out
	}
	require.Equal(t, []string{"games", "lounge", "quiet"}, names(""))
	require.Equal(t, []string{"lounge"}, names("?after=games&limit=1"))
	require.Equal(t, true, w.ask(adminToken, "GET", "/rooms?limit=2", nil, http.StatusOK)["hasMore"])
	require.Equal(t, false, w.ask(adminToken, "GET", "/rooms?limit=3", nil, http.StatusOK)["hasMore"])
	w.ask(adminToken, "GET", "/rooms?limit=0", nil, http.StatusBadRequest)
	w.ask(adminToken, "GET", "/rooms?limit=x", nil, http.StatusBadRequest)

	room := w.ask(adminToken, "GET", "/rooms/lounge", nil, http.StatusOK)
	require.EqualValues(t, 1, room["participants"])
	require.Equal(t, "ann", room["creator"])
	require.LessOrEqual(t, room["oldestMessage"], room["newestMessage"])
	require.Nil(t, w.ask(adminToken, "GET", "/rooms/quiet", nil, http.StatusOK)["newestMessage"])
	w.ask(adminToken, "GET", "/rooms/nowhere", nil, http.StatusNotFound)

	require.Empty(t, w.ask(adminToken, "GET", "/sweeps", nil, http.StatusOK)["sweeps"])
	w.ask(adminToken, "DELETE", "/rooms/lounge", nil, http.StatusNoContent)
	w.ask(adminToken, "DELETE", "/rooms/lounge", nil, http.StatusNotFound)
	w.ask(adminToken, "GET", "/rooms/lounge", nil, http.StatusNotFound)
	require.Equal(t, []string{"games", "quiet"}, names(""))
	sweeps := w.ask(adminToken, "GET", "/sweeps", nil, http.StatusOK)["sweeps"].([]any)
	require.Len(t, sweeps, 1)
	require.Equal(t, "lounge", sweeps[0].(map[string]any)["room"])
	require.Equal(t, room["id"], sweeps[0].(map[string]any)["id"])
}

// How much of a room is removed can be watched.
func TestRetentionOfRooms(t *testing.T) {
	w := newWorld(t)
	_, err := w.node.Chat.CreateRoom(t.Context(), chat.Identity{Tenant: chat.DefaultTenant, Login: "ann"}, chat.NewRoom{Name: "lounge"})
	require.NoError(t, err)
	set := func(room string, to any, status int) map[string]any {
		return w.ask(adminToken, "PUT", "/rooms/"+room+"/retention", map[string]any{"retention": to}, status)
	}
	require.Equal(t, "default", w.ask(adminToken, "GET", "/rooms/lounge", nil, http.StatusOK)["retention"])
	for given, spelled := range map[string]string{"720h": "30d", "forever": "forever", "default": "default", "90m": "1h30m"} {
		require.Equal(t, spelled, set("lounge", given, http.StatusOK)["retention"])
		require.Equal(t, spelled, w.ask(adminToken, "GET", "/rooms/lounge", nil, http.StatusOK)["retention"])
		all := w.ask(adminToken, "GET", "/rooms", nil, http.StatusOK)["rooms"].([]any)
		require.Equal(t, spelled, all[0].(map[string]any)["retention"])
	}
	for _, bad := range []any{"soon", "", "1m", nil} {
		set("lounge", bad, http.StatusUnprocessableEntity)
	}
	set("lounge", 30, http.StatusBadRequest)
	set("nowhere", "30d", http.StatusNotFound)
}
