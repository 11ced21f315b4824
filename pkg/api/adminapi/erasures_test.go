package adminapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
)

func TestErase(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	who := chat.Identity{Tenant: chat.DefaultTenant, Login: "ann"}
	_, err := w.node.Chat.CreateRoom(ctx, who, chat.NewRoom{Name: "lounge"})
	require.NoError(t, err)
	_, err = w.node.Chat.Post(ctx, who, "lounge", chat.NewMessage{Content: new("a secret")})
	require.NoError(t, err)
	require.NoError(t, w.store.GrantRole(ctx, chat.DefaultTenant, "ann", auth.IntegrationAdmin))
	require.NoError(t, w.store.PutSession(ctx, auth.Session{Hash: auth.HashOf("s"), Tenant: chat.DefaultTenant, Login: "ann",
		ExpiresAt: time.Now().Add(time.Hour)}))
	require.NoError(t, w.store.CreateRemembered(ctx, auth.Remembered{Series: auth.HashOf("r"), Tenant: chat.DefaultTenant, Login: "ann",
		ExpiresAt: time.Now().Add(time.Hour)}))

	w.ask(adminToken, "GET", "/erasures/ann", nil, http.StatusNotFound)
	begun := w.ask(adminToken, "POST", "/erasures", map[string]any{"login": "ann"}, http.StatusAccepted)
	require.Equal(t, "ann", begun["login"])
	roles, err := w.store.Roles(ctx, chat.DefaultTenant, "ann")
	require.NoError(t, err)
	require.Empty(t, roles)
	for _, err := range []error{
		second(w.store.Session(ctx, auth.HashOf("s"))), second(w.store.Remembered(ctx, auth.HashOf("r"))),
		second(w.store.Token(ctx, auth.HashOf(annToken))),
	} {
		require.True(t, chat.IsKind(err, chat.NotFound), "%v", err)
	}
	require.Eventually(t, func() bool {
		return w.ask(adminToken, "GET", "/erasures/ann", nil, http.StatusOK)["messages"].(float64) >= 1
	}, 10*time.Second, 10*time.Millisecond)
	r, err := w.store.Room(ctx, chat.DefaultTenant, "lounge")
	require.NoError(t, err)
	require.Equal(t, chat.Erased, r.Creator)

	w.ask(adminToken, "POST", "/erasures", map[string]any{"login": "ann", "keepMessages": true}, http.StatusConflict)
	w.ask(adminToken, "POST", "/erasures", map[string]any{"login": "nobody"}, http.StatusNotFound)
	w.ask(adminToken, "POST", "/erasures", map[string]any{}, http.StatusUnprocessableEntity)
	w.ask(adminToken, "POST", "/erasures", map[string]any{"login": ""}, http.StatusUnprocessableEntity)
	w.ask(adminToken, "POST", "/erasures", map[string]any{"login": chat.SystemLogin}, http.StatusBadRequest)
	w.ask(adminToken, "POST", "/erasures", map[string]any{"login": 1}, http.StatusBadRequest)
}

func second[T any](_ T, err error) error { return err }
