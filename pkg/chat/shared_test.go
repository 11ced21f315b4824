package chat_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
)

// A thousand clients that open a room at the same time cost a handful of reads. A caller that reads after a post sees
// it.
func TestAThousandOpenARoomAtOnce(t *testing.T) { synctest.Test(t, aThousandOpenARoom) }

func aThousandOpenARoom(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann")
	w.room("lounge", ann)
	for i := range 30 {
		w.post(ann, "lounge", fmt.Sprint(i))
	}
	const clients = 1000
	var pages atomic.Int64
	hold, reading := make(chan struct{}), make(chan struct{})
	var first sync.Once
	w.store.on(func(_ context.Context, call string) error {
		if call == "Older" {
			pages.Add(1)
			first.Do(func() { close(reading) })
			<-hold
		}
		return nil
	})
	open := func() []string { return w.contents(ann, "lounge") }
	var wg sync.WaitGroup
	wg.Go(func() { require.Len(t, open(), 31) })
	<-reading
	// The post is acknowledged while a page is being read: a caller from now on must see it.
	w.post(ann, "lounge", "news")
	for range clients {
		wg.Go(func() {
			said := open()
			require.Equal(t, "news", said[len(said)-1])
		})
	}
	synctest.Wait() // until all of them do
	close(hold)
	wg.Wait()
	require.EqualValues(t, 2, pages.Load(), "the one under way, and one for all who came meanwhile")
}

func TestASharedReadThatFailsIsUnavailable(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann")
	w.room("lounge", ann)
	ctx, cancel := context.WithCancel(t.Context())
	w.store.on(func(ctx context.Context, call string) error {
		if call == "Older" {
			cancel()
			<-ctx.Done() // the last caller stopped waiting
			return ctx.Err()
		}
		return nil
	})
	_, err := w.Messages(ctx, ann, "lounge", chat.PageQuery{Limit: 5})
	require.True(t, chat.IsKind(err, chat.Unavailable), "%v", err)
}
