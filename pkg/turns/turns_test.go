package turns

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// line is a Turns whose only turn is taken, with calls that wait for it.
type line struct {
	*Turns
	got []string // the names of the calls that got their turn, in that order
}

func newLine(t *testing.T) *line {
	t.Helper()
	l := &line{Turns: New(Limits{Parallel: 1, Waiting: 256, OfOne: 64})}
	require.NoError(t, l.Take(t.Context(), "first"))
	return l
}

// wait starts a call that waits, and returns what makes its client leave, and its error.
func (l *line) wait(t *testing.T, of, name string) (context.CancelFunc, <-chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	out := make(chan error, 1)
	go func() {
		err := l.Take(ctx, of)
		if err == nil {
			l.got = append(l.got, name)
			l.Pass()
		}
		out <- err
	}()
	synctest.Wait()
	return cancel, out
}

func (l *line) finish() []string {
	l.Pass()
	synctest.Wait()
	return l.got
}

func TestOneNameDoesNotKeepOthersFromTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(t)
		for i := range 64 {
			l.wait(t, "attacker", fmt.Sprint("attacker ", i))
		}
		for range 3 {
			_, refused := l.wait(t, "attacker", "one too many")
			require.ErrorIs(t, <-refused, ErrFull)
		}
		l.wait(t, "ann", "ann")
		l.wait(t, "bob", "bob")
		l.wait(t, "ann", "ann's second")
		got := l.finish()
		require.Equal(t, []string{"attacker 0", "ann", "bob", "attacker 1", "ann's second", "attacker 2"}, got[:6], "names take turns")
		require.Len(t, got, 64+3)
		require.Equal(t, New(Limits{Parallel: 1, Waiting: 256, OfOne: 64}), &Turns{limits: l.limits, free: l.free, waiting: l.waiting, of: l.of}, "nothing is left of those who waited")
	})
}

func TestTheQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(t)
		var first context.CancelFunc
		for i := range 256 {
			cancel, _ := l.wait(t, fmt.Sprint("address ", i), fmt.Sprint(i))
			if i == 0 {
				first = cancel
			}
		}
		_, refused := l.wait(t, "ann", "ann")
		require.ErrorIs(t, <-refused, ErrFull)

		first() // a client that left makes room
		synctest.Wait()
		_, waits := l.wait(t, "ann", "ann")
		got := l.finish()
		require.NoError(t, <-waits)
		require.Len(t, got, 256)
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
		l.Pass()
		require.Equal(t, 1, l.free)
	})
}
