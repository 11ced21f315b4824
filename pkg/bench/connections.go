package bench

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
)

// Connections measures idle STOMP connections with one subscription each. An
// operation is to connect one, 16 at a time. The memory of the server (o.PID) is read before the set-up
// and o.Settle after the last connection: what the set-up leaves as garbage is counted as the connections' rather than
// taken from them, so the size of one is an upper bound. It is left out if the server has shrunk meanwhile.
func Connections(ctx context.Context, o Options) (Result, error) {
	o.Rooms = 1
	before, _ := usageOf(o.PID)
	self, _ := usageOf(os.Getpid())
	s, err := setUp(ctx, o)
	if err != nil {
		return Result{}, err
	}
	defer s.tearDown(ctx)
	o = s.o
	r := Result{Name: "connections", Setting: fmt.Sprintf("%d connections, 1 subscription each", o.Connections)}
	start := time.Now()
	m := startMeter(o.PID)
	ls, err := s.listeners(ctx, o.Connections)
	defer closeListeners(ls)
	if err != nil {
		return r, err
	}
	r.Operations = int64(len(ls))
	m.stop(&r)
	r.more("seconds_to_connect_all", time.Since(start).Seconds())

	reads := make([]func() error, len(ls)) // as pings want answers
	for i, l := range ls {
		reads[i] = func() error {
			for {
				if _, err := l.frames.next(); err != nil {
					return err
				}
			}
		}
	}
	return r, r.idle(ctx, o, before, self, reads, func() { closeListeners(ls) })
}

// idle waits o.Settle while connections are read, none of which may end, and notes how much the processes have grown since
// before and self. It closes the connections.
func (r *Result) idle(ctx context.Context, o Options, before, self usage, reads []func() error, closeAll func()) error {
	reading, rctx := errgroup.WithContext(ctx)
	for _, read := range reads {
		reading.Go(read)
	}
	o.Progress(0, 0, "idle")
	wait(rctx, o.Settle)
	if rctx.Err() != nil {
		closeAll()
		return fmt.Errorf("a connection has ended: %w", reading.Wait())
	}
	if after, ok := usageOf(o.PID); ok && o.PID > 0 {
		r.ServerRSS = after.rss
		r.perConnection("server", before, after)
	}
	if after, ok := usageOf(os.Getpid()); ok {
		r.perConnection("client", self, after)
	}
	closeAll()
	_ = reading.Wait() // they end because they are closed
	return nil
}

// perConnection notes how much a process has grown for each of r.Operations connections; nothing if it has shrunk.
func (r *Result) perConnection(process string, before, after usage) {
	if grown := after.rss - before.rss; grown > 0 {
		r.more(process+"_rss_bytes_per_connection", float64(grown)/float64(r.Operations))
	}
}
