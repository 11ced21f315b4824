package callbacks

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/clocktest"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/jobs"
	"github.com/confab-chat/confab/pkg/outbound"
	"github.com/confab-chat/confab/pkg/seal"
	"github.com/confab-chat/confab/pkg/store"
	"github.com/confab-chat/confab/pkg/store/embedded"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/maypok86/otter/v2.periodicCleanUp[...]"))
}

const app chat.Tenant = "app-1"

var quiet = slog.New(slog.DiscardHandler)

// world is a store with a clock, and the parts of a server on it.
type world struct {
	*testing.T
	store store.Store
	clock *clocktest.Clock
	queue *jobs.Queue
	told  *Service
	done  atomic.Bool // what Done answers
	asked atomic.Int32
	ids   *id.Generator
	stop  func()
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, clock: clocktest.New(time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC))}
	var err error
	w.store, err = embedded.Open(t.TempDir(), embedded.Options{Logger: quiet, CacheBytes: 1 << 20, Now: w.clock.Now})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.store.Close()) })
	w.stop = w.start()
	t.Cleanup(func() { w.stop() })
	return w
}

// start starts a server, and returns what stops it.
func (w *world) start() (stop func()) {
	w.queue = jobs.New(w.store, quiet)
	box, err := seal.New(w.Context(), "", w.store)
	require.NoError(w, err)
	guard, err := outbound.NewGuard([]string{"127.0.0.0/8"})
	require.NoError(w, err)
	client := outbound.New(outbound.Options{Guard: guard, Agent: "confab/test", Now: w.clock.Now})
	w.ids = id.NewGenerator(w.clock.Now)
	told := New(Options{Store: w.store, Queue: w.queue, Client: client, Box: box, IDs: w.ids, DisableAfter: 72 * time.Hour, Now: w.clock.Now, Log: quiet,
		Done: func(context.Context, chat.Tenant, chat.Trace) (bool, error) {
			w.asked.Add(1)
			return w.done.Load(), nil
		},
		Payload: func(m chat.Message) (any, any, error) { return []string{m.Content}, map[string]any{}, nil }})
	w.told = told
	queue := w.queue
	queue.Start()
	var once sync.Once
	return func() {
		once.Do(func() {
			queue.Close()
			told.Close()
			client.Close()
		})
	}
}

// call is what a receiver got.
type call struct {
	http.Header
	raw  string
	body map[string]any
}

// receiver is the server of an app. answer, if set, serves in place of 200.
type receiver struct {
	*httptest.Server
	calls  chan call
	answer atomic.Value // func(call) int
}

func (w *world) receiver(answer func(call) int) *receiver {
	r := &receiver{calls: make(chan call, 10_000)}
	r.answer.Store(answer)
	r.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, q *http.Request) {
		b, _ := io.ReadAll(q.Body)
		c := call{Header: q.Header, raw: string(b)}
		_ = json.Unmarshal(b, &c.body)
		status := r.answer.Load().(func(call) int)(c)
		if status/100 == 3 {
			rw.Header().Set("Location", r.URL)
		}
		rw.WriteHeader(status)
		r.calls <- c
	}))
	w.Cleanup(r.Close)
	return r
}

func well(call) int   { return 200 }
func failed(call) int { return 500 }

func (w *world) next(r *receiver) call {
	w.Helper()
	select {
	case c := <-r.calls:
		return c
	case <-time.After(30 * time.Second):
		w.Fatal("no call came")
		return call{}
	}
}

func (w *world) rule(c Change) (Rule, string) {
	w.Helper()
	r, secret, err := w.told.Add(w.Context(), app, "org#app", c)
	require.NoError(w, err)
	return r, secret
}

// message is a message that an act tells of.
func (w *world) message(text, to string) chat.Act {
	return chat.Act{Tenant: app, Kind: chat.MessageAct, Message: chat.Message{ID: w.ids.New(), Author: chat.Person{Login: "1", FirstName: "ann"}, Content: text, Payload: chat.Payload{To: to}}}
}

func (w *world) tell(acts ...chat.Act) {
	w.Helper()
	done, err := w.told.Intend(w.Context(), acts...)
	require.NoError(w, err)
	done(nil)
}

// waiting are the jobs of a rule, when there are n of them and none runs.
func (w *world) waiting(r Rule, n int) (all []jobs.Job) {
	w.Helper()
	require.Eventually(w, func() bool {
		var err error
		all, err = w.queue.List(w.Context(), 1000, func(j jobs.Job) bool { return j.Tenant == tenantOf(r.ID) && j.Kind == deliverWork })
		if err != nil || len(all) != n {
			return false
		}
		for _, j := range all {
			if j.State != jobs.Waiting {
				return false
			}
		}
		return true
	}, 30*time.Second, 5*time.Millisecond)
	return all
}

// pass moves the clock to the time at which the first job of a rule is due, and returns how long that took.
func (w *world) pass(r Rule) time.Duration {
	w.Helper()
	j := w.waiting(r, 1)[0]
	wait := j.Due.Sub(w.clock.Now())
	w.clock.Add(wait)
	w.queue.Poll()
	return wait
}

func (w *world) letters(n int) (list []Letter) {
	w.Helper()
	require.Eventually(w, func() bool {
		var err error
		list, _, err = w.told.Letters(w.Context(), app, id.ID{}, 1000)
		return err == nil && len(list) == n
	}, 30*time.Second, 5*time.Millisecond)
	return list
}

func ptr[T any](v T) *T { return &v }

// fullOf is a store in which every tenant has as many jobs as it may have.
type fullOf struct{ store.Store }

func (fullOf) CountJobs(_ context.Context, _ chat.Tenant, most int) (int, error) { return most, nil }

func retryAfter(h http.Handler, wait string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", wait)
		h.ServeHTTP(w, r)
	})
}
