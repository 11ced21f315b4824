package bench

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
)

// Connections measures idle STOMP connections with one subscription each. An
// operation is to connect one, 16 at a time; the memory of the server (o.PID) is read before
// the first and o.Settle after the last.
func Connections(ctx context.Context, o Options) (Result, error) {
	o.Rooms = 1
	s, err := setUp(ctx, o)
	if err != nil {
		return Result{}, err
	}
	defer s.tearDown(ctx)
	o = s.o
	r := Result{Name: "connections", Setting: fmt.Sprintf("%d connections, 1 subscription each", o.Connections)}
	before, _ := usageOf(o.PID)
	self, _ := usageOf(os.Getpid())
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

	// They are read meanwhile, as pings want answers; none may end.
	idle, ictx := errgroup.WithContext(ctx)
	for _, l := range ls {
		idle.Go(func() error {
			for {
				if _, err := l.frames.next(); err != nil {
					return err
				}
			}
		})
	}
	o.Progress(0, 0, "idle")
	wait(ictx, o.Settle)
	if ictx.Err() != nil {
		closeListeners(ls)
		return r, fmt.Errorf("a connection has ended: %w", idle.Wait())
	}
	if after, ok := usageOf(o.PID); ok && o.PID > 0 {
		r.ServerRSS = after.rss
		r.more("server_rss_bytes_per_connection", float64(after.rss-before.rss)/float64(len(ls)))
	}
	if after, ok := usageOf(os.Getpid()); ok {
		r.more("client_rss_bytes_per_connection", float64(after.rss-self.rss)/float64(len(ls)))
	}
	closeListeners(ls)
	_ = idle.Wait() // they end because they are closed
	return r, nil
}
