package cassandra

import (
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/id"
)

const (
	// fullBucket is how many rows a bucket is meant to have at most. The greatest number there will be is
	// higher by what is written while a change of width takes effect: see grace.
	fullBucket = 35_000
	// paceWindow is the time over which rows are counted to tell a rate.
	paceWindow = time.Second
	// quietTime is how long a log has to be quieter before its buckets get wider again.
	quietTime = 10 * time.Minute
	// quieter is by how much: a rate that moves a little changes nothing.
	quieter = 4
)

// spans are the widths there are, widest first.
var spans = []time.Duration{7 * 24 * time.Hour, 24 * time.Hour, 6 * time.Hour, time.Hour, 10 * time.Minute,
	2 * time.Minute, 45 * time.Second, 15 * time.Second, 5 * time.Second, time.Second}

// spanFor returns the widest span whose buckets do not get too full at that many rows a second.
func spanFor(rate float64) time.Duration {
	for _, s := range spans {
		if rate*s.Seconds() <= fullBucket {
			return s
		}
	}
	return spans[len(spans)-1]
}

// pace counts what this server writes to a log.
type pace struct {
	mu     sync.Mutex
	bucket id.Bucket
	rows   int       // put into that bucket
	since  time.Time // the first of them

	window     time.Time
	windowRows int
	quiet      time.Time
	quietRows  int

	asking    bool
	askedRows int     // and what it was about last time
	askedRate float64 //
	before    int     // rows that the bucket had, and that others put there, when they were counted
	known     bool    // whether they were
}

// question is what a server asks itself when a log's widths may no longer fit.
type question struct {
	rate    float64 // rows a second of this server
	rows    int     // of this server in the bucket
	before  int     // others in it
	known   bool    // whether before is
	average float64 // rate since the bucket opened
	wider   bool    // whether it is about wider buckets
}

// add counts n rows put into b, and returns a question when it is time for one. It has to be
// answered with done.
func (p *pace) add(b id.Bucket, n int, now time.Time) *question {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.window.IsZero() {
		p.bucket, p.since, p.window, p.quiet = b, now, now, now
	}
	if b < p.bucket {
		return nil // late, or an import
	}
	turned := b > p.bucket
	if turned {
		p.bucket, p.rows, p.since, p.before, p.known, p.askedRows = b, 0, now, 0, false, 0
	}
	p.rows, p.windowRows, p.quietRows = p.rows+n, p.windowRows+n, p.quietRows+n
	if turned && now.Sub(p.quiet) >= quietTime && !p.asking {
		q := &question{rate: float64(p.quietRows) / now.Sub(p.quiet).Seconds(), wider: true}
		p.quiet, p.quietRows, p.asking = now, 0, true
		return q
	}
	took := now.Sub(p.window)
	if took < paceWindow {
		return nil
	}
	rate := float64(p.windowRows-n) / took.Seconds()
	p.window, p.windowRows = now, n
	// Others may write as much as we do: the answer finds out.
	if p.asking || 4*(float64(p.rows+p.before)+rate*lead.Seconds()) < fullBucket {
		return nil
	}
	// The same question again makes sense when something has changed.
	if p.askedRate > 0 && rate < 1.25*p.askedRate && p.rows-p.askedRows < fullBucket/10 {
		return nil
	}
	p.asking, p.askedRate, p.askedRows = true, rate, p.rows
	return &question{rate: rate, rows: p.rows, before: p.before, known: p.known, average: float64(p.rows-n) / max(now.Sub(p.since), paceWindow).Seconds()}
}

// done ends a question; before is what else was found in bucket b, if known.
func (p *pace) done(b id.Bucket, before int, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asking = false
	if known && p.bucket == b {
		p.before, p.known = before, true
	}
}

// verdict says which span a log should have, given the whole rate, the rows that its bucket has by
// now, and the average rate at which these came. change is false if the one it has will do.
func verdict(now time.Duration, rate, average float64, rows int, wider bool) (span time.Duration, change bool) {
	if wider {
		span = spanFor(rate * quieter)
		return span, span > now
	}
	if float64(rows)+rate*lead.Seconds() < fullBucket {
		return now, false
	}
	span = spanFor(max(rate, average))
	return span, span < now
}
