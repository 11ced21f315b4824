package chat_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/chat/chattest"
	"github.com/confab-chat/confab/pkg/clocktest"
	"github.com/confab-chat/confab/pkg/id"
)

// floorReads is a store that counts the reads of floors.
type floorReads struct {
	chat.Stores
	n    atomic.Int32
	fail atomic.Bool
}

func (f *floorReads) NewestID(ctx context.Context, l chat.Log) (id.ID, error) {
	f.n.Add(1)
	if f.fail.Load() {
		return id.ID{}, chat.ErrUnavailable(errDisk)
	}
	return f.Stores.NewestID(ctx, l)
}

// nodeAt starts another node on the world's store.
func (w *world) nodeAt(store chat.Stores, now func() time.Time, log *slog.Logger) (*chat.Service, *chat.Reader) {
	rd := reader(w.t, chat.ReaderOptions{Store: store, Now: now})
	s := chat.NewService(chat.Options{Reader: rd, Hasher: chattest.PlainHasher{}, Log: log})
	w.t.Cleanup(s.Close)
	return s, rd
}

// Two nodes write to a room, one with a clock a year ahead. The other one's messages come after its messages: as soon as
// it receives their events, and otherwise after a minute.
func TestANodeLearnsOfAClockAhead(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann")
	w.room("games", ann)
	clock, quiet := clocktest.New(time.Now()), slog.New(slog.DiscardHandler)
	reads := &floorReads{Stores: w.store}
	right, rd := w.nodeAt(reads, clock.Now, quiet)
	ahead, _ := w.nodeAt(w.store, func() time.Time { return clock.Now().AddDate(1, 0, 0) }, quiet)
	post := func(s *chat.Service, content string) chat.Message { return chattest.Post(t, s, ann, "games", content) }

	last := post(right, "before")
	for range 10 {
		last = post(right, "more")
	}
	require.EqualValues(t, 1, reads.n.Load(), "a post costs no read")
	m := post(ahead, "ahead")
	require.Negative(t, post(right, "neither received nor read").ID.Compare(m.ID))
	r, err := w.Room(t.Context(), app, "games")
	require.NoError(t, err)
	place := chat.Place{Tenant: tenant, Room: r.Ref()}
	rd.Observed(chat.MessagePosted{Place: place, Message: m})
	last = post(right, "after the event")
	require.Positive(t, last.ID.Compare(m.ID))
	require.EqualValues(t, 1, reads.n.Load())
	changed := id.FirstAt(m.CreatedAt().Add(time.Hour))
	rd.Observed(chat.MessageChanged{Place: place, Change: changed, Message: m})
	require.Positive(t, post(right, "after the change").ID.Compare(changed))

	// Without events.
	clock.Add(2 * time.Hour)
	m = post(ahead, "ahead and not received")
	clock.Add(time.Minute)
	require.Positive(t, post(right, "a minute later").ID.Compare(m.ID))
	clock.Set(m.CreatedAt().Add(time.Second))
	require.WithinDuration(t, clock.Now(), post(right, "a year later").CreatedAt(), time.Millisecond, "the clock has caught up")
}

// What is written before the floor of a room is known could end up below it.
func TestNothingIsWrittenWithoutAFloor(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann")
	w.room("games", ann)
	m := w.post(ann, "games", "one")
	reads := &floorReads{Stores: w.store}
	s, _ := w.nodeAt(reads, time.Now, slog.New(slog.DiscardHandler))
	reads.fail.Store(true)
	_, err := s.Post(t.Context(), ann, "games", chat.NewMessage{Content: new("two")})
	requireKind(t, chat.Unavailable, err)
	_, err = s.EditMessage(t.Context(), ann, "games", m.ID, new("edited"))
	requireKind(t, chat.Unavailable, err)
	requireKind(t, chat.Unavailable, s.Leave(t.Context(), ann, "games", nil))
	reads.fail.Store(false)
	chattest.Post(t, s, ann, "games", "three")
	require.Equal(t, []string{"one", "three"}, w.contents(ann, "games"))
}

// A node that starts with a clock behind the ids of its store says so in one line.
func TestAClockBehindTheStore(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann")
	w.room("games", ann)
	ahead, _ := w.nodeAt(w.store, func() time.Time { return time.Now().AddDate(1, 0, 0) }, slog.New(slog.DiscardHandler))
	chattest.Post(t, ahead, ann, "games", "x")
	ahead.Close() // notes the newest id

	var log bytes.Buffer
	s, _ := w.nodeAt(w.store, time.Now, slog.New(slog.NewTextHandler(&log, nil)))
	s.Close()
	require.Contains(t, log.String(), "the clock is behind the store's newest id by 87")
	require.Contains(t, log.String(), "set it right (NTP)")
	require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("level=WARN")))

	log.Reset()
	s, _ = w.nodeAt(w.store, func() time.Time { return time.Now().AddDate(1, 0, 1) }, slog.New(slog.NewTextHandler(&log, nil)))
	s.Close()
	require.Empty(t, log.String())
}
