package embedded

import (
	"context"
	"errors"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/confab-chat/confab/pkg/chat"
)

// apply puts b into the log and makes it visible to readers, without waiting
// for the disk. It is short: callers may hold locks. The caller ends with durable.
func (s *Store) apply(b *pebble.Batch) error {
	return s.guarded(func() error { return s.db.ApplyNoSyncWait(b, pebble.Sync) })
}

// applyUnsynced is apply for changes that may be lost in a crash.
func (s *Store) applyUnsynced(b *pebble.Batch) error {
	return s.guarded(func() error { return errors.Join(s.db.Apply(b, pebble.NoSync), b.Close()) })
}

// guarded runs a write of the database unless one has failed before.
func (s *Store) guarded(write func() error) (err error) {
	if err := s.health.err(); err != nil {
		return err
	}
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(fatal)
			if !ok {
				panic(r)
			}
			err = chat.ErrUnavailable(e.cause)
		}
	}()
	if err := write(); err != nil {
		s.health.fail(err)
		return s.unavailable("write", err)
	}
	return nil
}

// durable waits until b, which apply has taken, is on disk. If ctx ends first it
// answers Unavailable: the write may yet succeed.
func (s *Store) durable(ctx context.Context, b *pebble.Batch) error {
	if ctx.Done() == nil {
		return s.synced(b)
	}
	s.calls.Add(1) // safe without begin: the caller's own call is still counted
	result := make(chan error, 1)
	go func() {
		defer s.calls.Done()
		result <- s.synced(b)
	}()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return chat.ErrUnavailable(ctx.Err())
	}
}

func (s *Store) synced(b *pebble.Batch) error {
	if err := b.SyncWait(); err != nil {
		s.health.fail(err)
		return s.unavailable("sync", err)
	}
	_ = b.Close()
	return nil
}

// change is a whole call that writes: under the lock of k in l, plan reads what there is
// and fills the batch; after the lock is free, the batch is made durable. A plan
// that has nothing to change still waits for a sync: what it has seen may be another
// call's change that is not yet on disk.
func (s *Store) change(ctx context.Context, l *locks, k key, plan func(b *pebble.Batch) error) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.calls.Done()
	b := s.db.NewBatch()
	if err := s.planned(b, l, k, plan); err != nil {
		return err
	}
	return s.durable(ctx, b)
}

func (s *Store) planned(b *pebble.Batch, l *locks, k key, plan func(b *pebble.Batch) error) error {
	defer l.lock(k)()
	if err := plan(b); err != nil {
		_ = b.Close()
		return err
	}
	if b.Empty() {
		_ = b.LogData(nil, nil)
	}
	return s.apply(b)
}

// put is a whole call that writes without looking.
func (s *Store) put(ctx context.Context, fill func(b *pebble.Batch)) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.calls.Done()
	b := s.db.NewBatch()
	fill(b)
	if err := s.apply(b); err != nil {
		return err
	}
	return s.durable(ctx, b)
}

// The setters of a batch only fail on a batch that is committed.
func set(b *pebble.Batch, k key, value []byte) { _ = b.Set(k, value, nil) }
func remove(b *pebble.Batch, k key)            { _ = b.Delete(k, nil) }
func removeAll(b *pebble.Batch, prefix key)    { _ = b.DeleteRange(prefix, prefix.end(), nil) }

// get returns a copy of the value, or pebble.ErrNotFound.
func (s *Store) get(k key) ([]byte, error) {
	v, closer, err := s.db.Get(k)
	if err != nil {
		return nil, err
	}
	v = slices.Clone(v)
	return v, closer.Close()
}

// find is get for rows that need not be there.
func (s *Store) find(k key) (value []byte, found bool, err error) {
	v, err := s.get(k)
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		return nil, false, nil
	case err != nil:
		return nil, false, s.unavailable("read", err)
	}
	return v, true, nil
}

// has reports whether there is a row at k.
func (s *Store) has(k key) (bool, error) {
	_, found, err := s.find(k)
	return found, err
}

// scan calls visit with the bare last column and the value of rows of prefix, from the key from
// on, ascending, until visit returns false. What visit is given is only good
// until it returns.
func (s *Store) scan(ctx context.Context, prefix, from key, visit func(last, value []byte) (more bool, err error)) error {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: prefix.end()})
	if err != nil {
		return s.unavailable("read", err)
	}
	defer it.Close()
	rows := 0
	for ok := it.First(); ok; ok = it.Next() {
		if rows++; rows%256 == 0 && ctx.Err() != nil {
			return chat.ErrUnavailable(ctx.Err())
		}
		v, err := it.ValueAndErr()
		if err != nil {
			return s.unavailable("read", err)
		}
		more, err := visit(it.Key()[len(prefix):], v)
		if err != nil || !more {
			return err
		}
	}
	if err := it.Error(); err != nil {
		return s.unavailable("read", err)
	}
	return nil
}

// corrupt is the answer for a row that cannot be decoded.
func (s *Store) corrupt(err error) error {
	if err == nil {
		return nil
	}
	s.logger.Error("embedded store: a row cannot be read", "error", err)
	return &chat.Error{Kind: chat.Internal, Message: "a part of the data cannot be read", Cause: err}
}

// locks are mutexes by key. Two keys may share one: a goroutine takes no second
// lock of the same set.
type locks struct {
	seed    maphash.Seed
	stripes [512]sync.Mutex
}

func (l *locks) init() { l.seed = maphash.MakeSeed() }

// lock locks k and returns what unlocks it.
func (l *locks) lock(k []byte) (unlock func()) {
	m := &l.stripes[maphash.Bytes(l.seed, k)%uint64(len(l.stripes))]
	m.Lock()
	return m.Unlock
}
