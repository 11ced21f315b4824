package server

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/live"
	"github.com/confab-chat/confab/pkg/store/embedded"
)

// deaf subscribes without listening.
type deaf struct{}

func (deaf) Deliver(*live.Delivery) {}
func (deaf) Ended()                 {}
func (deaf) Lost()                  {}

// What is replayed to who comes back is what pages show.
func TestReplaysObeyTheRetention(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	st, err := embedded.Open(t.TempDir(), embedded.Options{Logger: quiet, CacheBytes: 1 << 20})
	require.NoError(t, err)
	defer st.Close()
	n, err := New(t.Context(), Config{Log: quiet, Hashes: 2, HashCost: auth.CheapForTests, Retention: time.Hour}, st)
	require.NoError(t, err)
	defer n.Close()
	ctx, ann := t.Context(), chat.Person{Login: "ann", FirstName: "Ann", LastName: "Smith"}
	who := chat.Identity{Tenant: chat.DefaultTenant, Login: "ann"}
	require.NoError(t, st.CreateUser(ctx, chat.DefaultTenant, chat.User{Person: ann, PasswordHash: "x"}))
	v, err := n.Chat.CreateRoom(ctx, who, chat.NewRoom{Name: "lounge"})
	require.NoError(t, err)
	l := v.Log(chat.DefaultTenant)
	old := chat.Message{ID: id.FirstAt(time.Now().Add(-2 * time.Hour)), Author: ann, Content: "old"}
	require.NoError(t, st.Append(ctx, l, old))
	_, err = st.ChangeMessage(ctx, l, old.ID, func(chat.Message) (chat.Change, error) {
		return chat.Change{Kind: chat.Edit, ID: id.NewGenerator(nil).New(), By: ann, Content: "edited"}, nil
	})
	require.NoError(t, err)
	fresh, err := n.Chat.Post(ctx, who, "lounge", chat.NewMessage{Content: new("fresh")})
	require.NoError(t, err)
	_, err = n.Chat.EditMessage(ctx, who, "lounge", fresh.ID, new("edited"))
	require.NoError(t, err)

	replayed := func() (out []id.ID) {
		t.Helper()
		s, err := n.hub.Subscribe(ctx, who, "lounge", live.Messages, deaf{}, true)
		require.NoError(t, err)
		defer s.End()
		missed, recovered := n.hub.Replay(ctx, s, id.Min)
		s.Replayed(missed)
		require.True(t, recovered)
		for d, err := range missed.Each(ctx) {
			require.NoError(t, err)
			switch e := d.Event.(type) {
			case chat.MessagePosted:
				out = append(out, e.Message.ID)
			case chat.MessageChanged:
				out = append(out, e.Message.ID)
			}
		}
		return out
	}
	require.Equal(t, []id.ID{fresh.ID, fresh.ID}, replayed())
	_, err = n.Chat.SetRetention(ctx, who, "lounge", chat.Forever)
	require.NoError(t, err)
	require.Equal(t, []id.ID{old.ID, old.ID, fresh.ID, fresh.ID}, replayed())
}
