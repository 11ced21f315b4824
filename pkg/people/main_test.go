package people_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/clocktest"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/jobs"
	"github.com/confab-chat/confab/pkg/people"
	"github.com/confab-chat/confab/pkg/store"
	"github.com/confab-chat/confab/pkg/store/embedded"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/maypok86/otter/v2.periodicCleanUp[...]"))
}

const app chat.Tenant = "app-1"

var quiet = slog.New(slog.DiscardHandler)

// broken is a store whose writes of entries fail after some.
type broken struct {
	store.Store
	left  int // writes that succeed; negative: all
	reads atomic.Int64
}

var errBroken = chat.ErrUnavailable(errors.New("broken"))

func (b *broken) write() error {
	switch {
	case b.left == 0:
		return errBroken
	case b.left > 0:
		b.left--
	}
	return nil
}

func (b *broken) CreateEntry(ctx context.Context, e directory.Entry) error {
	if err := b.write(); err != nil {
		return err
	}
	return b.Store.CreateEntry(ctx, e)
}

func (b *broken) ReplaceEntry(ctx context.Context, e directory.Entry) error {
	if err := b.write(); err != nil {
		return err
	}
	return b.Store.ReplaceEntry(ctx, e)
}

func (b *broken) DeleteEntry(ctx context.Context, space string, u id.ID) error {
	if err := b.write(); err != nil {
		return err
	}
	return b.Store.DeleteEntry(ctx, space, u)
}

func (b *broken) Entry(ctx context.Context, space string, u id.ID) (directory.Entry, error) {
	b.reads.Add(1)
	return b.Store.Entry(ctx, space, u)
}

// world is the people of an app, on a store of their own.
type world struct {
	*testing.T
	*people.Service
	store    *broken
	accounts *account.Service
	queue    *jobs.Queue
	clock    *clocktest.Clock
}

func newWorld(t *testing.T) *world {
	clock := clocktest.New(time.Now())
	st, err := embedded.Open(t.TempDir(), embedded.Options{Logger: quiet, CacheBytes: 1 << 20, Now: clock.Now})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	w := &world{T: t, store: &broken{Store: st, left: -1}, clock: clock}
	ids := id.NewGenerator(clock.Now)
	w.queue = jobs.New(st, quiet)
	w.accounts = account.New(account.Options{Store: st, Jobs: w.queue, IDs: ids, Now: clock.Now})
	t.Cleanup(w.accounts.Close)
	w.Service = people.New(people.Options{Store: w.store, Queue: w.queue, IDs: ids, Now: clock.Now,
		Accounts: func(t chat.Tenant) account.Finder { return w.accounts.Of(t, account.Platform) }})
	t.Cleanup(w.Service.Close)
	return w
}

func (w *world) account(name string) account.Account {
	w.Helper()
	a, err := w.accounts.Create(w.Context(), app, account.Platform, account.NewAccount{Name: name})
	require.NoError(w, err)
	return a
}

// contacts returns the names of all contacts, read in pages.
func (w *world) contacts(of account.Account, page int) (names []string) {
	w.Helper()
	var before id.ID
	for {
		list, more, err := w.Contacts(w.Context(), of.Identity(), before, page)
		require.NoError(w, err)
		require.LessOrEqual(w, len(list), page)
		for _, c := range list {
			names = append(names, c.Account.Name)
			before = c.At
		}
		if !more {
			return names
		}
		require.Len(w, list, page)
	}
}

// entries are all entries of the directory that are about people.
func (w *world) entries() (all []directory.Entry) {
	w.Helper()
	require.NoError(w, w.store.EachEntry(w.Context(), func(e directory.Entry) error {
		if len(people.Of(e)) > 0 {
			all = append(all, e)
		}
		return nil
	}))
	return all
}
