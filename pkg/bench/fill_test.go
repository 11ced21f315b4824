package bench

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/store/embedded"
)

// busy refuses every third batch.
type busy struct {
	*embedded.Store
	calls atomic.Int64
}

func (b *busy) AppendBatch(ctx context.Context, l chat.Log, ms []chat.Message) error {
	if b.calls.Add(1)%3 == 1 {
		return chat.ErrUnavailable(nil)
	}
	return b.Store.AppendBatch(ctx, l, ms)
}

func TestFill(t *testing.T) {
	st, err := embedded.Open(t.TempDir(), embedded.Options{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer func() { require.NoError(t, st.Close()) }()
	ctx := t.Context()
	begin := time.Now()
	const year = 365 * 24 * time.Hour
	_, err = Fill(ctx, &busy{Store: st}, FillOptions{Room: "big", Messages: 2500, Span: 100 * year, Bytes: 40})
	require.NoError(t, err)
	_, err = Fill(ctx, st, FillOptions{Room: "big", Messages: 30, Rate: 1000, Bytes: 40})
	require.NoError(t, err, "a room that is there is filled on")

	_, err = Fill(ctx, st, FillOptions{Room: "big", Participants: 40, Bytes: 40})
	require.NoError(t, err)

	r, err := st.Room(ctx, chat.DefaultTenant, "big")
	require.NoError(t, err)
	ms, err := st.Newer(ctx, r.Log(chat.DefaultTenant), id.Min, true, 5000)
	require.NoError(t, err)
	require.Len(t, ms, 2530)
	require.True(t, slices.IsSortedFunc(ms, func(a, b chat.Message) int { return a.ID.Compare(b.ID) }))
	require.WithinDuration(t, begin.Add(-100*year), ms[0].ID.Time(), time.Minute)
	middle := ms[1250].ID.Time()
	require.WithinDuration(t, begin.Add(-50*year), middle, year, "spread evenly")
	require.False(t, ms[2500].ID.Time().Before(begin), "dated when they are written")
	require.Len(t, ms[0].Content, 40)
	require.NotEqual(t, ms[0].Content, ms[1].Content)

	people, err := st.Participants(ctx, chat.DefaultTenant, r.ID, "", 100)
	require.NoError(t, err)
	require.Len(t, people, 41)

	for _, bad := range []FillOptions{{Room: "x", Bytes: 100}, {Room: "x", Participants: -1, Messages: 2, Bytes: 100}, {Room: "x", Messages: 1, Bytes: 1}, {Room: "x", Messages: 1, Bytes: 100, Rate: -1}} {
		_, err := Fill(ctx, st, bad)
		require.Error(t, err)
	}
}
