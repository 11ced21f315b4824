package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// mark precedes a publish's number in its content; numbers have a fixed width so
// that requests keep their length.
const (
	mark       = "publish #"
	markDigits = 10
)

// maxPublishes bounds a run, so that what is known of each publish can be kept beforehand.
const maxPublishes = 1 << 20

// Live measures fan-out in one room: o.Subscribers STOMP connections, a publisher that posts over
// HTTP, o.InFlight publishes not yet delivered to all. The latency is that of each delivery, from just
// before the post is sent to when the subscriber has read it. Operations are deliveries; every
// subscriber has to get every publish once.
func Live(ctx context.Context, o Options) (Result, error) {
	o.Rooms = 1
	s, err := setUp(ctx, o)
	if err != nil {
		return Result{}, err
	}
	defer s.tearDown(ctx)
	return s.live(ctx, "live")
}

// fanout is the state that publishers and subscribers of a run share.
type fanout struct {
	subscribers int
	start       time.Time
	sent        []atomic.Int64  // by publish: nanoseconds after start
	open        []atomic.Int32  // by publish: deliveries to come
	owner       []atomic.Int32  // by publish: its publisher
	whole       []chan struct{} // by publisher: its publish has been delivered to all
	next        atomic.Int64    // publish
	from, to    atomic.Int64    // publishes that are measured: [from, to)
	each, last  Histogram
	delivered   atomic.Int64 // measured ones
	twice       atomic.Int64
	strange     atomic.Int64 // deliveries of no publish of this run
}

func (s *stage) live(ctx context.Context, name string) (Result, error) {
	o := s.o
	r := Result{Name: name, Setting: fmt.Sprintf("%d subscribers, %d in flight, %d bytes", o.Subscribers, o.InFlight, o.MessageBytes)}
	limit := int64(maxPublishes)
	if o.Count > 0 {
		limit = min(o.Count, limit)
	}
	f := &fanout{
		subscribers: o.Subscribers, start: time.Now(),
		sent: make([]atomic.Int64, limit), open: make([]atomic.Int32, limit), owner: make([]atomic.Int32, limit),
		whole: make([]chan struct{}, o.InFlight),
	}
	for i := range f.open {
		f.open[i].Store(int32(o.Subscribers))
	}
	for i := range f.whole {
		f.whole[i] = make(chan struct{}, 1)
	}
	f.to.Store(limit)
	listeners, err := s.listeners(ctx, o.Subscribers)
	defer closeListeners(listeners)
	if err != nil {
		return r, err
	}
	publishers, err := clients(ctx, s.url, o.InFlight)
	if err != nil {
		return r, err
	}
	defer closeAll(publishers)

	receiving, hctx := errgroup.WithContext(ctx)
	for _, l := range listeners {
		receiving.Go(func() error { return f.receive(l) })
	}
	stopHearing := context.AfterFunc(hctx, func() { closeListeners(listeners) })
	defer stopHearing()

	err = f.publishAll(hctx, s, publishers, limit, &r)
	if err == nil {
		// The receipt comes behind all deliveries: what has not come by then never does.
		for _, l := range listeners {
			if err = l.unsubscribe(); err != nil {
				break
			}
			_ = l.conn.SetReadDeadline(time.Now().Add(answerTime))
		}
	}
	if err != nil {
		closeListeners(listeners)
	}
	received := receiving.Wait()
	if received != nil && (err == nil || errors.Is(err, context.Canceled)) {
		err = received
	}
	r.Latency = f.each.Latency()
	missing := int64(0)
	for i := range min(f.next.Load(), limit) {
		missing += max(0, int64(f.open[i].Load()))
	}
	r.Errors = missing + f.twice.Load() + f.strange.Load()
	r.more("missing", float64(missing))
	r.more("twice", float64(f.twice.Load()))
	whole := f.last.Latency()
	r.more("whole_room_p50_us", whole.P50)
	r.more("whole_room_p99_us", whole.P99)
	r.more("publishes_per_second", float64(f.last.Count())/max(r.Seconds, 1e-9))
	if err == nil && missing > 0 {
		err = fmt.Errorf("%d deliveries are missing", missing)
	}
	return r, err
}

