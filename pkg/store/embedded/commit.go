package embedded

import (
	"cmp"
	"context"
	"errors"
	"hash/maphash"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/confab-chat/confab/pkg/chat"
)

// write is the end of a call that writes. It applies b, so that readers see it; then it calls unlock; then it waits for
// the sync. If ctx ends first, or the disk fails, it answers Unavailable, and the write may still succeed.
func (s *Store) write(ctx context.Context, b *pebble.Batch, unlock func()) error {
	faulted, err := s.health.watch()
	if err != nil {
		unlock()
		_ = b.Close()
		return err
	}
	w := &commit{b: b, applied: unlock, result: make(chan error, 1)}
	s.calls.Add(1) // safe without begin: the caller's own call is still counted
	if !s.committer.send(ctx, faulted, w) {
		s.calls.Done()
		unlock()
		_ = b.Close() // no result comes: outcome says why
	}
	return s.outcome(ctx, faulted, w.result)
}

// outcome waits for the result of a write, for the end of ctx or for a fault.
func (s *Store) outcome(ctx context.Context, faulted <-chan struct{}, result <-chan error) error {
	var err error
	select {
	case err = <-result:
	case <-ctx.Done():
		return chat.ErrUnavailable(ctx.Err())
	case <-faulted:
		select {
		case err = <-result:
		default:
			return cmp.Or(s.health.err(), chat.ErrUnavailable(errFault))
		}
	}
	if err == nil || chat.IsKind(err, chat.Unavailable) {
		return err
	}
	return s.unavailable("write", err)
}

// ended ends the call that a write has been, and returns its result. After a cut a write only seems to succeed.
func (s *Store) ended(err error) error {
	if s.health.isCut() {
		err = cmp.Or(s.health.err(), chat.ErrUnavailable(errClosed))
	}
	s.calls.Done()
	return err
}

// within runs work, which may wait for the disk without a limit. within itself waits until work returns, ctx ends or
// there is a fault.
func (s *Store) within(ctx context.Context, work func() error) error {
	faulted, err := s.health.watch()
	if err != nil {
		return err
	}
	s.calls.Add(1) // safe without begin: the caller's own call is still counted
	result := make(chan error, 1)
	go func() { result <- s.ended(work()) }()
	return s.outcome(ctx, faulted, result)
}

var errFault = errors.New("embedded: the disk failed for a moment")

// change is a whole call that writes. Under the lock of k in l, plan reads the present rows and fills the batch. After
// the lock is released, the batch is made durable. A plan without changes waits for a sync too, because it may have
// read another call's change that is not on disk yet.
func (s *Store) change(ctx context.Context, l *locks, k key, plan func(b *pebble.Batch) error) error {
	return s.changeUnder(ctx, []lockOf{{l, k}}, plan)
}

// changeUnder is change under several locks, which are taken in their order.
func (s *Store) changeUnder(ctx context.Context, under []lockOf, plan func(b *pebble.Batch) error) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.calls.Done()
	unlock, err := s.locked(under...)
	if err != nil {
		return err
	}
	b := s.db.NewBatch()
	if err := plan(b); err != nil {
		unlock()
		_ = b.Close()
		return err
	}
	if b.Empty() {
		_ = b.LogData(nil, nil)
	}
	return s.write(ctx, b, unlock)
}

// put is a whole call that writes without reading first.
func (s *Store) put(ctx context.Context, fill func(b *pebble.Batch)) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.calls.Done()
	if err := s.health.err(); err != nil {
		return err
	}
	b := s.db.NewBatch()
	fill(b)
	return s.write(ctx, b, func() {})
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
	case s.salvage && pebble.IsCorruptionError(err):
		s.lose(k, k.after())
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

// scan visits the rows of prefix in ascending order, starting at the key from, until visit returns false. It passes the
// bare last column and the value, which are valid only until visit returns.
func (s *Store) scan(ctx context.Context, prefix, from key, visit func(last, value []byte) (more bool, err error)) error {
	return s.walk(ctx, prefix, pebble.IterOptions{LowerBound: from, UpperBound: prefix.end()}, (*cursor).First, (*cursor).Next, visit)
}

// scanBack is scan in descending order, starting before the key to.
func (s *Store) scanBack(ctx context.Context, prefix, to key, visit func(last, value []byte) (more bool, err error)) error {
	return s.walk(ctx, prefix, pebble.IterOptions{LowerBound: prefix, UpperBound: to}, (*cursor).Last, (*cursor).Prev, visit)
}

func (s *Store) walk(ctx context.Context, prefix key, o pebble.IterOptions, start, step func(*cursor) bool,
	visit func(last, value []byte) (more bool, err error)) error {
	it, err := s.cursor(ctx, o)
	if err != nil {
		return s.unavailable("read", err)
	}
	defer func() { it.Close() }()
	rows := 0
	for ok := start(it); ok; ok = step(it) {
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

// locks are mutexes by key. Two keys may share one: a goroutine takes no second
// lock of the same set.
type locks struct {
	seed    maphash.Seed
	stripes [512]chan struct{} // full while locked
}

// lockOf is the lock of a key.
type lockOf struct {
	of *locks
	k  key
}

func (l *locks) init() {
	l.seed = maphash.MakeSeed()
	for i := range l.stripes {
		l.stripes[i] = make(chan struct{}, 1)
	}
}

// locked takes locks in their order and returns the function that releases them. While there is a fault it takes none
// and fails without waiting, because the holder of a lock may be waiting for the disk.
func (s *Store) locked(under ...lockOf) (unlock func(), err error) {
	if len(under) == 0 {
		return func() {}, nil
	}
	faulted, err := s.health.watch()
	if err != nil {
		return nil, err
	}
	taken := make([]chan struct{}, 0, len(under))
	unlock = func() {
		for _, m := range slices.Backward(taken) {
			<-m
		}
	}
	for _, u := range under {
		m := u.of.stripes[maphash.Bytes(u.of.seed, u.k)%uint64(len(u.of.stripes))]
		select {
		case m <- struct{}{}:
			taken = append(taken, m)
		case <-faulted:
			unlock()
			return nil, cmp.Or(s.health.err(), chat.ErrUnavailable(errFault))
		}
	}
	return unlock, nil
}
