package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/store"
)

// health is the state of the disk. Operations that failed wait in it.
//
// The database cannot handle a failed write: depending on the place it panics with a mutex locked, ends the process, or
// retries without a pause. Therefore it never receives such an error:
//
//  1. An operation that fails for lack of space or of descriptors has done nothing. It is repeated until it succeeds.
//     To the database the disk seems slow.
//  2. After any other failure, the operation and all later ones wait until cut, which is when the store closes. This
//     holds above all for a sync: a later sync that succeeds proves nothing about the bytes of the failed one.
//
// Calls of the store do not wait with the operations: while there is a fault they answer Unavailable.
type health struct {
	diary *diary
	every time.Duration // between two tries
	space func() bool   // whether it is worth trying again on a full disk

	mu      sync.Mutex
	fault   *store.Fault
	opening bool
	waiting int           // operations that are repeated
	begun   chan struct{} // closed while there is a fault
	broken  chan struct{} // closed by the first failure that cannot be waited for
	cutOff  chan struct{} // closed by cut
	closing chan struct{} // closed when Close begins
}

func newHealth(d *diary, every time.Duration, space func() bool) *health {
	return &health{diary: d, every: every, space: space, opening: true,
		begun: make(chan struct{}), broken: make(chan struct{}), cutOff: make(chan struct{}),
		closing: make(chan struct{})}
}

// opened ends the opening of the store: from now on it can be read.
func (h *health) opened() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.opening = false
}

// faulted returns a channel that is closed while there is a fault. After the fault it returns a new one.
func (h *health) faulted() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.begun
}

func (h *health) present() *store.Fault {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.fault
}

// watch returns what a call that writes needs before it begins: the channel of faulted, and the error of err.
func (h *health) watch() (faulted <-chan struct{}, err error) {
	h.mu.Lock()
	faulted, f := h.begun, h.fault
	h.mu.Unlock()
	return faulted, refusal(f)
}

// err is the error of calls that write: nil, or Unavailable with the fault.
func (h *health) err() error { return refusal(h.present()) }

func refusal(f *store.Fault) error {
	if f == nil {
		return nil
	}
	message := "nothing can be saved now: the server's disk is full. Reading goes on; try again later"
	if f.Restart || !full(f.Cause) {
		message = "nothing can be saved now: the server's disk does not work. Reading goes on; its operator has to act"
	}
	return &chat.Error{Kind: chat.Unavailable, Message: message, Cause: f}
}

// try runs an operation that writes. It returns when the operation has succeeded, or when the store is cut off.
func (h *health) try(op func() error) {
	waits := false
	for !h.over() {
		err := op()
		switch {
		case err == nil:
			if waits {
				h.endWait()
			}
			return
		case !passing(err):
			h.breakDown(err)
		default:
			if !waits {
				waits = true
				h.wait(err)
			}
			h.pause(err)
		}
	}
}

// over reports whether the store is cut off, so that operations only seem to succeed. If the disk is broken, it waits
// for the cut.
func (h *health) over() bool {
	select {
	case <-h.broken:
		<-h.cutOff
		return true
	case <-h.cutOff:
		return true
	default:
		return false
	}
}

func (h *health) pause(err error) {
	for {
		select {
		case <-h.cutOff:
			return
		case <-h.broken:
			return
		case <-time.After(h.every):
		}
		if !full(err) || h.space() {
			return
		}
	}
}

func (h *health) wait(cause error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waiting++
	if h.fault != nil {
		return
	}
	f := &store.Fault{Cause: cause, What: "the disk is full", Todo: "free some space"}
	if !full(cause) {
		f.What, f.Todo = "there are no file descriptors left", "raise their limit (ulimit -n), or free some"
	}
	if h.opening {
		f.Todo += ": the server then starts by itself"
	} else {
		f.Todo += ": the store then goes on by itself; meanwhile what is there can be read"
	}
	h.begin(f)
}

// endWait ends the wait of one operation. With the last waiting operation it ends the fault.
func (h *health) endWait() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waiting--
	if h.waiting > 0 || h.fault == nil || h.fault.Restart {
		return
	}
	h.fault = nil
	h.begun = make(chan struct{})
	h.diary.info("embedded store: the disk takes what is written again")
}

