package chat

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/id"
)

// recorder is a Publisher that records the contents of messages.
type recorder struct {
	mu   sync.Mutex
	said []string
}

func (h *recorder) Publish(_ context.Context, events ...Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range events {
		h.said = append(h.said, e.(MessagePosted).Message.Content)
	}
}

func (h *recorder) Alone() bool           { return true }
func (h *recorder) Flush(context.Context) {}

func (h *recorder) all() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.said, " ")
}

func saying(s string) Event { return MessagePosted{Message: Message{Content: s}} }

type queueTest struct {
	*order
	published *recorder
	ids       *id.Generator
	room      id.ID
}

func newQueueTest() *queueTest {
	h := &recorder{}
	ids := id.NewGenerator(nil)
	return &queueTest{order: newOrder(h), published: h, ids: ids, room: ids.New()}
}

func (l *queueTest) start() *ticket { return l.begin(l.room, l.ids) }

func TestEventsLeaveInTheOrderOfIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newQueueTest()
		a, b, c := l.start(), l.start(), l.start()
		require.Negative(t, a.id.Compare(b.id))
		c.finish(t.Context(), saying("c"))
		b.finish(t.Context(), saying("b"))
		require.Empty(t, l.published.all())
		a.finish(t.Context(), saying("a"))
		require.Equal(t, "a b c", l.published.all())
		require.Empty(t, l.queues, "the queue of a room that nobody waits in is dropped")
		time.Sleep(2 * holdFor) // the alarm that was set finds nothing to do
		require.Equal(t, "a b c", l.published.all())
	})
}

func TestAFailedChangeHoldsNobody(t *testing.T) {
	l := newQueueTest()
	a, b := l.start(), l.start()
	b.finish(t.Context(), saying("b"))
	a.finish(t.Context())
	require.Equal(t, "b", l.published.all())
	require.Empty(t, l.queues)
}

func TestRoomsDoNotWaitForEachOther(t *testing.T) {
	l := newQueueTest()
	stuck := l.start()
	other := l.begin(l.ids.New(), l.ids)
	other.finish(t.Context(), saying("other"))
	require.Equal(t, "other", l.published.all())
	stuck.finish(t.Context())
	require.Empty(t, l.queues)
}

func TestAStuckChangeHoldsOthersForALittleOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newQueueTest()
		stuck, a := l.start(), l.start()
		a.finish(t.Context(), saying("a"))
		time.Sleep(holdFor - time.Millisecond)
		synctest.Wait()
		require.Empty(t, l.published.all())
		time.Sleep(time.Millisecond)
		synctest.Wait()
		require.Equal(t, "a", l.published.all())
		b := l.start()
		b.finish(t.Context(), saying("b"))
		require.Equal(t, "a b", l.published.all(), "an overdue ticket holds no other")
		stuck.finish(t.Context(), saying("late"))
		require.Equal(t, "a b late", l.published.all())
		require.Empty(t, l.queues)
	})
}

// Two changes get stuck one after the other: each holds those behind it for holdFor, no longer.
func TestSeveralStuckChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newQueueTest()
		first, a := l.start(), l.start()
		a.finish(t.Context(), saying("a"))
		time.Sleep(holdFor / 2)
		second, b := l.start(), l.start()
		time.Sleep(holdFor / 4)
		b.finish(t.Context(), saying("b"))
		time.Sleep(holdFor / 4)
		synctest.Wait()
		require.Equal(t, "a", l.published.all())
		time.Sleep(holdFor / 2)
		synctest.Wait()
		require.Equal(t, "a b", l.published.all())
		first.finish(t.Context())
		second.finish(t.Context())
		require.Empty(t, l.queues)
	})
}

func TestWaitEndsWhenTheEventsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newQueueTest()
		stuck, a, b := l.start(), l.start(), l.start()
		b.finish(t.Context(), saying("b"))
		a.finish(t.Context(), saying("a"))
		began := time.Now()
		b.wait()
		a.wait()
		require.LessOrEqual(t, time.Since(began), holdFor)
		require.Equal(t, "a b", l.published.all())
		stuck.finish(t.Context())
	})
}

func TestAnyOrderOfEndsGivesOneOrderOfEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newQueueTest()
		const n = 200
		var all sync.WaitGroup
		var want []string
		for range n {
			tk := l.start()
			text := tk.id.String()
			want = append(want, text)
			all.Go(func() {
				time.Sleep(time.Duration(rand.IntN(int(holdFor) / 2)))
				tk.finish(t.Context(), saying(text))
				tk.wait()
			})
		}
		all.Wait()
		require.Equal(t, strings.Join(want, " "), l.published.all())
		require.Empty(t, l.queues)
		time.Sleep(2 * holdFor)
	})
}
