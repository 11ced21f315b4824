package main

import (
	"log/slog"
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
		require.Equal(t, c.want, s.node(slog.New(slog.DiscardHandler)).LoginFailures, name)
	}
}