// breakDown ends writing permanently.
func (h *health) breakDown(cause error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fault != nil && h.fault.Restart {
		return
	}
	f := &store.Fault{Cause: cause, Restart: true, What: "the disk has failed",
		Todo: "look after it, then restart the server: what was acknowledged is kept, and what is there can be read until then"}
	if errors.Is(cause, os.ErrNotExist) {
		f.What = "the data folder is not there any more"
		f.Todo = "put it back, or a backup in its place, and restart the server"
	}
	h.begin(f)
	close(h.broken)
}

func (h *health) begin(f *store.Fault) {
	if h.fault == nil {
		close(h.begun)
	}
	h.fault = f
	h.diary.error("embedded store: "+f.What+": nothing can be written", "what to do", f.Todo, "error", f.Cause)
}

// cut makes all operations, including the waiting ones, seem to succeed without touching the disk. Then the database
// can be closed. No call may be answered with success afterwards.
func (h *health) cut() {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.cutOff:
	default:
		close(h.cutOff)
	}
}

func (h *health) isCut() bool {
	select {
	case <-h.cutOff:
		return true
	default:
		return false
	}
}

// passing reports whether an operation that failed with err has done nothing, and may succeed later.
func passing(err error) bool {
	return full(err) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

func full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// Fault implements store.Faulty.
func (s *Store) Fault() *store.Fault { return s.health.present() }

// unavailable logs the cause and returns the error for the caller.
func (s *Store) unavailable(doing string, cause error) error {
	if pebble.IsCorruptionError(cause) {
		return s.corrupt(cause)
	}
	if errors.Is(cause, context.Canceled) || errors.Is(cause, context.DeadlineExceeded) { // the caller gave up
		return chat.ErrUnavailable(cause)
	}
	s.diary.error("embedded store: the disk does not answer as it should", "doing", doing, "error", cause)
	return chat.ErrUnavailable(fmt.Errorf("embedded: %s: %w", doing, cause))
}

// corrupt is the error for a value that cannot be decoded.
func (s *Store) corrupt(err error) error {
	if err == nil {
		return nil
	}
	if s.health.isCut() { // as in listener
		return chat.ErrUnavailable(errClosed)
	}
	s.diary.error("embedded store: a row cannot be read", "what to do", damageTodo, "error", err)
	return &chat.Error{Kind: chat.Internal, Message: "a part of the data cannot be read", Cause: err}
}

const damageTodo = "stop the server and run confab store check on the data folder; confab store repair saves what can be read"

// diary is a log that repeats a message once a minute at most.
type diary struct {
	log *slog.Logger
	mu  sync.Mutex
	at  map[string]time.Time
}

const diaryEvery = time.Minute

func (d *diary) due(message string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	if at, ok := d.at[message]; ok && now.Sub(at) < diaryEvery {
		return false
	}
	if d.at == nil || len(d.at) > 1000 {
		d.at = map[string]time.Time{}
	}
	d.at[message] = now
	return true
}

func (d *diary) error(message string, args ...any) {
	if d.due(message) {
		d.log.Error(message, args...)
	}
}

func (d *diary) info(message string, args ...any) {
	if d.due(message) {
		d.log.Info(message, args...)
	}
}

// fatal is the panic that replaces the database's fatal errors.
type fatal struct{ cause error }

// logger writes the database's messages to the store's log.
type logger struct{ diary *diary }

// Infof writes the database's own details at level debug: they are too many for the usual level.
func (l *logger) Infof(format string, args ...any) { l.diary.log.Debug(fmt.Sprintf(format, args...)) }

// Errorf implements pebble.Logger.
func (l *logger) Errorf(format string, args ...any) { l.diary.error(fmt.Sprintf(format, args...)) }

// Fatalf may not return. Failures of the disk do not reach it (see health). Its reasons are invalid data, which opening
// a store finds, and errors of the program.
func (l *logger) Fatalf(format string, args ...any) { panic(fatal{fmt.Errorf(format, args...)}) }
