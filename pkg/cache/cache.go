package cache

import (
	"context"
	"time"

	"github.com/maypok86/otter/v2"
)

// Options are the parts of a Cache.
type Options[K comparable, V any] struct {
	// Watcher polls the announcements of the store.
	Watcher *Watcher
	// Name returns the key by which the store announces that the value of K has changed.
	Name func(K) string
	// Load reads the value of k from the store, for all callers that wait for it. The context has the values of one of
	// them. Errors are not cached.
	Load func(ctx context.Context, k K) (V, error)
	// Good, if set, reports whether a cached value may be used. A value for which it is false is loaded again.
	Good func(V) bool
	Now  func() time.Time
	// Size bounds the number of cached values, if there is memory for so many; see New.
	Size int
}

// Cache caches what Load returned, for as long as the package says. It may be used concurrently.
type Cache[K comparable, V any] struct {
	o       Options[K, V]
	loader  otter.LoaderFunc[K, *entry[V]]
	entries *otter.Cache[K, *entry[V]]
}

type entry[V any] struct {
	value V
	began time.Time // when its read began
}

// Of returns an empty cache.
func Of[K comparable, V any](o Options[K, V]) *Cache[K, V] {
	c := &Cache[K, V]{o: o, entries: otter.Must(&otter.Options[K, *entry[V]]{
		MaximumSize:      o.Watcher.Entries(o.Size),
		ExpiryCalculator: otter.ExpiryWriting[K, *entry[V]](CacheFor),
	})}
	c.loader = func(ctx context.Context, k K) (*entry[V], error) {
		e := &entry[V]{began: o.Now()}
		var err error
		e.value, err = o.Load(ctx, k)
		return e, err
	}
	return c
}

// Get returns the cached value of k, or loads it.
func (c *Cache[K, V]) Get(ctx context.Context, k K) (V, error) {
	called := c.o.Now()
	for {
		e, err := c.entries.Get(ctx, k, c.loader)
		if err != nil {
			var none V
			return none, err
		}
		// A value whose read began after the call is new enough, whatever is announced meanwhile.
		if !e.began.Before(called) || c.goes(k, e, called) {
			return e.value, nil
		}
		c.drop(k, e)
	}
}

// GetAll is Get for several keys; load reads several in one step. A key that load does not return is neither returned
// nor cached.
func (c *Cache[K, V]) GetAll(ctx context.Context, ks []K, load func(ctx context.Context, ks []K) (map[K]V, error)) (map[K]V, error) {
	loader := otter.BulkLoaderFunc[K, *entry[V]](func(ctx context.Context, ks []K) (map[K]*entry[V], error) {
		began := c.o.Now()
		found, err := load(ctx, ks)
		es := make(map[K]*entry[V], len(found))
		for k, v := range found {
			es[k] = &entry[V]{v, began}
		}
		return es, err
	})
	called := c.o.Now()
	for {
		es, err := c.entries.BulkGet(ctx, ks, loader)
		if err != nil {
			return nil, err
		}
		out := make(map[K]V, len(es))
		for k, e := range es {
			if e.began.Before(called) && !c.goes(k, e, called) {
				c.drop(k, e)
				continue
			}
			out[k] = e.value
		}
		if len(out) == len(es) {
			return out, nil
		}
	}
}

// drop removes an entry unless another caller has removed or replaced it.
func (c *Cache[K, V]) drop(k K, e *entry[V]) {
	c.entries.Compute(k, func(now *entry[V], found bool) (*entry[V], otter.ComputeOp) {
		if found && now == e {
			return nil, otter.InvalidateOp
		}
		return nil, otter.CancelOp
	})
}

// goes reports whether a value whose read began before now, the time of a call, is good enough for the call.
func (c *Cache[K, V]) goes(k K, e *entry[V], now time.Time) bool {
	return (c.o.Good == nil || c.o.Good(e.value)) && c.o.Watcher.believes(e.began, now, func() string { return c.o.Name(k) })
}

// Forget invalidates k, also a read of it that is running: a Get from now on reads again.
func (c *Cache[K, V]) Forget(k K) { c.entries.Invalidate(k) }

// ForgetAll invalidates all keys. Reads that are running at this moment may be cached.
func (c *Cache[K, V]) ForgetAll() { c.entries.InvalidateAll() }

// Close ends the cache's housekeeping.
func (c *Cache[K, V]) Close() { c.entries.StopAllGoroutines() }
