package auth

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
)

// line is a Hasher whose only turn is taken, with calls that wait for it.
type line struct {
	*turns
	got []string // the names of the calls that got their turn, in that order
}

func newLine(t *testing.T) *line {
	t.Helper()
	l := &line{turns: newTurns(1)}
	require.NoError(t, l.take(t.Context()))
	return l
}

// wait starts a call that waits, and returns what makes its client leave, and its error.
func (l *line) wait(t *testing.T, address, name string) (context.CancelFunc, <-chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(WithAddress(t.Context(), address))
	t.Cleanup(cancel)
	out := make(chan error, 1)
	go func() {
		err := l.take(ctx)
		if err == nil {
			l.got = append(l.got, name)
			l.pass()
		}
		out <- err
	}()
	synctest.Wait()
	return cancel, out
}

func (l *line) finish() []string {
	l.pass()
	synctest.Wait()
	return l.got
}

func requireBusy(t *testing.T, err error) {
	t.Helper()
	requireKind(t, chat.Unavailable, err)
	var wait RetryAfter
	require.ErrorAs(t, err, &wait)
	require.Positive(t, wait.Duration)
}

func TestOneAddressDoesNotKeepOthersFromHashing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(t)
		for i := range maxWaitingOfOne {
			l.wait(t, "attacker", fmt.Sprint("attacker ", i))
		}
		for range 3 {
			_, refused := l.wait(t, "attacker", "one too many")
			requireBusy(t, <-refused)
		}
		l.wait(t, "ann", "ann")
		l.wait(t, "bob", "bob")
		l.wait(t, "ann", "ann's second")
		got := l.finish()
		require.Equal(t, []string{"attacker 0", "ann", "bob", "attacker 1", "ann's second", "attacker 2"}, got[:6], "addresses take turns")
		require.Len(t, got, maxWaitingOfOne+3)
		require.Equal(t, newTurns(1), &turns{free: l.free, waiting: l.waiting, of: l.of}, "nothing is left of those who waited")
	})
}

func TestTheQueueForHashingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(t)
		var first context.CancelFunc
		for i := range maxWaiting {
			cancel, _ := l.wait(t, fmt.Sprint("address ", i), fmt.Sprint(i))
			if i == 0 {
				first = cancel
			}
		}
		_, refused := l.wait(t, "ann", "ann")
		requireBusy(t, <-refused)

		first() // a client that left makes room
		synctest.Wait()
		_, waits := l.wait(t, "ann", "ann")
		got := l.finish()
		require.NoError(t, <-waits)
		require.Len(t, got, maxWaiting)
		require.NotContains(t, got, "0")
		require.Equal(t, "ann", got[len(got)-1])
	})
}

func TestAClientThatLeftLosesNoTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(t)
		var left []<-chan error
		for i := range 3 {
			cancel, out := l.wait(t, "ann", "left")
			if i != 1 {
				cancel()
				left = append(left, out)
			}
		}
		for _, out := range left {
			require.ErrorIs(t, <-out, context.Canceled)
		}
		turn, err := l.join("bob")
		require.NoError(t, err)
		require.Equal(t, []string{"left"}, slices.Clone(l.finish()))
		<-turn
		require.False(t, l.leave("bob", turn), "a turn that came cannot be left, it has to be passed on")
		l.pass()
		require.Equal(t, 1, l.free)
	})
}

func TestLoginsAndPasswordChangesWaitByAddress(t *testing.T) {
	w := newWorld()
	w.signUp(t, "jdoe", "secret")
	synctest.Test(t, func(t *testing.T) {
		l := newLine(t)
		w.hasher.turns = l.turns
		for i := range maxWaitingOfOne {
			l.wait(t, "10.0.0.1", fmt.Sprint(i))
		}
		_, err := w.accounts.LogIn(t.Context(), jdoe.Tenant, "jdoe", "secret", From{Address: "10.0.0.1"})
		requireBusy(t, err)
		_, err = w.accounts.LogIn(t.Context(), jdoe.Tenant, "nobody", "secret", From{Address: "10.0.0.1"})
		requireBusy(t, err)
		requireBusy(t, w.accounts.ChangePassword(t.Context(), jdoe, "secret", "new", "10.0.0.1"))
		_, err = w.hasher.Hash(WithAddress(t.Context(), "10.0.0.1"), "of a sign-up")
		requireBusy(t, err)

		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		out := make(chan error, 1)
		go func() {
			_, err := w.accounts.LogIn(ctx, jdoe.Tenant, "jdoe", "secret", From{Address: "10.0.0.2"})
			out <- err
		}()
		synctest.Wait()
		require.Equal(t, maxWaitingOfOne+1, l.waiting, "a login from another address waits")
		l.finish()
		require.NoError(t, <-out)
	})
}
