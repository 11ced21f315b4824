package directory

import (
	"context"
	"errors"
	"time"

	"github.com/confab-chat/confab/pkg/cache"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// Cached reads and changes the entries of some spaces as values of a type. It caches what it has read. Changes made on this
// node by Change, or followed by Forget, hold for the next call; those of other nodes after cache.Brief. Entries that have come into being, and
// names that lead to another entry than before, are always seen. It may be used concurrently.
type Cached[T any] struct {
	store   Store
	decode  func(Entry) (T, error)
	encode  func(T) (Entry, error)
	entries *cache.Cache[ref, T]
	names   *cache.Cache[nameOf, id.ID]
}

type (
	ref struct {
		space string
		id    id.ID
	}
	nameOf struct{ space, name string }
)

// CachedOptions are the parts of a Cached.
type CachedOptions[T any] struct {
	Store   Store
	Watcher *cache.Watcher
	// Decode makes a value of an entry, and Encode the entry of a value.
	Decode func(Entry) (T, error)
	Encode func(T) (Entry, error)
	// Size bounds the entries that are cached.
	Size int
	Now  func() time.Time
}

// NewCached returns a Cached. Close ends it.
func NewCached[T any](o CachedOptions[T]) *Cached[T] {
	return &Cached[T]{store: o.Store, decode: o.Decode, encode: o.Encode,
		entries: cache.Of(cache.Options[ref, T]{Watcher: o.Watcher, Now: o.Now, Size: o.Size,
			Name: func(k ref) string { return Key(k.space, k.id) },
			Load: func(ctx context.Context, k ref) (T, error) {
				ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadFor)
				defer cancel()
				e, err := o.Store.Entry(ctx, k.space, k.id)
				if err != nil {
					var none T
					return none, err
				}
				return o.Decode(e)
			}}),
		// That a name leads to an id is never wrong while the entry exists, so nothing announces it.
		names: cache.Of(cache.Options[nameOf, id.ID]{Watcher: o.Watcher, Now: o.Now, Size: o.Size,
			Name: func(k nameOf) string { return "entry name\x00" + k.space + "\x00" + k.name },
			Load: func(ctx context.Context, k nameOf) (id.ID, error) {
				ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadFor)
				defer cancel()
				e, err := o.Store.EntryNamed(ctx, k.space, k.name)
				return e.ID, err
			}}),
	}
}

// loadFor bounds a read that several callers may wait for.
const loadFor = 5 * time.Second

// Get returns the entry with an id; NotFound if there is none.
func (r *Cached[T]) Get(ctx context.Context, space string, u id.ID) (T, error) {
	return r.entries.Get(ctx, ref{space, u})
}

// Named returns the entry that has a name; NotFound if there is none.
func (r *Cached[T]) Named(ctx context.Context, space, name string) (T, error) {
	u, err := r.names.Get(ctx, nameOf{space, name})
	if err != nil {
		var none T
		return none, err
	}
	v, err := r.Get(ctx, space, u)
	if !chat.IsKind(err, chat.NotFound) {
		return v, err
	}
	// It was deleted since the name was read. Another may have the name now.
	r.names.Forget(nameOf{space, name})
	if u, err = r.names.Get(ctx, nameOf{space, name}); err != nil {
		return v, err
	}
	return r.Get(ctx, space, u)
}

// List returns up to limit entries in order of creation, after the one with the given id (zero: from the first), and whether
// there are more. It reads the store.
func (r *Cached[T]) List(ctx context.Context, space string, after id.ID, limit int) (list []T, more bool, err error) {
	es, err := r.store.Entries(ctx, space, after, limit+1)
	return r.page(es, limit, err)
}

// Newest is List with the newest first, before the entry with the given id (zero: from the newest).
func (r *Cached[T]) Newest(ctx context.Context, space string, before id.ID, limit int) (list []T, more bool, err error) {
	es, err := r.store.NewestEntries(ctx, space, before, limit+1)
	return r.page(es, limit, err)
}

func (r *Cached[T]) page(es []Entry, limit int, err error) ([]T, bool, error) {
	if err != nil {
		return nil, false, err
	}
	more := len(es) > limit
	list := make([]T, min(len(es), limit))
	for i := range list {
		if list[i], err = r.decode(es[i]); err != nil {
			return nil, false, err
		}
	}
	return list, more, nil
}

// Forget invalidates a cached entry after a change of it.
func (r *Cached[T]) Forget(space string, u id.ID) { r.entries.Forget(ref{space, u}) }

const (
	// changeTries is how often a change is made anew while others change the same entry.
	changeTries = 20
	// changeFor bounds a write that has begun. It goes on when its client hangs up.
	changeFor = 10 * time.Second
)

// Change replaces an entry by what change makes of its value, and returns the value after it. The value may be one that was
// read earlier: if the entry was changed meanwhile, it is read, and change is called with what it is now. An error of change
// ends the call. NotFound if the entry is gone.
func (r *Cached[T]) Change(ctx context.Context, v T, change func(*T) error) (T, error) {
	for range changeTries {
		next := v
		if err := change(&next); err != nil {
			return v, err
		}
		e, err := r.encode(next)
		if err != nil {
			return v, err
		}
		err = r.replace(ctx, e)
		if err == nil {
			e.Version++
			return r.decode(e)
		}
		if !chat.IsKind(err, chat.Stale) {
			return v, err
		}
		if e, err = r.store.Entry(ctx, e.Space, e.ID); err != nil {
			return v, err
		}
		if v, err = r.decode(e); err != nil {
			return v, err
		}
	}
	return v, chat.ErrUnavailable(errors.New("too many changes of one entry at once"))
}

func (r *Cached[T]) replace(ctx context.Context, e Entry) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), changeFor)
	defer cancel()
	defer r.Forget(e.Space, e.ID) // after an error too: the entry may have been replaced nevertheless
	return r.store.ReplaceEntry(ctx, e)
}

// Close stops the background work of the caches.
func (r *Cached[T]) Close() {
	r.entries.Close()
	r.names.Close()
}
