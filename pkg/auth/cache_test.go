package auth

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/cache"
	"github.com/confab-chat/confab/pkg/chat"
)

// A login that another node has ended is accepted here for a second at most.
func TestAnEndElsewhereIsNoticedWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(time.Now)
		sessions := NewSessions(m, nil, idle, time.Now, Ended{})
		tokens := NewTokens(m, sessions, nil, time.Now, SettingsToken)
		defer sessions.Close()
		defer tokens.Close()
		_, s, err := sessions.Start(t.Context(), Login{Identity: jdoe})
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
			a, b = look() // using them does not keep them alive
		}
		requireKind(t, chat.NotFound, a)
		requireKind(t, chat.Unauthenticated, b)
	})
}

func TestAPasswordChangedElsewhereIsNoticedWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(time.Now)
		require.NoError(t, m.CreateUser(t.Context(), jdoe.Tenant, chat.User{Person: chat.Person{Login: "jdoe"}}))
		sessions := NewSessions(m, nil, idle, time.Now, Ended{})
		defer sessions.Close()
		_, s, err := sessions.Start(t.Context(), Login{Identity: jdoe})
		require.NoError(t, err)
		_, err = sessions.Find(t.Context(), s.Hash)
		require.NoError(t, err)
		require.NoError(t, m.SetPasswordHash(t.Context(), jdoe.Tenant, "jdoe", "hash", "another"))
		time.Sleep(cache.Brief)
		_, err = sessions.Find(t.Context(), s.Hash)
		requireKind(t, chat.NotFound, err)
	})
}

// A login with the new password, made on another node, is good here immediately, although the account is cached as it was before.
func TestALoginElsewhereIsGoodAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(time.Now)
		require.NoError(t, m.CreateUser(t.Context(), jdoe.Tenant, chat.User{Person: chat.Person{Login: "jdoe"}}))
		here, there := NewSessions(m, nil, idle, time.Now, Ended{}), NewSessions(m, nil, idle, time.Now, Ended{})
		tokens := NewTokens(m, here, nil, time.Now, SettingsToken)
		defer here.Close()
		defer there.Close()
		defer tokens.Close()
		_, old, err := here.Start(t.Context(), Login{Identity: jdoe})
		require.NoError(t, err)
		_, err = here.Find(t.Context(), old.Hash)
		require.NoError(t, err)
		require.NoError(t, m.SetPasswordHash(t.Context(), jdoe.Tenant, "jdoe", "hash", "another"))
		_, fresh, err := there.Start(t.Context(), Login{Identity: jdoe, Epoch: "another"})
		require.NoError(t, err)
		require.NoError(t, m.PutToken(t.Context(), APIToken{Hash: HashOf("token"), Login: "jdoe", Bound: true, Epoch: "another"}))
		_, err = here.Find(t.Context(), fresh.Hash)
		require.NoError(t, err)
		_, err = here.Find(t.Context(), old.Hash)
		requireKind(t, chat.NotFound, err)

		require.NoError(t, m.SetPasswordHash(t.Context(), jdoe.Tenant, "jdoe", "hash", "third"))
		require.NoError(t, m.PutToken(t.Context(), APIToken{Hash: HashOf("newer"), Login: "jdoe", Bound: true, Epoch: "third"}))
		_, err = tokens.Find(t.Context(), "newer")
		require.NoError(t, err)
		_, err = tokens.Find(t.Context(), "token")
		requireKind(t, chat.Unauthenticated, err)
	})
}

// alone is a store of one process: values cached from it are used as long as possible.
type alone struct{}

func (alone) Shared() bool                   { return false }
func (alone) OnAnnounce(func(string)) func() { return func() {} }

func (alone) Announced(context.Context, time.Duration, int) ([]string, error) { return nil, nil }

// A session in use is extended in time, although it is hardly ever read; also one that is extended on another node.
func TestARememberedSessionIsExtendedInTime(t *testing.T) {
	for _, idle := range []time.Duration{10 * time.Second, cache.CacheFor, 30 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			m := newMemory(time.Now)
			w := cache.New(alone{}, time.Now, quiet, nil)
			here, there := NewSessions(m, w, idle, time.Now, Ended{}), NewSessions(m, w, idle, time.Now, Ended{})
			defer here.Close()
			defer there.Close()
			_, s, err := here.Start(t.Context(), Login{Identity: jdoe})
			require.NoError(t, err)
			for began := time.Now(); time.Since(began) < 10*idle; time.Sleep(idle / 11) {
				_, err := here.Find(t.Context(), s.Hash)
				require.NoError(t, err, idle)
				kept, err := m.Session(t.Context(), s.Hash)
				require.NoError(t, err)
				require.Greater(t, time.Until(kept.ExpiresAt), idle*9/10, idle)
			}
			for range 30 { // here it is not used for longer than it would live
				time.Sleep(idle / 20)
				_, err := there.Find(t.Context(), s.Hash)
				require.NoError(t, err)
			}
			_, err = here.Find(t.Context(), s.Hash)
			require.NoError(t, err)
			time.Sleep(idle)
			_, err = here.Find(t.Context(), s.Hash)
			requireKind(t, chat.NotFound, err)
		})
	}
}

// Usually a session is read once a minute.
func TestASessionInUseIsHardlyRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(time.Now)
		w := cache.New(alone{}, time.Now, quiet, nil)
		sessions := NewSessions(m, w, 30*time.Minute, time.Now, Ended{})
		tokens := NewTokens(m, sessions, w, time.Now, SettingsToken)
		defer sessions.Close()
		defer tokens.Close()
		_, s, err := sessions.Start(t.Context(), Login{Identity: jdoe})
		require.NoError(t, err)
		require.NoError(t, m.PutToken(t.Context(), APIToken{Hash: HashOf("token"), Login: "jdoe"}))
		for range 10 * 60 {
			_, err := sessions.Find(t.Context(), s.Hash)
			require.NoError(t, err)
			_, err = tokens.Find(t.Context(), "token")
			require.NoError(t, err)
			time.Sleep(time.Second)
		}
		reads, extends := m.counted()
		require.LessOrEqual(t, reads, 2*10+1)
		require.LessOrEqual(t, extends, 10)
		require.NoError(t, tokens.Delete(t.Context(), HashOf("token")))
		_, err = tokens.Find(t.Context(), "token")
		requireKind(t, chat.Unauthenticated, err)
	})
}
