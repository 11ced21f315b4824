package upkeep_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/jobs"
	"github.com/confab-chat/confab/pkg/upkeep"
)

func TestTrimmedMessagesAreGoneForGood(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann")
	for _, room := range []string{"kept", "lounge"} {
		w.room(room, ann)
		w.post(ann, room, "old")
	}
	w.retain(ann, "lounge", chat.MinRetention)
	w.clock.Add(2 * time.Hour)
	w.post(ann, "lounge", "fresh")
	w.upkeep.TrimOnce(t.Context())
	w.retain(ann, "lounge", chat.Forever)
	require.Equal(t, []string{"fresh"}, w.contents("lounge"))
	require.Equal(t, []string{"old"}, w.contents("kept"))
}

func TestTrimmingByTheServersRetention(t *testing.T) {
	w := newWorldAt(t, time.Now(), 24*time.Hour)
	ann := w.user("ann")
	for room, to := range map[string]chat.Retention{"default": chat.ServerRetention, "ever": chat.Forever, "long": chat.Retention(48 * time.Hour)} {
		w.room(room, ann)
		w.retain(ann, room, to)
		w.post(ann, room, "one")
	}
	for range 5 {
		w.clock.Add(5 * time.Hour)
		w.upkeep.TrimOnce(t.Context())
	}
	require.Empty(t, w.contents("default"))
	require.Equal(t, []string{"one"}, w.contents("ever"))
	require.Equal(t, []string{"one"}, w.contents("long"))
}

// A clock that is a year ahead hides messages and removes none. They are shown again when it is right.
func TestAClockThatIsWrongTrimsNothing(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann")
	w.room("lounge", ann)
	w.retain(ann, "lounge", chat.MinRetention)
	w.post(ann, "lounge", "one")
	shown := func() int {
		page, err := w.Messages(t.Context(), ann, "lounge", chat.PageQuery{Limit: 10})
		require.NoError(t, err)
		return len(page.Messages)
	}
	year := 365 * 24 * time.Hour
	w.clock.Add(year)
	w.upkeep.TrimOnce(t.Context())
	w.clock.Add(time.Hour)
	w.upkeep.TrimOnce(t.Context())
	require.Zero(t, shown())
	w.clock.Add(-year - time.Hour)
	w.upkeep.TrimOnce(t.Context())
	require.Equal(t, 1, shown())
	require.Equal(t, []string{"one"}, w.contents("lounge"))
	w.clock.Add(2 * time.Hour)
	w.upkeep.TrimOnce(t.Context())
	require.Empty(t, w.contents("lounge"), "a right clock trims as before")
}

// trims is the part of a store that the background work of retention needs.
type trims struct {
	upkeep.Store
	mu    sync.Mutex
	rooms map[id.ID]chat.Retention
	order []id.ID
	fail  map[id.ID]error
	done  map[id.ID][]time.Time
	away  error
}

func (s *trims) Ping(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.away
}

func (s *trims) RemovalTime(context.Context) (time.Time, error) { return time.Now(), nil }

func (s *trims) InheritedSweeps(context.Context, int) ([]chat.Sweep, error)     { return nil, nil }
func (s *trims) InheritedErasures(context.Context, int) ([]chat.Erasure, error) { return nil, nil }
func (s *trims) InheritedRenames(context.Context, int) ([]chat.Identity, error) { return nil, nil }

func (s *trims) EachRetention(_ context.Context, visit func(chat.Tenant, id.ID, chat.Retention) error) error {
	for _, room := range s.order {
		if err := visit(tenant, room, s.rooms[room]); err != nil {
			return err
		}
	}
	return nil
}

func (s *trims) Trim(_ context.Context, l chat.Log, before id.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done[l.ID] = append(s.done[l.ID], before.Time())
	return s.fail[l.ID]
}

func (s *trims) take() map[id.ID][]time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.done = map[id.ID][]time.Time{} }()
	return s.done
}

// An app says how long messages are kept in its log, and in its rooms.
func TestAppsAreTrimmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ids := id.NewGenerator(nil)
		app, chatOwn, room := ids.New(), ids.New(), ids.New()
		st := &trims{rooms: map[id.ID]chat.Retention{room: chat.Forever}, order: []id.ID{room}, done: map[id.ID][]time.Time{}}
		s := upkeep.New(upkeep.Options{Store: st, Domain: domain(t, 24*time.Hour), Queue: jobs.New(nil, nil), Log: slog.New(slog.DiscardHandler),
			Apps: func(_ context.Context, visit func(upkeep.App) error) error {
				return errors.Join(visit(upkeep.App{Log: chat.Log{Tenant: tenant, ID: app}, Keep: 3 * 24 * time.Hour, Rooms: true}),
					visit(upkeep.App{Log: chat.Log{Tenant: "chat", ID: chatOwn}, Keep: 5 * 24 * time.Hour}))
			}})
		defer s.Close()
		at := time.Now().UTC().Add(time.Minute)
		time.Sleep(time.Minute)
		synctest.Wait()
		days := func(n int) []time.Time { return []time.Time{at.AddDate(0, 0, -n)} }
		require.Equal(t, map[id.ID][]time.Time{app: days(3), room: days(3), chatOwn: days(5)}, st.take())
	})
}

func TestRoomsAreTrimmedByAndBy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ids := id.NewGenerator(nil)
		server, own, ever := ids.New(), ids.New(), ids.New()
		st := &trims{rooms: map[id.ID]chat.Retention{own: chat.Retention(2 * time.Hour), ever: chat.Forever}, order: []id.ID{server, own, ever},
			fail: map[id.ID]error{server: errors.New("broken")}, done: map[id.ID][]time.Time{}}
		s := upkeep.New(upkeep.Options{Store: st, Domain: domain(t, 24*time.Hour), Queue: jobs.New(nil, nil), Log: slog.New(slog.DiscardHandler)})
		defer s.Close()
		start := time.Now().UTC()
		time.Sleep(59 * time.Second)
		synctest.Wait()
		require.Empty(t, st.take(), "a start has other things to do")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		at := start.Add(time.Minute)
		require.Equal(t, map[id.ID][]time.Time{server: {at.Add(-24 * time.Hour)}, own: {at.Add(-2 * time.Hour)}}, st.take(),
			"one broken room keeps no other one from being trimmed")
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		require.Equal(t, []time.Time{at.Add(-time.Hour), at}, st.take()[own])

		st.mu.Lock()
		st.fail[server] = chat.ErrUnavailable(nil)
		st.mu.Unlock()
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Len(t, st.take(), 2, "nor one that the store has no answer for")
		st.mu.Lock()
		st.away = chat.ErrUnavailable(nil)
		st.mu.Unlock()
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Len(t, st.take(), 1, "a store that does not answer is not asked on and on")
		st.mu.Lock()
		clear(st.fail)
		st.away = nil
		st.mu.Unlock()
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Len(t, st.take(), 2)
	})
}
