// Package guard keeps a panic in one goroutine from ending the process.
//
// A goroutine of a server runs its work in Run, in Keep if it is to go on for as long as the server does, and in Try if
// a caller waits for its error. Each panic is counted; Run and Keep log it with its stack, the error of Try has it.
//
//	go func() {
//		defer wg.Done()
//		if !guard.Run(log, "a connection", c.serve) {
//			c.close()
//		}
//	}()
//
// The work has to unlock what it locks by defer, because it may end at any statement.
package guard

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"
)

var panics atomic.Int64

// Panics is how many panics there were since the process started.
func Panics() int64 { return panics.Load() }

// Note logs and counts a panic that the caller has recovered; it must be called by the deferred function.
func Note(log *slog.Logger, what string, value any) {
	panics.Add(1)
	log.Error("a panic was caught", "in", what, "panic", value, "stack", string(debug.Stack()))
}

// Run calls f and returns true, or false if f panicked.
func Run(log *slog.Logger, what string, f func()) (ok bool) {
	defer func() {
		if value := recover(); value != nil {
			Note(log, what, value)
		}
	}()
	f()
	return true
}

// Try returns the error of f. If f panics, the error has the panic and its stack.
func Try(f func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			panics.Add(1)
			err = fmt.Errorf("panic: %v\n%s", value, debug.Stack())
		}
	}()
	return f()
}

const (
	firstPause = time.Second
	mostPause  = time.Minute
)

// Keep calls f until it returns. After a panic it calls f anew, following a pause that gets longer with each panic, from
// a second to a minute. It returns when ctx ends.
func Keep(ctx context.Context, log *slog.Logger, what string, f func(ctx context.Context)) {
	for pause := firstPause; !Run(log, what, func() { f(ctx) }); pause = min(2*pause, mostPause) {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// Every calls f after a first pause, and then again and again a pause of every after its return, until ctx ends. It is for
// work that each node of a store does: f doing nothing new costs little, so no node has to be elected.
func Every(ctx context.Context, first, every time.Duration, f func(ctx context.Context)) {
	timer := time.NewTimer(first)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		f(ctx)
		timer.Reset(every)
	}
}
