package chat_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
)

// observeOn observes the time at each of these moments, in days since the first. It returns the warnings, and the time by
// which data may be removed at the end, in days too.
func observeOn(days ...float64) (removal float64, said int) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var seen chat.Times
	var last time.Time
	for _, d := range days {
		last = start.Add(time.Duration(d * 24 * float64(time.Hour)))
		var warning string
		if seen, warning = seen.Observe(last); warning != "" {
			said++
		}
	}
	return seen.Removal(last).Sub(start).Hours() / 24, said
}

func TestAClockThatJumpsRemovesNothing(t *testing.T) {
	for what, c := range map[string]struct {
		days    []float64
		removal float64
		said    int
	}{
		"the first look":                   {[]float64{5}, 5, 0},
		"time passes":                      {[]float64{0, 0.5, 1.5, 2}, 2, 0},
		"off for a night":                  {[]float64{0, 1}, 1, 0},
		"a year ahead":                     {[]float64{0, 365}, 0, 1},
		"and it goes on":                   {[]float64{0, 365, 365.5}, 0, 2},
		"for a day":                        {[]float64{0, 365, 365.5, 366}, 366, 3},
		"another jump":                     {[]float64{0, 365, 365.5, 700, 700.5}, 0, 4},
		"set right":                        {[]float64{0, 365, 0.1}, 0.1, 2},
		"set right, and ahead once more":   {[]float64{0, 365, 0.1, 366}, 0.1, 3},
		"set back a little":                {[]float64{1, 1 - 0.0001}, 1 - 0.0001, 0},
		"set back":                         {[]float64{100, 0}, 0, 1},
		"behind at the start, then right":  {[]float64{100, 0, 100}, 0, 2},
		"ahead, and less so, but still is": {[]float64{0, 365, 200, 201}, 201, 3},
	} {
		removal, said := observeOn(c.days...)
		require.InDelta(t, c.removal, removal, 0.001, what)
		require.Equal(t, c.said, said, what)
	}
}
