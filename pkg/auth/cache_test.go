package auth

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/cache"
	"github.com/confab-chat/confab/pkg/chat"
)

// What another node has ended is accepted here for a second at most.
func TestAnEndElsewhereIsNoticedWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(time.Now)
		sessions, tokens := NewSessions(m, nil, idle, time.Now, nil), NewTokens(m, nil, time.Now)
		defer sessions.Close()
		defer tokens.Close()
		_, s, err := sessions.Start(t.Context(), jdoe, Hash{})
		require.NoError(t, err)
		require.NoError(t, m.PutToken(t.Context(), APIToken{Hash: HashOf("token"), Login: "jdoe"}))
		look := func() (error, error) {
			_, a := sessions.Find(t.Context(), s.Hash)
			_, b := tokens.Find(t.Context(), "token")
			return a, b
		}
		a, b := look()
		require.NoError(t, a)
		require.NoError(t, b)
		require.NoError(t, m.DeleteSession(t.Context(), s.Hash))
		require.NoError(t, m.DeleteToken(t.Context(), HashOf("token")))
		for range 3 {
			time.Sleep(cache.Brief / 2)
			a, b = look() // being used does not keep them
		}
		requireKind(t, chat.NotFound, a)
		requireKind(t, chat.Unauthenticated, b)
	})
}
