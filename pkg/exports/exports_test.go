package exports_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/chat/chattest"
	"github.com/confab-chat/confab/pkg/clocktest"
	"github.com/confab-chat/confab/pkg/exports"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/jobs"
	"github.com/confab-chat/confab/pkg/store"
	"github.com/confab-chat/confab/pkg/store/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const tenant chat.Tenant = "test"

// breaking is a store that stores so many more parts of files.
type breaking struct {
	store.Store
	left atomic.Int64
}

func (b *breaking) PutExportPart(ctx context.Context, e chat.Export, n int, data []byte) error {
	if b.left.Add(-1) < 0 {
		return chat.ErrUnavailable(errors.New("broken"))
	}
	return b.Store.PutExportPart(ctx, e, n, data)
}

type world struct {
	t     *testing.T
	store *breaking
	clock *clocktest.Clock
	chat  *chat.Service
	*exports.Service
	queue *jobs.Queue
	close func()
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, clock: clocktest.New(time.Now())}
	st, err := embedded.Open(t.TempDir(), embedded.Options{Logger: slog.New(slog.DiscardHandler), CacheBytes: 1 << 20, Now: w.clock.Now})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	w.store = &breaking{Store: st}
	w.store.left.Store(1 << 40)
	w.start()
	t.Cleanup(func() { w.close() })
	return w
}

// start makes a server, whose queue does not run yet.
func (w *world) start() {
	quiet, ids := slog.New(slog.DiscardHandler), id.NewGenerator(w.clock.Now)
	reader := chat.NewReader(chat.ReaderOptions{Store: w.store, Now: w.clock.Now})
	w.queue = jobs.New(w.store, quiet)
	w.chat = chat.NewService(chat.Options{Reader: reader, Hasher: chattest.PlainHasher{}, Log: quiet, Jobs: w.queue, IDs: ids})
	w.Service = exports.New(exports.Parts{Store: w.store, Domain: w.chat, Queue: w.queue, IDs: ids, Now: w.clock.Now,
		Encode: func(m chat.Message) []byte { return []byte(m.Content) }})
	queue, service := w.queue, w.chat
	w.close = func() {
		queue.Close()
		service.Close()
		reader.Close()
	}
}

func (w *world) request(who chat.Identity) exports.State {
	w.t.Helper()
	s, err := w.Request(w.t.Context(), who, "games")
	require.NoError(w.t, err)
	return s
}

func (w *world) until(who chat.Identity, e id.ID, status exports.Status) exports.State {
	w.t.Helper()
	var s exports.State
	require.Eventually(w.t, func() (done bool) {
		var err error
		s, err = w.Get(w.t.Context(), who, e)
		return err == nil && s.Status == status
	}, 20*time.Second, time.Millisecond, "it is %s", status)
	return s
}

func (w *world) file(s exports.State) string {
	w.t.Helper()
	var b strings.Builder
	for n := range s.Export.Parts {
		part, err := w.Part(w.t.Context(), s, n)
		require.NoError(w.t, err)
		b.Write(part)
	}
	return b.String()
}

// talk posts messages of about three quarters of a megabyte, and returns the file that shows them.
func (w *world) talk(who chat.Identity) string {
	w.t.Helper()
	var want strings.Builder
	for i := range 450 {
		m := chattest.Post(w.t, w.chat, who, "games", fmt.Sprint(i, strings.Repeat(" text", 300+i)))
		want.WriteString(m.Content + "\n")
	}
	return want.String()
}

func (w *world) isKind(k chat.Kind, err error) {
	w.t.Helper()
	require.Equal(w.t, k.String(), chat.KindOf(err).String(), "%v", err)
}

