package auth

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
)

// throttledWorld is a world whose throttle has these limits, and whose hashes cost nothing.
func throttledWorld(t *testing.T, each, wide int) *world {
	t.Helper()
	w := newWorld()
	w.accounts.throttle = NewThrottle(each, wide, w.clock.Now, 1000)
	t.Cleanup(w.accounts.throttle.Close)
	w.hasher.cost = CheapForTests
	w.hasher.dummy = w.hasher.encode("nobody", make([]byte, saltLen))
	w.signUp(t, "jdoe", "secret")
	return w
}

func (w *world) try(t *testing.T, login, password string, from From) error {
	t.Helper()
	_, err := w.accounts.LogIn(t.Context(), jdoe.Tenant, login, password, from)
	return err
}

func TestFailuresOfALoginFromAnAddressAreSlowed(t *testing.T) {
	w := throttledWorld(t, 3, 0)
	here := From{Address: "10.0.0.1"}
	for range 10 { // what succeeds does not count
		require.NoError(t, w.try(t, "jdoe", "secret", here))
	}
	for range 3 {
		requireKind(t, chat.Unauthenticated, w.try(t, "jdoe", "wrong", here))
	}
	err := w.try(t, "jdoe", "secret", here)
	requireKind(t, chat.RateLimited, err)
	var wait chat.RetryAfter
	require.ErrorAs(t, err, &wait)
	require.Equal(t, 20*time.Second, wait.Round(time.Millisecond))
	require.NoError(t, w.try(t, "jdoe", "secret", From{Address: "10.0.0.2"}), "another address is another matter")
	w.clock.Add(wait.Duration)
	require.NoError(t, w.try(t, "jdoe", "secret", here))
}

func TestParallelGuessesAreCountedBeforeTheyAreChecked(t *testing.T) {
	w := throttledWorld(t, 3, 0)
	errs := make([]error, 60)
	var done sync.WaitGroup
	for i := range errs {
		done.Go(func() {
			_, errs[i] = w.accounts.LogIn(t.Context(), jdoe.Tenant, "jdoe", fmt.Sprint("guess ", i), From{})
		})
	}
	done.Wait()
	checked := 0
	for _, err := range errs {
		if !chat.IsKind(err, chat.RateLimited) {
			requireKind(t, chat.Unauthenticated, err)
			checked++
		}
	}
	require.Equal(t, 3, checked)
}

func TestAnAddressIsSlowedOverAllLogins(t *testing.T) {
	w := throttledWorld(t, 3, 5)
	here := From{Address: "10.0.0.1", Known: true}
	for i := range 5 {
		requireKind(t, chat.Unauthenticated, w.try(t, fmt.Sprint("nobody", i), "x", here))
	}
	requireKind(t, chat.RateLimited, w.try(t, "nobody9", "x", here))
	require.NoError(t, w.try(t, "jdoe", "secret", From{Address: "10.0.0.2"}))
}

func TestALoginIsSlowedOverAllAddresses(t *testing.T) {
	w := throttledWorld(t, 3, 5)
	for i := range 5 {
		requireKind(t, chat.Unauthenticated, w.try(t, "jdoe", "wrong", From{Address: fmt.Sprint("10.0.0.", i)}))
	}
	ann := From{Address: "10.0.1.1"}
	requireKind(t, chat.RateLimited, w.try(t, "jdoe", "secret", ann))
	ann.Known = true
	require.NoError(t, w.try(t, "jdoe", "secret", ann), "others' failures do not lock out who has a session")
	require.NoError(t, w.accounts.ChangePassword(t.Context(), jdoe, "secret", "new", ann.Address), "nor keep them from changing the password")
	for range 3 {
		requireKind(t, chat.Unauthenticated, w.try(t, "jdoe", "wrong", ann))
	}
	requireKind(t, chat.RateLimited, w.try(t, "jdoe", "new", ann))
}

// A login that cannot exist is refused like a wrong password, and leaves nothing behind.
func TestLoginsThatCannotExistAreNotKept(t *testing.T) {
	w := throttledWorld(t, 100, 100)
	for i := range 50 {
		err := w.try(t, fmt.Sprintf("%08d", i)+strings.Repeat("x", 1<<20), "x", From{Address: "10.0.0.1"})
		require.EqualError(t, err, "unauthenticated: Invalid login/password")
	}
	require.LessOrEqual(t, w.accounts.throttle.buckets.Keys(), 2)
}

func TestWhatWasNotCheckedIsNoFailure(t *testing.T) {
	w := throttledWorld(t, 1, 1)
	w.down = chat.ErrUnavailable(errDown)
	for range 3 {
		requireKind(t, chat.Unavailable, w.try(t, "jdoe", "wrong", From{}))
	}
	w.down = nil
	requireKind(t, chat.Unauthenticated, w.try(t, "jdoe", "wrong", From{}))
	requireKind(t, chat.RateLimited, w.try(t, "jdoe", "secret", From{}))
	w.clock.Add(-time.Hour) // a clock that is set back gives no more
	requireKind(t, chat.RateLimited, w.try(t, "jdoe", "secret", From{}))
}

func TestNoLimits(t *testing.T) {
	w := throttledWorld(t, 0, 0)
	for range 200 {
		requireKind(t, chat.Unauthenticated, w.try(t, "jdoe", "wrong", From{}))
	}
	require.NoError(t, w.try(t, "jdoe", "secret", From{}))
}

// Refused logins are answered slowly, but not more of them than there are places: the others are answered immediately.
func TestRefusedLoginsAreHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		throttle := NewThrottle(1, 0, time.Now, 10)
		defer throttle.Close()
		began := time.Now()
		var held sync.WaitGroup
		for range maxHeld {
			held.Go(func() { throttle.Hold(t.Context()) })
		}
		synctest.Wait()
		throttle.Hold(t.Context())
		require.Zero(t, time.Since(began), "a caller without a place waits")
		held.Wait()
		require.Equal(t, holdFor, time.Since(began))

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		throttle.Hold(ctx) // its client has gone
		require.Equal(t, holdFor, time.Since(began))
	})
}
