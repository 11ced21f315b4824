package cache

import (
	"context"
	"sync"
	"time"
)

// Announcing makes a change and announces it as the package says; it is for stores. announce returns nil when what it
// writes is durable. If the first announcement fails, nothing is changed. If the second one fails, the change has been
// made nevertheless, and Announcing returns the error.
func Announcing(ctx context.Context, now func() time.Time, announce func(ctx context.Context) error, change func() error) error {
	began := now()
	if err := within(ctx, announce); err != nil {
		return err
	}
	if err := change(); err != nil {
		return err
	}
	if Elapsed(began, now()) <= ChangeFor {
		return nil
	}
	return within(ctx, announce)
}

// Listeners are what a store calls for each announcement; see Announcements. The zero value is ready. They may be used
// concurrently.
type Listeners struct {
	mu   sync.RWMutex
	next int
	of   map[int]func(key string)
}

// Add adds f until cancel is called.
func (l *Listeners) Add(f func(key string)) (cancel func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of == nil {
		l.of = map[int]func(string){}
	}
	n := l.next
	l.next++
	l.of[n] = f
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.of, n)
	}
}

// Call calls all of them.
func (l *Listeners) Call(key string) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, f := range l.of {
		f(key)
	}
}

func within(ctx context.Context, announce func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, announceFor)
	defer cancel()
	return announce(ctx)
}
