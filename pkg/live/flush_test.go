package live_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/live"
	"github.com/confab-chat/confab/pkg/live/livetest"
)

// slowBus is a Bus whose flushes begin and end under control of the test.
type slowBus struct {
	live.Bus
	begun, end chan struct{}
}

func (b *slowBus) Flush(ctx context.Context) error {
	select {
	case b.begun <- struct{}{}:
		<-b.end
	case <-ctx.Done(): // the hub closes
	}
	return nil
}

// A caller that arrives while a flush is running waits for the next one: the running one may have begun too early.
func TestFlushCoversWhatWasPublishedBefore(t *testing.T) {
	synctest.Test(t, flushTwice)
}

func flushTwice(t *testing.T) {
	w := livetest.NewWorld()
	x := live.NewExchange()
	bus := &slowBus{Bus: x.Bus(), begun: make(chan struct{}), end: make(chan struct{})}
	a, b := hub(t, w, bus), hub(t, w, x.Bus())
	time.Sleep(time.Second)
	require.False(t, a.Alone() || b.Alone())
	flush := func() chan struct{} {
		done := make(chan struct{})
		go func() { a.Flush(t.Context()); close(done) }()
		return done
	}
	first := flush()
	<-bus.begun
	second := flush()
	synctest.Wait()
	bus.end <- struct{}{}
	<-first
	<-bus.begun
	synctest.Wait()
	select {
	case <-second:
		require.Fail(t, "before its flush ended")
	default:
	}
	bus.end <- struct{}{}
	<-second
}

// Without other nodes, Flush does not wait.
func TestFlushAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := livetest.NewWorld()
		hub(t, w, nil).Flush(t.Context())
		began := time.Now()
		hub(t, w, &slowBus{Bus: live.NewExchange().Bus()}).Flush(t.Context()) // of a bus whose flushes never end
		require.Equal(t, began, time.Now())
	})
}
