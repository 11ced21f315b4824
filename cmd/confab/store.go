package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/confab-chat/confab/pkg/budget"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/store"
	"github.com/confab-chat/confab/pkg/store/cassandra"
	"github.com/confab-chat/confab/pkg/store/embedded"
)

// where says in words where a store keeps its data.
func (s storeSettings) where() string {
	if dir, ok := strings.CutPrefix(s.Store, "embedded:"); ok {
		if abs, err := filepath.Abs(dir); err == nil {
			dir = abs
		}
		return "the folder " + dir
	}
	return maskURL(s.Store)
}

// open opens the store once, for a tool. An embedded one on a full disk waits for space until ctx ends.
func (s *storeSettings) open(ctx context.Context, applySchema bool, log *slog.Logger) (store.Store, error) {
	return s.openWithin(ctx, applySchema, budget.Shares{}, log)
}

// openWithin is open with the store's shares of the memory; of those that are 0 the store has defaults.
func (s *storeSettings) openWithin(ctx context.Context, applySchema bool, memory budget.Shares, log *slog.Logger) (store.Store, error) {
	if dir, ok := strings.CutPrefix(s.Store, "embedded:"); ok {
		return embedded.OpenPatiently(ctx, dir, embedded.Options{Logger: log, OpenFiles: openFiles(descriptors()),
			CacheBytes: memory.Cache, MemTableBytes: memory.MemTable})
	}
	cfg, err := s.cassandra()
	if err != nil {
		return nil, err
	}
	return cassandra.Open(ctx, cfg, cassandra.Options{Log: log, KeepSchema: !applySchema, Entries: memory.Entries(cassandra.MostEntries)})
}

// openPatiently opens the store, and while it cannot be reached tries again with growing pauses.
func (s *storeSettings) openPatiently(ctx context.Context, applySchema bool, memory budget.Shares, log *slog.Logger) (st store.Store, err error) {
	err = patiently(ctx, log, s.where(), func() error {
		st, err = s.openWithin(ctx, applySchema, memory, log)
		return err
	})
	return st, err
}

// patiently calls try, and while it answers Unavailable repeats it with growing pauses.
func patiently(ctx context.Context, log *slog.Logger, where string, try func() error) error {
	const longest = 30 * time.Second
	for pause := time.Second; ; pause = min(2*pause, longest) {
		err := try()
		if err == nil || !chat.IsKind(err, chat.Unavailable) {
			return err
		}
		log.Error("the store cannot be reached; trying again", "store", where, "in", pause, "error", plain(err))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
