package main

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLimitsOffLeavesGivenLimits(t *testing.T) {
	zero, three := 0, 3
	for name, c := range map[string]struct {
		given  *int
		limits string
		want   int
	}{
		"default": {nil, "on", 0}, "given": {&three, "on", 3}, "any number": {&zero, "on", -1},
		"off": {nil, "off", -1}, "given and off": {&three, "off", 3},
	} {
		s := settings{LoginFailures: c.given, Limits: c.limits, Retention: "0"}
		node := s.node(slog.New(slog.DiscardHandler))
		require.Equal(t, c.want, node.LoginFailures, name)
		require.Equal(t, c.limits == "off", node.NoLimits, name)
	}
}

// talkative is an error like those of Pebble: it has more to say when asked by %+v.
type talkative struct{ error }

func (t talkative) Format(f fmt.State, verb rune) { _, _ = fmt.Fprint(f, t.Error(), "\na stack") }

func TestTheLogHasErrorsAsOneSentence(t *testing.T) {
	for _, form := range []string{"text", "json"} {
		var out strings.Builder
		logSettings{LogLevel: "info", LogFormat: form}.loggerTo(&out).Error("it failed", "error", talkative{errors.New("the disk is full")})
		require.Contains(t, out.String(), "the disk is full", form)
		require.NotContains(t, out.String(), "stack", form)
	}
}
