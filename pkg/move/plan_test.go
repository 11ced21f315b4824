package move_test

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/move"
	"github.com/confab-chat/confab/pkg/store"
)

// planning notes what is planned, and that it is planned before anyone can know the log.
type planning struct {
	store.Store
	t     *testing.T
	mu    sync.Mutex
	plans map[id.ID][]chat.Bin
}

func (p *planning) PlanLog(ctx context.Context, l chat.Log, bins []chat.Bin) error {
	ms, err := p.Older(ctx, l, id.Max, 1)
	require.NoError(p.t, err)
	require.Empty(p.t, ms)
	require.NoError(p.t, p.EachRoom(ctx, func(_ chat.Tenant, r chat.Room) error {
		require.NotEqual(p.t, l.ID, r.ID, "the room is there before its plan")
		return nil
	}))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plans[l.ID] = bins
	return p.Store.PlanLog(ctx, l, bins)
}

// sparse fills a store with a room that has a message every four weeks for five years, and one that has none.
func sparse(t *testing.T, s store.Store) (room chat.Room, ms []chat.Message) {
	t.Helper()
	began := time.Now().AddDate(-5, 0, 0).Truncate(time.Millisecond)
	seq := id.NewSequence([8]byte{1})
	require.NoError(t, s.CreateUser(t.Context(), chat.DefaultTenant, chat.User{Person: person("ann")}))
	room = chat.Room{ID: seq.At(began), Name: "sparse", Creator: person("ann"), CreatedAt: began.UTC()}
	require.NoError(t, s.CreateRoom(t.Context(), chat.DefaultTenant, room))
	require.NoError(t, s.CreateRoom(t.Context(), chat.DefaultTenant, chat.Room{ID: seq.At(began.Add(time.Second)), Name: "empty", Creator: person("ann")}))
	for i := range 64 {
		at := began.AddDate(0, 0, 28*i).Add(time.Hour)
		ms = append(ms, chat.Message{ID: seq.At(at), Author: person("ann"), Content: at.String()})
	}
	require.NoError(t, s.AppendBatch(t.Context(), room.Log(chat.DefaultTenant), ms))
	return room, ms
}

func TestTheLogOfANewRoomIsPlanned(t *testing.T) {
	from := openEmbedded(t)
	room, ms := sparse(t, from)
	file := export(t, from, move.ExportOptions{})
	to := &planning{Store: openEmbedded(t), t: t}
	imported := func() map[id.ID][]chat.Bin {
		to.plans = map[id.ID][]chat.Bin{}
		importInto(t, to, bytes.NewReader(file))
		return to.plans
	}
	plans := imported()
	require.Len(t, plans, 2)
	require.Len(t, plans[room.ID], len(ms))
	for i, b := range plans[room.ID] {
		require.Equal(t, chat.Bin{From: ms[i].ID.Time(), Messages: 1}, b)
	}
	require.Equal(t, lastLine(file), lastLine(export(t, to, move.ExportOptions{})))
	require.Empty(t, imported(), "the rooms are there")
	// Servers may have cached the widths of a log that was here.
	require.NoError(t, to.DeleteRoom(t.Context(), chat.DefaultTenant, room))
	require.Empty(t, imported())
}

// A room of which more is held than is good is written as it comes, and whole.
func TestALargeRoomIsPlannedInPart(t *testing.T) {
	from := openEmbedded(t)
	room, _ := sparse(t, from)
	seq := id.NewSequence([8]byte{2})
	var more []chat.Message
	text := string(bytes.Repeat([]byte("x"), 60_000))
	for i := range 300 { // 18 MB
		more = append(more, chat.Message{ID: seq.At(time.Now().Add(time.Duration(i-400) * time.Hour)), Author: person("ann"), Content: text})
	}
	require.NoError(t, from.AppendBatch(t.Context(), room.Log(chat.DefaultTenant), more))
	file := export(t, from, move.ExportOptions{})
	to := &planning{Store: openEmbedded(t), t: t, plans: map[id.ID][]chat.Bin{}}
	importInto(t, to, bytes.NewReader(file))
	require.Greater(t, len(to.plans[room.ID]), 64)
	require.Less(t, len(to.plans[room.ID]), 64+300)
	require.Equal(t, lastLine(file), lastLine(export(t, to, move.ExportOptions{})))
}
