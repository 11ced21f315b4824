package cassandra

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// hung is a store whose writes end when the test says so, with what it says.
type hung struct {
	*Store
	l    chat.Log
	ends chan error
	runs int // under synctest: read after Wait
}

func newHung() *hung {
	h := &hung{l: chat.Log{Tenant: "t", ID: ids.New()}, ends: make(chan error)}
	h.Store = &Store{db: &db{timeout: time.Minute}}
	h.db.around.set(func(string, func() error) error { h.runs++; return <-h.ends })
	return h
}

// post writes a message of n bytes to a bucket.
func (h *hung) post(ctx context.Context, b id.Bucket, n int) <-chan error {
	done := make(chan error, 1)
	go func() {
		done <- h.put(ctx, h.l, b, chat.Message{ID: ids.New(), Content: string(make([]byte, n))})
	}()
	synctest.Wait()
	return done
}

func (h *hung) end(err error) {
	h.ends <- err
	synctest.Wait()
}

// What comes while enough is being written to a bucket goes together in the next write, as far as it fits.
func TestGathering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHung()
		var first []<-chan error
		for i := range gatherWrites {
			first = append(first, h.post(t.Context(), 1, 10))
			require.Equal(t, i+1, h.runs, "at once")
		}
		var later []<-chan error
		for range batchRows + 5 {
			later = append(later, h.post(t.Context(), 1, 10))
		}
		require.Equal(t, gatherWrites, h.runs)
		other := h.post(t.Context(), 2, 10)
		require.Equal(t, gatherWrites+1, h.runs, "another bucket does not wait")
		for range gatherWrites + 1 {
			h.end(nil)
		}
		require.NoError(t, <-other)
		for _, done := range first {
			require.NoError(t, <-done)
		}
		require.Equal(t, gatherWrites+3, h.runs, "as many as a batch may have, and the rest")
		broken := errors.New("broken")
		h.end(broken)
		h.end(broken)
		for _, done := range later {
			require.ErrorIs(t, <-done, broken)
		}
		require.Empty(t, h.gathering.queues)
	})
}

// Two big ones are too much for one write.
func TestGatheredWritesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHung()
		var all []<-chan error
		for range gatherWrites {
			all = append(all, h.post(t.Context(), 1, 10))
		}
		for range 3 {
			all = append(all, h.post(t.Context(), 1, batchBytes/2))
		}
		for range gatherWrites + 3 {
			h.end(nil)
		}
		for _, done := range all {
			require.NoError(t, <-done)
		}
		require.Equal(t, gatherWrites+3, h.runs)
		require.Empty(t, h.gathering.queues)
	})
}

// Writes that hang hold up those that came right after them, as if they had been sent with them, and no others.
func TestGatheringBesideWritesThatHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHung()
		for range gatherWrites {
			h.post(t.Context(), 1, 10)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		waits := h.post(ctx, 1, 10)
		time.Sleep(gatherPatience + 1)
		alone := h.post(t.Context(), 1, 10)
		require.Equal(t, gatherWrites+1, h.runs)
		time.Sleep(time.Second)
		require.True(t, chat.IsKind(<-waits, chat.Unavailable), "its time is over")
		for range gatherWrites + 1 {
			h.end(nil)
		}
		require.NoError(t, <-alone)
		require.Equal(t, gatherWrites+2, h.runs, "it is written all the same")
		h.end(nil)
		require.Empty(t, h.gathering.queues)
		h.calls.Wait()
	})
}
