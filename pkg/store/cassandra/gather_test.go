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
	h.db.around = func(string, func() error) error { h.runs++; return <-h.ends }
	return h
}

// post writes a message of n bytes to a bucket.
func (h *hung) post(ctx context.Context, b id.Bucket, n int) <-chan error {
	done := make(chan error, 1)
	go func() {
		done <- h.put(ctx, h.l, b, chat.Message{ID: ids.New(), Content: string(make([]byte, n))}, 0)
	}()
	synctest.Wait()
	return done
}

func (h *hung) end(err error) {
	h.ends <- err
	synctest.Wait()
}

// What comes while a bucket is written to goes together in the next write, as far as it fits.
func TestGathering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHung()
		first := h.post(t.Context(), 1, 10)
		require.Equal(t, 1, h.runs, "at once")
		var later []<-chan error
		for range batchRows + 5 {
			later = append(later, h.post(t.Context(), 1, 10))
		}
		require.Equal(t, 1, h.runs)
		h.post(t.Context(), 2, 10)
		require.Equal(t, 2, h.runs, "another bucket does not wait")
		h.end(nil)
		h.end(nil)
		require.NoError(t, <-first)
		require.Equal(t, 3, h.runs)
		broken := errors.New("broken")
		h.end(broken)
		for _, done := range later[:batchRows] {
			require.ErrorIs(t, <-done, broken)
		}
		require.Equal(t, 4, h.runs, "the rest")
		h.end(nil)
		for _, done := range later[batchRows:] {
			require.NoError(t, <-done)
		}
		require.Empty(t, h.gathering.lanes)

		big := h.post(t.Context(), 1, 10)
		later = nil
		for range 3 {
			later = append(later, h.post(t.Context(), 1, batchBytes/2))
		}
		for range 4 {
			h.end(nil)
		}
		require.NoError(t, <-big)
		for _, done := range later {
			require.NoError(t, <-done)
		}
		require.Equal(t, 4+4, h.runs, "two big ones are too much for one write")
		require.Empty(t, h.gathering.lanes)
	})
}

// A write that hangs holds up those that came right after it, as if they had been sent with it, and no others.
func TestGatheringBesideAWriteThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHung()
		first := h.post(t.Context(), 1, 10)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		waits := h.post(ctx, 1, 10)
		time.Sleep(gatherPatience + 1)
		alone := h.post(t.Context(), 1, 10)
		require.Equal(t, 2, h.runs)
		h.end(nil)
		h.end(nil)
		require.NoError(t, <-first)
		require.NoError(t, <-alone)
		require.True(t, chat.IsKind(<-waits, chat.Unavailable), "its time is over; it is written all the same")
		require.Equal(t, 3, h.runs)
		h.end(nil)
		require.Empty(t, h.gathering.lanes)
		h.calls.Wait()
	})
}
