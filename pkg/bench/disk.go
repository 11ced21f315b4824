package bench

import (
	"context"
	"errors"
	"os"
)

// Disk measures how often a second a file in o.Dir can be appended to and synced, by one
// writer: what a store that promises durability cannot beat without sharing syncs.
func Disk(ctx context.Context, o Options) (r Result, err error) {
	if o, err = o.withDefaults(); err != nil {
		return r, err
	}
	f, err := os.CreateTemp(o.Dir, "confab-bench-*")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	o.Clients = 1
	block := make([]byte, 4096)
	r, err = closedLoop(ctx, o, "disk", func(context.Context, int) error {
		if _, err := f.Write(block); err != nil {
			return err
		}
		return f.Sync()
	})
	r.Setting = "append 4 KiB and sync, 1 writer"
	return r, err
}
