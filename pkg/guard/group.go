package guard

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// Group is an errgroup.Group in which a panic is an error, as in Try.
type Group struct{ *errgroup.Group }

// NewGroup returns a group without a context: no error ends the others.
func NewGroup() Group { return Group{new(errgroup.Group)} }

// WithContext returns a group whose context ends with the first error and with Wait.
func WithContext(ctx context.Context) (Group, context.Context) {
	g, ctx := errgroup.WithContext(ctx)
	return Group{g}, ctx
}

// Go calls f in a goroutine; see errgroup.Group.
func (g Group) Go(f func() error) {
	g.Group.Go(func() error { return Try(f) })
}
