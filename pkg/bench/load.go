package bench

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// refused is an answer that says no. The load goes on; other errors end it.
type refused struct {
	why    string
	status int
}

func (r refused) Error() string { return r.why }

// answered turns an answer into nil or a refusal.
func answered(status int, body []byte) error {
	if status/100 == 2 {
		return nil
	}
	return refused{why: fmt.Sprintf("status %d: %.200s", status, body), status: status}
}

// closedLoop runs op over and over in o.Clients goroutines, each with its own
// number, and measures it: o.Count times, or for o.Duration after o.Warmup.
func closedLoop(ctx context.Context, o Options, name string, op func(ctx context.Context, client int) error) (Result, error) {
	var (
		r         = Result{Name: name}
		hist      Histogram
		started   atomic.Int64
		failed    atomic.Int64
		all       atomic.Int64 // operations, warm-up included
		measuring atomic.Bool
		first     sync.Once
	)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, gctx := errgroup.WithContext(ctx)
	stop := make(chan struct{})
	var m meter
	if o.Count > 0 {
		m = startMeter(o.PID)
		measuring.Store(true)
	}
	for c := range o.Clients {
		g.Go(func() error {
			for gctx.Err() == nil {
				select {
				case <-stop:
					return nil
				default:
				}
				if o.Count > 0 && started.Add(1) > o.Count {
					return nil
				}
				counts := measuring.Load()
				t0 := time.Now()
				err := op(gctx, c)
				took := time.Since(t0)
				all.Add(1)
				var no refused
				switch {
				case errors.As(err, &no):
					if counts {
						failed.Add(1)
					}
					first.Do(func() { r.FirstError = no.why })
				case err != nil:
					return err
				case counts && (o.Count > 0 || measuring.Load()):
					hist.Add(took)
				}
			}
			return gctx.Err()
		})
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		from := time.Now()
		for {
			if o.Count > 0 {
				o.Progress(min(started.Load(), o.Count), o.Count, name)
			} else {
				o.Progress(int64(time.Since(from)), int64(o.Warmup+o.Duration), name)
			}
			select {
			case <-tick.C:
			case <-gctx.Done():
				return
			case <-stop:
				return
			}
		}
	}()
	if o.Count == 0 {
		wait(gctx, o.Warmup)
		m = startMeter(o.PID)
		measuring.Store(true)
		wait(gctx, o.Duration)
		measuring.Store(false)
		r.Operations, r.Errors = hist.Count(), failed.Load()
		m.stop(&r)
		close(stop)
	}
	err := g.Wait()
	if o.Count > 0 {
		r.Operations, r.Errors = hist.Count(), failed.Load()
		m.stop(&r)
	}
	cancel()
	<-ended
	r.Latency = hist.Latency()
	r.more("all_operations", float64(all.Load()))
	if err == nil && r.Operations == 0 {
		err = fmt.Errorf("nothing worked: %s", r.FirstError)
	}
	return r, err
}

// wait returns after d, or when ctx ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// client is one connection of a load, connected anew when the server closed it.
type client struct {
	url  *url.URL
	wire *wire
}

func (c *client) do(ctx context.Context, request []byte) error {
	if c.wire == nil {
		conn, err := dial(ctx, c.url)
		if err != nil {
			return err
		}
		c.wire = newWire(conn)
	}
	status, body, err := c.wire.do(request)
	if err != nil {
		c.close()
		return err
	}
	if c.wire.end {
		c.close()
	}
	return answered(status, body)
}

// body is the body of the last answer, until the next.
func (c *client) body() []byte {
	if c.wire == nil {
		return nil
	}
	return c.wire.body
}

func (c *client) close() {
	if c.wire != nil {
		_ = c.wire.conn.Close() // nothing that was measured depends on it
		c.wire = nil
	}
}

// clients makes n of them and connects them.
func clients(ctx context.Context, u *url.URL, n int) ([]*client, error) {
	cs := make([]*client, n)
	for i := range cs {
		conn, err := dial(ctx, u)
		if err != nil {
			closeAll(cs)
			return nil, err
		}
		cs[i] = &client{url: u, wire: newWire(conn)}
	}
	return cs, nil
}

func closeAll(cs []*client) {
	for _, c := range cs {
		if c != nil {
			c.close()
		}
	}
}
