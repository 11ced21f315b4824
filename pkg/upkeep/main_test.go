package upkeep_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/chat/chattest"
	"github.com/confab-chat/confab/pkg/clocktest"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/jobs"
	"github.com/confab-chat/confab/pkg/store"
	"github.com/confab-chat/confab/pkg/store/embedded"
	"github.com/confab-chat/confab/pkg/upkeep"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const tenant chat.Tenant = "test"

// world is a domain and its upkeep on an embedded store of its own, with a clock that the test moves.
type world struct {
	*chat.Service
	reader    *chat.Reader
	upkeep    *upkeep.Service
	queue     *jobs.Queue
	t         *testing.T
	store     store.Store
	dir       string // the store's folder
	clock     *clocktest.Clock
	retention time.Duration // the server's
	events    events
}

func newWorld(t *testing.T) *world { return newWorldAt(t, time.Now(), 0) }

func newWorldAt(t *testing.T, at time.Time, retention time.Duration) *world {
	t.Helper()
	clock, dir := clocktest.New(at), t.TempDir()
	st, err := embedded.Open(dir, embedded.Options{Logger: slog.New(slog.DiscardHandler), CacheBytes: 1 << 20, Now: clock.Now})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	w := newWorldOn(t, st, clock, retention)
	w.dir = dir
	return w
}

func newWorldOn(t *testing.T, st store.Store, clock *clocktest.Clock, retention time.Duration) *world {
	w := &world{clock: clock, t: t, store: st, retention: retention}
	w.start(st)
	return w
}

// start starts domain and upkeep, as a server that starts again does.
func (w *world) start(st store.Store) {
	quiet := slog.New(slog.DiscardHandler)
	w.queue = jobs.New(st, quiet)
	w.reader = chat.NewReader(chat.ReaderOptions{Store: st, Now: w.clock.Now, Retention: w.retention})
	w.Service = chat.NewService(chat.Options{Reader: w.reader, Hasher: chattest.PlainHasher{}, Log: quiet, Publisher: &w.events, Jobs: w.queue})
	w.upkeep = upkeep.New(upkeep.Options{Store: st, Domain: w.Service, Queue: w.queue, Log: quiet, Now: w.clock.Now})
	w.queue.Register(chat.PeopleWork, func(context.Context, *jobs.Run) error { return nil }) // that of pkg/people
	w.queue.Start()
	w.t.Cleanup(w.stop)
}

func (w *world) stop() {
	w.queue.Close()
	w.upkeep.Close()
	w.Service.Close()
	w.reader.Close()
}

// pass moves the clock, and lets the jobs run that are due then.
func (w *world) pass(d time.Duration) {
	w.clock.Add(d)
	w.queue.Poll()
}

// until waits until something holds of a job, which is the zero Job if it has ended.
func (w *world) until(r jobs.Ref, what string, holds func(j jobs.Job) bool) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		j, err := w.queue.Job(w.t.Context(), r)
		return (err == nil || chat.IsKind(err, chat.NotFound)) && holds(j)
	}, 20*time.Second, time.Millisecond, what)
}

func ended(j jobs.Job) bool { return j.Version == 0 }

// noRooms is a store without rooms.
type noRooms struct{ chat.Stores }

func (noRooms) NotedIDs(context.Context) (time.Time, error) { return time.Time{}, nil }

func (noRooms) Room(_ context.Context, _ chat.Tenant, name string) (chat.Room, error) {
	return chat.Room{}, chat.ErrNotFound(chat.RoomEntity, name)
}

// domain returns the use cases of a store without rooms, with the server's retention, until the test ends.
func domain(t *testing.T, retention time.Duration) *chat.Service {
	reader := chat.NewReader(chat.ReaderOptions{Store: noRooms{}, Retention: retention})
	s := chat.NewService(chat.Options{Reader: reader, Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() {
		s.Close()
		reader.Close()
	})
	return s
}

// user signs up login and returns who it is.
func (w *world) user(login string) chat.Identity {
	w.t.Helper()
	return chattest.SignUp(w.t, w.Service, tenant, login)
}

// room creates a room with these participants, the first being its creator.
func (w *world) room(name string, in ...chat.Identity) {
	w.t.Helper()
	chattest.Room(w.t, w.Service, name, in...)
}

func (w *world) post(who chat.Identity, room, content string) chat.Message {
	w.t.Helper()
	return chattest.Post(w.t, w.Service, who, room, content)
}

func (w *world) retain(who chat.Identity, room string, to chat.Retention) {
	w.t.Helper()
	_, err := w.SetRetention(w.t.Context(), who, room, to)
	require.NoError(w.t, err)
}

// contents returns what the store has of a room's messages, hidden ones too, oldest first.
func (w *world) contents(room string) []string {
	w.t.Helper()
	r, err := w.store.Room(w.t.Context(), tenant, room)
	require.NoError(w.t, err)
	ms, err := w.store.Newer(w.t.Context(), r.Log(tenant), id.Min, true, 1000)
	require.NoError(w.t, err)
	out := []string{}
	for _, m := range ms {
		out = append(out, m.Content)
	}
	return out
}

// events is a publisher that records the ends of rooms.
type events struct {
	mu    sync.Mutex
	ended []string
}

func (e *events) Publish(_ context.Context, all ...chat.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, x := range all {
		if d, ok := x.(chat.RoomDeleted); ok {
			e.ended = append(e.ended, d.Room.Name+" by "+d.By)
		}
	}
}

func (e *events) Alone() bool           { return true }
func (e *events) Flush(context.Context) {}

func (e *events) take() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	defer func() { e.ended = nil }()
	return e.ended
}
