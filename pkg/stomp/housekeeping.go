package stomp

import (
	"time"

	"github.com/confab-chat/confab/pkg/guard"
)

// housekeep is the one clock of all connections: heart-beats due, clients gone silent, writes that
// hang, polls that stopped.
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

// check does for one connection what time brings.
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
	// Early, because clients close after twice the time and not all clocks are good.
	if out := time.Duration(c.beatOut.Load()); out > 0 && silent >= out-out/4 {
		c.beat(entry{enc: c.enc.whole(lineFeed)})
		return
	}
	if after, beat := c.via.silence(); after > 0 && silent >= after {
		c.beat(beat)
	}
}

// beat writes something so as to have written; nothing if something is under way anyhow.
func (c *conn) beat(e entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.queue.n == 0 && c.writing.Load() == 0 {
		c.push(e)
	}
}
