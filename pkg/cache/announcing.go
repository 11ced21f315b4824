package cache

import (
	"context"
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

func within(ctx context.Context, announce func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, announceFor)
	defer cancel()
	return announce(ctx)
}
