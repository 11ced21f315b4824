package invite_test

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/invite"
	"github.com/confab-chat/confab/pkg/store/embedded"
)

// lossy is a store that loses an answer before the write arrives, and then looks whether the entry is as it should have
// become.
type lossy struct {
	directory.Store
	meanwhile func() // runs before the write that is lost
}

func (s *lossy) ReplaceEntry(ctx context.Context, e directory.Entry) error {
	meanwhile := s.meanwhile
	if s.meanwhile = nil; meanwhile == nil {
		return s.Store.ReplaceEntry(ctx, e)
	}
	meanwhile()
	now, err := s.Entry(ctx, e.Space, e.ID)
	if err != nil {
		return err
	}
	if now.Version == e.Version+1 && bytes.Equal(now.Value, e.Value) {
		return nil
	}
	return &chat.Error{Kind: chat.Stale}
}

// Two who use an invitation for one account at the same time are not one, even if an answer of the store is lost.
func TestUsesAreToldApartWhenAnAnswerIsLost(t *testing.T) {
	st, err := embedded.OpenPatiently(t.Context(), t.TempDir(), embedded.Options{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	one := 1
	over := &lossy{Store: st}
	s := invite.New(over, id.NewGenerator(nil), time.Now)
	secret, _, err := s.Create(t.Context(), chat.Identity{Tenant: "t", Login: "root"}, invite.NewInvitation{Count: &one})
	require.NoError(t, err)
	over.meanwhile = func() {
		_, err := s.Use(t.Context(), "t", secret)
		require.NoError(t, err)
	}
	_, err = s.Use(t.Context(), "t", secret)
	require.True(t, chat.IsKind(err, chat.Forbidden), "%v", err)
}
