package embedded

import (
	"fmt"
	"sync/atomic"

	"github.com/confab-chat/confab/pkg/chat"
)

// health remembers the first write that failed. After it nothing more is
// written until a restart: what the database holds in memory may not be what the log
// on disk holds, and a later sync that succeeds would not prove that the earlier
// bytes are there.
type health struct {
	failure atomic.Pointer[error]
}

func (h *health) fail(cause error) { h.failure.CompareAndSwap(nil, &cause) }

func (h *health) err() error {
	if cause := h.failure.Load(); cause != nil {
		return chat.ErrUnavailable(*cause)
	}
	return nil
}

// unavailable logs the cause and returns the error for the caller.
func (s *Store) unavailable(doing string, cause error) error {
	s.logger.Error("embedded store: the disk does not answer as it should", "doing", doing, "error", cause)
	return chat.ErrUnavailable(fmt.Errorf("embedded: %s: %w", doing, cause))
}

// fatal is the panic by which the database says that it cannot go on.
type fatal struct{ cause error }

// logger is the database's way to our log.
type logger struct{ store *Store }

// Infof is for the database's own diary: too much for our log at its usual level.
func (l *logger) Infof(format string, args ...any) {
	l.store.logger.Debug(fmt.Sprintf(format, args...))
}

func (l *logger) Errorf(format string, args ...any) {
	l.store.logger.Error(fmt.Sprintf(format, args...))
}

// Fatalf may not return. In a call of ours the panic becomes Unavailable; in the
// database's own goroutines it ends the process, whose restart reads back all that was
// acknowledged.
func (l *logger) Fatalf(format string, args ...any) {
	cause := fmt.Errorf(format, args...)
	l.store.health.fail(cause)
	l.store.logger.Error("embedded store: cannot go on", "error", cause)
	panic(fatal{cause})
}
