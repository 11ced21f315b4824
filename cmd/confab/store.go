package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

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

// open opens the store once.
func (s storeSettings) open(ctx context.Context, applySchema bool, log *slog.Logger) (store.Store, error) {
	if dir, ok := strings.CutPrefix(s.Store, "embedded:"); ok {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("the data folder cannot be made: %w", err)
		}
		return embedded.Open(dir, embedded.Options{Logger: log})
	}
	cfg, err := cassandra.ParseURL(s.Store)
	if err != nil {
		return nil, settingError{fmt.Errorf("--store: %w", err)}
	}
	return cassandra.Open(ctx, cfg, cassandra.Options{Log: log, KeepSchema: !applySchema})
}

// openPatiently opens the store, and while it cannot be reached tries again with growing pauses.
func (s storeSettings) openPatiently(ctx context.Context, applySchema bool, log *slog.Logger) (store.Store, error) {
	const longest = 30 * time.Second
	for pause := time.Second; ; pause = min(2*pause, longest) {
		st, err := s.open(ctx, applySchema, log)
		if err == nil || !chat.IsKind(err, chat.Unavailable) {
			return st, err
		}
		log.Error("the store cannot be reached; trying again", "store", s.where(), "in", pause, "error", plain(err))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
