package directory

import (
	"context"
	"time"

	"github.com/confab-chat/confab/pkg/cache"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// Reader reads entries by id and by name, decoded. It caches what it has read. Changes made on this node hold for the next
// call, if Forget is called after them; those of other nodes after cache.Brief. Entries that have come into being, and
// names that lead to another entry than before, are always seen. It may be used concurrently.
type Reader[T any] struct {
	store   Store
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

// ReaderOptions are the parts of a Reader.
type ReaderOptions[T any] struct {
	Store   Store
	Watcher *cache.Watcher
	// Decode makes of an entry what the Reader returns.
	Decode func(Entry) (T, error)
	// Size bounds the entries that are cached.
	Size int
	Now  func() time.Time
}

// NewReader returns a Reader. Close ends it.
func NewReader[T any](o ReaderOptions[T]) *Reader[T] {
	return &Reader[T]{store: o.Store,
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
func (r *Reader[T]) Get(ctx context.Context, space string, u id.ID) (T, error) {
	return r.entries.Get(ctx, ref{space, u})
}

// Named returns the entry that has a name; NotFound if there is none.
func (r *Reader[T]) Named(ctx context.Context, space, name string) (T, error) {
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

// Forget invalidates a cached entry after a change of it.
func (r *Reader[T]) Forget(space string, u id.ID) { r.entries.Forget(ref{space, u}) }

// Close stops the background work of the caches.
func (r *Reader[T]) Close() {
	r.entries.Close()
	r.names.Close()
}
