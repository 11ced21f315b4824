package guard_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/guard"
)

func TestRunLogsAndCountsAPanic(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	before := guard.Panics()
	require.True(t, guard.Run(log, "work", func() {}))
	require.False(t, guard.Run(log, "work", func() { panic("broken") }))
	require.Equal(t, before+1, guard.Panics())
	require.Contains(t, out.String(), "in=work panic=broken")
	require.Contains(t, out.String(), "TestRunLogsAndCountsAPanic", "the stack is that of the panic")
}

func TestTryReturnsAPanicAsAnError(t *testing.T) {
	failed := errors.New("failed")
	require.ErrorIs(t, guard.Try(func() error { return failed }), failed)
	before := guard.Panics()
	require.ErrorContains(t, guard.Try(func() error { panic("broken") }), "panic: broken")
	require.Equal(t, before+1, guard.Panics())
}

func TestKeepGoesOnAfterPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := slog.New(slog.DiscardHandler)
		began := time.Now()
		calls := 0
		guard.Keep(t.Context(), log, "loop", func(context.Context) {
			if calls++; calls < 4 {
				panic("broken")
			}
		})
		require.Equal(t, 4, calls)
		require.Equal(t, 7*time.Second, time.Since(began), "pauses of 1, 2 and 4 seconds")

		ctx, cancel := context.WithCancel(t.Context())
		guard.Keep(ctx, log, "loop", func(context.Context) { cancel(); panic("broken") })
	})
}

func TestAPanicInAGroupIsItsError(t *testing.T) {
	g, ctx := guard.WithContext(t.Context())
	g.Go(func() error { panic("broken") })
	<-ctx.Done()
	require.ErrorContains(t, g.Wait(), "panic: broken")
	h := guard.NewGroup()
	h.SetLimit(1)
	h.Go(func() error { panic("broken") })
	h.Go(func() error { return nil })
	require.ErrorContains(t, h.Wait(), "panic: broken")
}
