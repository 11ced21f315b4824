package main

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
)

// A store that is away is a warning a second, whatever number of requests fail; other lines are written as they come.
func TestAnOutageIsOneWarningASecond(t *testing.T) {
	var out bytes.Buffer
	h := newOutages(slog.NewTextHandler(&out, nil))
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	warn := func(after time.Duration, level slog.Level, err error) {
		r := slog.NewRecord(begin.Add(after), level, "the store could not answer", 0)
		r.AddAttrs(slog.String("path", "/x"), slog.Any("error", err))
		require.NoError(t, h.WithAttrs([]slog.Attr{slog.String("from", "api")}).Handle(t.Context(), r))
	}
	lines := func() (n int) { return strings.Count(out.String(), "\n") }
	away := chat.ErrUnavailable(errors.New("no hosts"))
	for i := range 1000 {
		warn(time.Duration(i)*time.Millisecond, slog.LevelWarn, away)
	}
	require.Equal(t, 1, lines(), out.String())
	require.NotContains(t, out.String(), "leftOut")
	warn(time.Second, slog.LevelWarn, away)
	require.Equal(t, 2, lines())
	require.Contains(t, out.String(), "leftOut=999")
	warn(time.Second, slog.LevelWarn, errors.New("something else"))
	warn(time.Second, slog.LevelError, away)
	require.Equal(t, 4, lines())
	warn(-time.Hour, slog.LevelWarn, away) // the clock went back
	require.Equal(t, 5, lines())
}
