package files_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/clocktest"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/files"
	"github.com/confab-chat/confab/pkg/files/buckets"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/jobs"
	"github.com/confab-chat/confab/pkg/picture"
	"github.com/confab-chat/confab/pkg/store/embedded"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/maypok86/otter/v2.periodicCleanUp[...]"))
}

const app chat.Tenant = "app-1"

var (
	quiet = slog.New(slog.DiscardHandler)
	ann   = chat.Identity{Tenant: chat.DefaultTenant, Login: "ann"}
	bob   = chat.Identity{Tenant: chat.DefaultTenant, Login: "bob"}
)

// world is the files of a store of their own, with one room that ann and bob are in.
type world struct {
	*testing.T
	*files.Service
	st     *embedded.Store
	bucket files.Bucket
	clock  *clocktest.Clock
	queue  *jobs.Queue
	ids    *id.Generator
	room   chat.Room
	// fail, if set, is the error of the next write of an entry for which it returns one.
	fail func(e directory.Entry) error
	// full, if set, is the error of the bucket for what is put there now.
	full error
	// broken, if set, begins the spaces whose entries can neither be replaced nor deleted now.
	broken string
}

// failing is a store whose writes of entries fail as its world says.
type failing struct {
	*embedded.Store
	w *world
}

func (s failing) CreateEntry(ctx context.Context, e directory.Entry) error {
	if s.w.fail != nil {
		if err := s.w.fail(e); err != nil {
			return err
		}
	}
	return s.Store.CreateEntry(ctx, e)
}

var errBroken = chat.ErrUnavailable(errors.New("broken"))

func (s failing) ReplaceEntry(ctx context.Context, e directory.Entry) error {
	if s.w.broken != "" && strings.HasPrefix(e.Space, s.w.broken) {
		return errBroken
	}
	return s.Store.ReplaceEntry(ctx, e)
}

func (s failing) DeleteEntry(ctx context.Context, space string, u id.ID) error {
	if s.w.broken != "" && strings.HasPrefix(space, s.w.broken) {
		return errBroken
	}
	return s.Store.DeleteEntry(ctx, space, u)
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, clock: clocktest.New(time.Now())}
	var err error
	w.st, err = embedded.Open(t.TempDir(), embedded.Options{Logger: quiet, Now: w.clock.Now, CacheBytes: 1 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.st.Close()) })
	w.bucket, err = buckets.Folder(w.st.FilesFolder())
	require.NoError(t, err)
	w.ids = id.NewGenerator(w.clock.Now)
	w.queue = jobs.New(w.st, quiet)
	w.room = chat.Room{ID: w.ids.New(), Name: "games", Creator: chat.Person{Login: "ann"}}
	w.Service = files.New(files.Parts{Store: failing{w.st, w}, Bucket: filling{w.bucket, w}, Domain: domain{w}, Pictures: picture.NewDecoder(0), Queue: w.queue, IDs: w.ids, Now: w.clock.Now, Log: quiet, MaxBytes: 1 << 20, Cached: 100})
	t.Cleanup(func() {
		w.queue.Close()
		w.Close()
		require.NoError(t, w.bucket.Close())
	})
	return w
}

// filling is a bucket that is full when its world says so, after it has taken some bytes.
type filling struct {
	files.Bucket
	w *world
}

func (b filling) Put(ctx context.Context, key string, r io.Reader) (int64, error) {
	if b.w.full == nil {
		return b.Bucket.Put(ctx, key, r)
	}
	n, err := b.Bucket.Put(ctx, key, io.LimitReader(r, 1000))
	return n, errors.Join(err, b.w.full)
}

// domain lets ann and bob into the room.
type domain struct{ w *world }

func (d domain) Access(_ context.Context, who chat.Identity, room string) (chat.Room, chat.Person, error) {
	if room != d.w.room.Name || who != ann && who != bob {
		return chat.Room{}, chat.Person{}, chat.ErrForbidden("no")
	}
	return d.w.room, chat.Person{Login: who.Login}, nil
}

func (d domain) MayAttach(ctx context.Context, who chat.Identity, room string, _ *string) (chat.Room, error) {
	r, _, err := d.Access(ctx, who, room)
	return r, err
}

func (d domain) Message(ctx context.Context, who chat.Identity, room string, m id.ID) (chat.Message, error) {
	r, _, err := d.Access(ctx, who, room)
	if err != nil {
		return chat.Message{}, err
	}
	all, err := d.w.st.MessagesByID(ctx, r.Log(who.Tenant), []id.ID{m})
	if _, ok := all[m]; err == nil && !ok {
		err = chat.ErrNotFound(chat.MessageEntity, m.String())
	}
	return all[m], err
}

func upload(text string) files.Upload {
	return files.Upload{Body: strings.NewReader(text), Bytes: int64(len(text)), Name: "a.txt"}
}

func (w *world) inApp(text string) (files.File, string) {
	w.Helper()
	f, secret, err := w.AddToApp(w.Context(), files.AppUpload{Upload: upload(text), Tenant: app, MaxBytes: 1 << 20})
	require.NoError(w, err)
	return f, secret
}

func (w *world) inRoom(text string) files.File {
	w.Helper()
	f, repeated, err := w.add(ann, nil, upload(text))
	require.NoError(w, err)
	require.False(w, repeated)
	return f
}

// add uploads a file to the room.
func (w *world) add(who chat.Identity, key *string, u files.Upload) (files.File, bool, error) {
	w.Helper()
	to, err := w.Admit(w.Context(), who, w.room.Name, key)
	require.NoError(w, err)
	return w.AddToRoom(w.Context(), to, u)
}

func (w *world) read(f files.File) string {
	w.Helper()
	c := w.Open(w.Context(), f)
	defer c.Close()
	text, err := io.ReadAll(c)
	require.NoError(w, err)
	return string(text)
}

// keys are what is in the bucket.
func (w *world) keys() (all []string) {
	w.Helper()
	require.NoError(w, w.bucket.Each(w.Context(), func(o files.Object) error { all = append(all, o.Key); return nil }))
	return all
}

// uploads are how many entries of uploads there are.
func (w *world) uploads() int {
	w.Helper()
	es, err := w.st.Entries(w.Context(), "uploads", id.ID{}, 100)
	require.NoError(w, err)
	return len(es)
}

func (w *world) usage(t chat.Tenant) files.Usage {
	w.Helper()
	u, err := w.Usage(w.Context(), t)
	require.NoError(w, err)
	return u
}

// nothing requires that nothing is left of any file.
func (w *world) nothing(t chat.Tenant) {
	w.Helper()
	require.Empty(w, w.keys())
	require.Zero(w, w.uploads())
	require.Zero(w, w.usage(t))
	require.NoError(w, w.EachFile(w.Context(), func(f files.File) error { w.Errorf("%s is left", f.UUID); return nil }))
}

// stopping is a body that fails after some bytes.
func stopping(n int, err error) io.Reader {
	return io.MultiReader(bytes.NewReader(make([]byte, n)), failingReader{err})
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }
