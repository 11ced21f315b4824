package auth

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/turns"
)

func requireBusy(t *testing.T, err error) {
	t.Helper()
	requireKind(t, chat.Unavailable, err)
	var wait chat.RetryAfter
	require.ErrorAs(t, err, &wait)
	require.Positive(t, wait.Duration)
}

func TestLoginsAndPasswordChangesWaitByAddress(t *testing.T) {
	w := newWorld()
	w.signUp(t, "jdoe", "secret")
	synctest.Test(t, func(t *testing.T) {
		line := turns.New(turns.Limits{Parallel: 1, Waiting: maxWaiting, OfOne: maxWaitingOfOne})
		require.NoError(t, line.Take(t.Context(), "10.0.0.1"))
		w.hasher.turns = line
		for range maxWaitingOfOne {
			go func() {
				if line.Take(t.Context(), "10.0.0.1") == nil {
					line.Pass()
				}
			}()
		}
		synctest.Wait()
		_, err := w.accounts.LogIn(t.Context(), jdoe.Tenant, "jdoe", "secret", From{Address: "10.0.0.1"})
		requireBusy(t, err)
		_, err = w.accounts.LogIn(t.Context(), jdoe.Tenant, "nobody", "secret", From{Address: "10.0.0.1"})
		requireBusy(t, err)
		requireBusy(t, w.accounts.ChangePassword(t.Context(), jdoe, "secret", "new", "10.0.0.1"))
		_, err = w.hasher.Hash(WithAddress(t.Context(), "10.0.0.1"), "of a sign-up")
		requireBusy(t, err)

		out := make(chan error, 1)
		go func() {
			_, err := w.accounts.LogIn(t.Context(), jdoe.Tenant, "jdoe", "secret", From{Address: "10.0.0.2"})
			out <- err
		}()
		synctest.Wait()
		require.Empty(t, out, "a login from another address waits")
		line.Pass()
		require.NoError(t, <-out)
	})
}

// Hashes of another program may need more memory each than a hash of ours. Together they stay within what there is.
func TestHashesShareTheirMemory(t *testing.T) {
	const memory = 64 << 20
	h := NewHasher(Cost{}, 8, memory)
	imported := (&Hasher{cost: Cost{memory: 48 << 10, time: 1, threads: 1}}).encode("secret", make([]byte, saltLen))
	require.NoError(t, h.inUse.Acquire(t.Context(), memory-40<<20), "so that there is room for two of ours and for none of those")
	ctx, cancel := context.WithCancel(t.Context())
	out := make(chan error, 1)
	go func() {
		_, _, err := h.Verify(ctx, imported, "secret")
		out <- err
	}()
	cancel()
	requireKind(t, chat.Unavailable, <-out)
	ok, _, err := h.Verify(t.Context(), "", "secret")
	require.NoError(t, err)
	require.False(t, ok)
	h.inUse.Release(memory - 40<<20)
	ok, _, err = h.Verify(t.Context(), imported, "secret")
	require.NoError(t, err)
	require.True(t, ok)

	larger := (&Hasher{cost: Cost{memory: 80 << 10, time: 1, threads: 1}}).encode("secret", make([]byte, saltLen))
	ok, _, err = h.Verify(t.Context(), larger, "secret")
	require.NoError(t, err)
	require.True(t, ok, "one that needs more than there is has it alone")
}
