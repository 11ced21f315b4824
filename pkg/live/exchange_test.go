package live_test

import (
	"testing"

	"github.com/confab-chat/confab/pkg/live"
	"github.com/confab-chat/confab/pkg/live/bustest"
)

func TestExchange(t *testing.T) {
	bustest.Run(t, func(_ *testing.T, n int) (out []live.Bus) {
		x := live.NewExchange()
		for range n {
			out = append(out, x.Bus())
		}
		return out
	})
}
