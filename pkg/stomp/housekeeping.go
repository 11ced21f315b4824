package stomp

import (
	"time"

	"github.com/confab-chat/confab/pkg/guard"
)

// housekeep does the periodic work for all connections. It sends heart-beats that are due, and ends connections whose
// client has gone silent, whose write hangs, or whose session is not polled any more.
func (s *Server) housekeep() {
	every := 500 * time.Millisecond
	for _, d := range []time.Duration{s.opts.HeartBeat, s.opts.PollTimeout, s.opts.SockJSHeartBeat, s.opts.ConnectTimeout, s.opts.WriteTimeout} {
		if d > 0 {
			every = min(every, max(d/8, 5*time.Millisecond))
		}
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	var conns []*conn
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
		}
		s.mu.Lock()
		conns = append(conns[:0], s.conns...)
		s.mu.Unlock()
		now := s.now()
		for i, c := range conns {
			if !guard.Run(s.log, "the time of a connection", func() { c.check(now) }) {
				c.abandon()
			}
			conns[i] = nil
		}
		guard.Run(s.log, "polling sessions", func() { s.checkPolls(now) })
	}
}

var lineFeed = "\n"

// check does the periodic work for one connection.
func (c *conn) check(now time.Time) {
	o := &c.srv.opts
	ns := now.UnixNano()
	if since := c.writing.Load(); since != 0 && time.Duration(ns-since) > o.WriteTimeout {
		c.abandon()
		return
	}
	if !c.connected.Load() && now.Sub(c.opened) > o.ConnectTimeout {
		c.fail("no CONNECT", "", endPolicy)
		return
	}
	if in := c.beatIn.Load(); in > 0 && ns-c.lastRead.Load() > 2*in+int64(o.HeartBeat)/4 {
		c.fail("no heart-beat", "", endPolicy)
		return
	}
	silent := time.Duration(ns - c.lastWrite.Load())
	// The heart-beat is sent early, because clients close after twice the interval and clocks are not exact.
	if out := time.Duration(c.beatOut.Load()); out > 0 && silent >= out-out/4 {
		c.beat(entry{enc: c.enc.whole(lineFeed)})
		return
	}
	if after, beat := c.via.silence(); after > 0 && silent >= after {
		c.beat(beat)
	}
}

// beat queues a heart-beat, unless other data is queued or being written anyway.
func (c *conn) beat(e entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.queue.n == 0 && c.writing.Load() == 0 {
		c.push(e)
	}
}
