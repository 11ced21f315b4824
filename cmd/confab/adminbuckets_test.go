package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWidthWords(t *testing.T) {
	for d, want := range map[time.Duration]string{
		364 * 24 * time.Hour: "364d", 28 * 24 * time.Hour: "28d", 24 * time.Hour: "1d",
		6 * time.Hour: "6h", 10 * time.Minute: "10m", 15 * time.Second: "15s", 90 * time.Minute: "1h30m",
	} {
		require.Equal(t, want, widthWords(d))
	}
}