// publishAll publishes until the end of the run, and measures it.
func (f *fanout) publishAll(ctx context.Context, s *stage, publishers []*client, limit int64, r *Result) error {
	o := s.o
	deadline := make(chan struct{})
	m := startMeter(o.PID)
	g, gctx := errgroup.WithContext(ctx)
	if o.Count == 0 {
		f.from.Store(limit)
		g.Go(func() error {
			defer close(deadline)
			wait(gctx, o.Warmup)
			m = startMeter(o.PID)
			f.from.Store(f.next.Load())
			wait(gctx, o.Duration)
			f.to.Store(f.next.Load())
			r.Operations = f.delivered.Load()
			m.stop(r)
			return nil
		})
	}
	for i, p := range publishers {
		template, err := postRequest(s.url, s.rooms[0], s.cookie(i), mark+fmt.Sprintf("%0*d ", markDigits, 0)+content(o.MessageBytes)[minMessage:])
		if err != nil {
			return err
		}
		at := bytes.Index(template, []byte(mark)) + len(mark)
		g.Go(func() error {
			for gctx.Err() == nil {
				select {
				case <-deadline:
					return nil
				default:
				}
				n := f.next.Add(1) - 1
				if n >= limit && o.Count == 0 {
					return fmt.Errorf("more than %d publishes: measure a shorter time", limit)
				}
				if n >= limit {
					return nil
				}
				f.owner[n].Store(int32(i))
				copy(template[at:], fmt.Appendf(nil, "%0*d", markDigits, n))
				f.sent[n].Store(int64(time.Since(f.start)))
				if err := p.do(gctx, template); err != nil {
					return err
				}
				if n%16 == 0 {
					o.Progress(n, o.Count, r.Name)
				}
				t := time.NewTimer(o.DeliveryTime)
				select {
				case <-f.whole[i]:
				case <-gctx.Done():
				case <-t.C:
					return fmt.Errorf("publish %d was not delivered to %d of %d subscribers within %s", n, f.open[n].Load(), f.subscribers, o.DeliveryTime)
				}
				t.Stop()
			}
			return gctx.Err()
		})
	}
	err := g.Wait()
	if o.Count > 0 {
		r.Operations = f.delivered.Load()
		m.stop(r)
	}
	return err
}

// receive reads deliveries until the receipt of the unsubscription.
func (f *fanout) receive(l *listener) error {
	var seen numbers
	for {
		fr, err := l.frames.next()
		if err != nil {
			return err
		}
		switch fr.command {
		case "MESSAGE":
			f.count(fr.body, &seen)
		case "RECEIPT":
			return nil
		default:
			return fmt.Errorf("a subscriber got %s %s", fr.command, fr.message)
		}
	}
}

// count takes one delivery; seen is the subscriber's own.
func (f *fanout) count(body []byte, seen *numbers) {
	now := int64(time.Since(f.start))
	at := bytes.Index(body, []byte(mark))
	if at < 0 {
		return // a system message
	}
	digits := body[at+len(mark):]
	n, err := strconv.ParseInt(string(digits[:min(markDigits, len(digits))]), 10, 64)
	if err != nil || n < 0 || n >= f.next.Load() || n >= int64(len(f.sent)) {
		f.strange.Add(1)
		return
	}
	if !seen.add(n) {
		f.twice.Add(1)
		return
	}
	took := time.Duration(now - f.sent[n].Load())
	measured := n >= f.from.Load() && n < f.to.Load()
	if measured {
		f.each.Add(took)
		f.delivered.Add(1)
	}
	if f.open[n].Add(-1) == 0 {
		if measured {
			f.last.Add(took)
		}
		f.whole[f.owner[n].Load()] <- struct{}{}
	}
}

// numbers is a set of small numbers.
type numbers []uint64

// add reports whether n is new to the set.
func (s *numbers) add(n int64) bool {
	for int64(len(*s)) <= n/64 {
		*s = append(*s, 0)
	}
	word, bit := &(*s)[n/64], uint64(1)<<(n%64)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	return true
}

// listeners connects n subscribers to the first room.
func (s *stage) listeners(ctx context.Context, n int) ([]*listener, error) {
	ls := make([]*listener, n)
	var done atomic.Int64
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for i := range ls {
		g.Go(func() (err error) {
			ls[i], err = listen(gctx, s.url, s.cookie(i), "/topic/messages/"+s.rooms[0])
			s.o.Progress(done.Add(1), int64(n), "connecting")
			return err
		})
	}
	return ls, g.Wait()
}

func closeListeners(ls []*listener) {
	for _, l := range ls {
		if l != nil {
			_ = l.conn.Close() // read errors that follow are expected
		}
	}
}
