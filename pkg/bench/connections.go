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
		r.perConnection("server", before, after)
	}
	if after, ok := usageOf(os.Getpid()); ok {
		r.perConnection("client", self, after)
	}
	closeListeners(ls)
	_ = idle.Wait() // they end because they are closed
	return r, nil
}

// perConnection notes how much a process has grown for each of r.Operations connections; nothing if it has shrunk.
func (r *Result) perConnection(process string, before, after usage) {
	if grown := after.rss - before.rss; grown > 0 {
		r.more(process+"_rss_bytes_per_connection", float64(grown)/float64(r.Operations))
	}
}