func TestARoomAsAFile(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ann, bob, eve := chattest.SignUp(t, w.chat, tenant, "ann"), chattest.SignUp(t, w.chat, tenant, "bob"), chattest.SignUp(t, w.chat, tenant, "eve")
	chattest.Room(t, w.chat, "games", ann)
	want := w.talk(ann)
	require.NoError(t, w.chat.Join(ctx, bob, "games", nil))
	_, err := w.Request(ctx, eve, "games")
	w.isKind(chat.Forbidden, err)
	_, err = w.Request(ctx, ann, "nowhere")
	w.isKind(chat.NotFound, err)

	first := w.request(ann)
	require.Equal(t, exports.Queued, first.Status)
	require.Equal(t, first.ID, w.request(ann).ID, "it is that one while it is not finished")
	bobs := w.request(bob)
	require.NotEqual(t, first.ID, bobs.ID)
	w.queue.Start()
	s := w.until(ann, first.ID, exports.Done)
	require.True(t, strings.HasPrefix(w.file(s), want), "all messages, in order")
	require.NotEqual(t, first.ID, w.request(ann).ID)
	for _, other := range []chat.Identity{bob, eve} {
		_, err := w.Get(ctx, other, first.ID)
		w.isKind(chat.NotFound, err)
		w.isKind(chat.NotFound, w.Delete(ctx, other, first.ID))
	}
	_, err = w.Get(ctx, ann, id.NewGenerator(w.clock.Now).New())
	w.isKind(chat.NotFound, err)

	w.until(bob, bobs.ID, exports.Done)
	require.NoError(t, w.Delete(ctx, bob, bobs.ID))
	_, err = w.Get(ctx, bob, bobs.ID)
	w.isKind(chat.NotFound, err)

	w.clock.Add(7*24*time.Hour - time.Minute)
	w.until(ann, first.ID, exports.Done)
	w.clock.Add(time.Hour)
	_, err = w.Get(ctx, ann, first.ID)
	w.isKind(chat.Gone, err)
	w.clock.Add(30 * 24 * time.Hour)
	_, err = w.Get(ctx, ann, first.ID)
	w.isKind(chat.Gone, err)
}

// A server stops in the middle, or the store fails: another one goes on, and no line is missing or there twice.
func TestAnExportGoesOnElsewhere(t *testing.T) {
	for n := range int64(4) {
		w := newWorld(t)
		ann := chattest.SignUp(t, w.chat, tenant, "ann")
		chattest.Room(t, w.chat, "games", ann)
		want := w.talk(ann)
		w.store.left.Store(n)
		w.queue.Start()
		s := w.request(ann)
		require.Eventually(t, func() bool { return w.store.left.Load() < 0 }, 20*time.Second, time.Millisecond)
		w.close()
		w.store.left.Store(1 << 40)
		w.clock.Add(time.Minute)
		w.start()
		w.queue.Start()
		require.Equal(t, want, w.file(w.until(ann, s.ID, exports.Done)), "broken after %d parts", n)
	}
}

// Who is not in the room any more when the job runs gets no file.
func TestAnExportOfWhoHasLeft(t *testing.T) {
	w := newWorld(t)
	ann, bob := chattest.SignUp(t, w.chat, tenant, "ann"), chattest.SignUp(t, w.chat, tenant, "bob")
	chattest.Room(t, w.chat, "games", ann, bob)
	chattest.Post(t, w.chat, ann, "games", "hello")
	s := w.request(bob)
	require.NoError(t, w.chat.Leave(t.Context(), bob, "games", nil))
	w.queue.Start()
	require.Zero(t, w.until(bob, s.ID, exports.Failed).Export.Parts)
}

func TestACancelledExport(t *testing.T) {
	w := newWorld(t)
	ann := chattest.SignUp(t, w.chat, tenant, "ann")
	chattest.Room(t, w.chat, "games", ann)
	s := w.request(ann)
	require.NoError(t, w.Delete(t.Context(), ann, s.ID))
	_, err := w.Get(t.Context(), ann, s.ID)
	w.isKind(chat.NotFound, err)
	w.queue.Start()
	w.until(ann, w.request(ann).ID, exports.Done)
}

func TestTooManyExports(t *testing.T) {
	w := newWorld(t)
	ann := chattest.SignUp(t, w.chat, tenant, "ann")
	chattest.Room(t, w.chat, "games", ann)
	w.queue.Start()
	var last exports.State
	for range 20 {
		last = w.until(ann, w.request(ann).ID, exports.Done)
	}
	_, err := w.Request(t.Context(), ann, "games")
	w.isKind(chat.RateLimited, err)
	require.NoError(t, w.Delete(t.Context(), ann, last.ID))
	w.request(ann)
}
