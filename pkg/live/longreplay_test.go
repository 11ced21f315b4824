package live_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/live"
	"github.com/confab-chat/confab/pkg/live/livetest"
)

// A replay of long messages and changes holds few of them at a time, and delivers them all, in order.
func TestAReplayOfLongMessagesIsReadInSteps(t *testing.T) {
	w := livetest.NewWorld()
	h := hub(t, w, nil)
	room := w.Room("games", "ann")
	first := w.Post(h, room, "ann", "first")
	long := strings.Repeat("x", chat.MaxContent-10)
	var want []string
	var posted []chat.Message
	for i := range 60 {
		text := fmt.Sprint(i, long)
		posted = append(posted, w.Post(h, room, "ann", text))
		want = append(want, text)
	}
	for i := range 30 {
		text := fmt.Sprint("new ", i, long)
		w.Edit(room, posted[i].ID, text)
		want[i] = text // messages are shown as they are now
		want = append(want, "edit: "+text)
	}
	d := &diary{}
	s, err := h.Subscribe(t.Context(), livetest.Who("ann"), "games", live.Messages, d, true)
	require.NoError(t, err)
	missed, recovered := h.Replay(t.Context(), s, first.ID)
	require.True(t, recovered)
	require.Equal(t, len(want), missed.Len())
	reads := w.Reads()
	n := 0
	for m, err := range missed.Each(t.Context()) {
		require.NoError(t, err)
		d.Deliver(m)
		n++
	}
	require.Greater(t, w.Reads()-reads, n*chat.MaxContent/(2*chat.MaxRead), "read when they are delivered")
	s.Replayed(missed)
	require.Equal(t, want, d.all())

	// What is removed meanwhile is left out. What cannot be read ends the replay.
	s, err = h.Subscribe(t.Context(), livetest.Who("ann"), "games", live.Messages, &diary{}, true)
	require.NoError(t, err)
	missed, recovered = h.Replay(t.Context(), s, first.ID)
	require.True(t, recovered)
	n = 0
	var broken error
	for _, err := range missed.Each(t.Context()) {
		if n++; n == 20 {
			w.Fail(chat.ErrUnavailable(nil))
		}
		broken = err
	}
	require.Error(t, broken)
	require.Less(t, n, 40)
}

// A subscription that resumes holds a bounded amount of text.
func TestHeldTextIsBounded(t *testing.T) {
	w := livetest.NewWorld()
	h := hub(t, w, nil)
	room := w.Room("games", "ann")
	e := &recorder{}
	_, err := h.Subscribe(t.Context(), livetest.Who("ann"), "games", live.Messages, e, true)
	require.NoError(t, err)
	for range 2<<20/chat.MaxContent + 1 {
		w.Post(h, room, "ann", strings.Repeat("x", chat.MaxContent))
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	require.True(t, e.lost)
}
