package cassandra

import (
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

const (
	// fullBucket is how many rows a bucket is meant to have at most. The greatest number there will be is
	// higher by what is written while a change of width takes effect: see grace.
	fullBucket = 35_000
	// manyServers is how many may write to a log as much as this one does before it knows anything of them.
	manyServers = 16
	// paceWindow is the time over which rows are counted to tell a rate.
	paceWindow = time.Second
	// quietTime is how long a log has to be quieter before its buckets get wider, and how often that is looked at.
	quietTime = 10 * time.Minute
	// quieter is by how much: what would fill this part of the wider bucket is no reason to make it narrow again soon.
	quieter = 16
	// fewRows are no more than would fill that part of a bucket: about as many are counted to know that a log is quiet.
	fewRows = fullBucket / quieter
	// patience is for how many of the wider buckets: nights, weekends and seasons come back.
	patience = 3
	// maxPlanned is how many widths a plan may have before the last one: each costs two transactions, and whoever reads
	// the log reads all of them.
	maxPlanned = 32
	// lookAgain is how long a look at the past that failed is left alone.
	lookAgain = time.Minute
)

const day = 24 * time.Hour

// spans are the widths there are, widest first.
var spans = []time.Duration{364 * day, 112 * day, 28 * day, 7 * day, day, 6 * time.Hour, time.Hour, 10 * time.Minute,
	2 * time.Minute, 45 * time.Second, 15 * time.Second, 5 * time.Second, time.Second}

// nested are those of spans that end where the next wider one does: buckets of a plan are divided whole.
var nested = slices.DeleteFunc(slices.Clone(spans), func(s time.Duration) bool { return s == 112*day || s == 45*time.Second })

// spanFor returns the widest span whose buckets do not get too full at that many rows a second.
func spanFor(rate float64) time.Duration {
	for _, s := range spans {
		if rate*s.Seconds() <= fullBucket {
			return s
		}
	}
	return spans[len(spans)-1]
}

// narrower says which span a log should have, given the whole rate, the average rate at which the rows of its
// bucket came, and how many these are by now. change is false if the one it has will do.
func narrower(now time.Duration, rate, average float64, rows int) (span time.Duration, change bool) {
	if float64(rows)+rate*lead.Seconds() < fullBucket {
		return now, false
	}
	span = spanFor(max(rate, average))
	return span, span < now
}

// past is what is known of a log's past: as many rows came in that time. Nothing is known if that is zero.
type past struct {
	rows float64
	over time.Duration
}

// wider is the rule for wider buckets: one step at a time, and only if in the whole time of patience wider
// buckets, and of quietTime, so few rows came that they would not nearly fill these.
func wider(now time.Duration, p past) (span time.Duration, change bool) {
	span, over := step(now)
	if span == now || p.over < over {
		return now, false
	}
	if p.rows*quieter*span.Seconds() > fullBucket*p.over.Seconds() {
		return now, false
	}
	return span, true
}

// step returns the next wider span, and the time that has to be known before it is taken.
func step(now time.Duration) (span, over time.Duration) {
	i := slices.IndexFunc(spans, func(s time.Duration) bool { return s <= now })
	if i > 0 {
		now = spans[i-1]
	}
	return now, max(patience*now, quietTime)
}

// plan is the rule for a log whose past is known before anybody else knows the log: from which moments on it has which
// widths, oldest first; none if the default does. Each is the widest whose buckets do not get too full, so that
// a page of a sparse past is read from few of them. The default comes again where the past ends, and now at the latest.
func plan(history []chat.Bin, now time.Time) id.Widths {
	history = slices.DeleteFunc(slices.Clone(history), func(b chat.Bin) bool { return b.From.After(now) })
	if len(history) == 0 {
		return nil
	}
	slices.SortFunc(history, func(a, b chat.Bin) int { return a.From.Compare(b.From) })
	// Where widths would change too often, the changes that last longest stay.
	var p planned
	for _, shortest := range []time.Duration{0, day, 28 * day, nested[0]} {
		p = nil
		p.divide(history, beginning(history[0], nested[0]), nested, shortest)
		if len(p) <= maxPlanned {
			break
		}
	}
	if len(p) > maxPlanned {
		p = nil
		p.even(history, beginning(history[0], nested[0]), nested)
	}
	end := history[len(history)-1].From.Add(day)
	if end.After(now) {
		end = now
	}
	p.add(end.UnixMilli(), id.DefaultWidths.Newest())
	return id.Widths(p)
}

// planned is the beginning of a plan.
type planned id.Widths

// add ends the last width, if there is to be another one from a moment on.
func (p *planned) add(from int64, span time.Duration) {
	last := id.DefaultWidths.Newest()
	if len(*p) > 0 {
		last = id.Widths(*p).Newest()
	}
	if span != last {
		*p = append(*p, id.Width{From: from, Span: span.Milliseconds()})
	}
}

// divide plans for bins from a moment on: buckets of the first of some widths, and in place of each that would be too
// full narrower ones. Nothing changes within buckets that are not longer than the shortest that may be divided.
func (p *planned) divide(bins []chat.Bin, from int64, widths []time.Duration, shortest time.Duration) {
	for b := range buckets(bins, widths[0]) {
		start := max(from, beginning(b[0], widths[0]))
		switch {
		case fits(b) || len(widths) == 1:
			p.add(start, widths[0])
		case widths[0] <= shortest:
			p.even(b, start, widths[1:])
		default:
			p.divide(b, start, widths[1:], shortest)
		}
	}
}

// even plans one width for all bins.
func (p *planned) even(bins []chat.Bin, from int64, widths []time.Duration) {
	for i, span := range widths {
		full := false
		for b := range buckets(bins, span) {
			full = full || !fits(b)
		}
		if !full || i == len(widths)-1 {
			p.add(from, span)
			return
		}
	}
}

// buckets divides bins, which are in order, by the buckets of a width.
func buckets(bins []chat.Bin, span time.Duration) iter.Seq[[]chat.Bin] {
	return func(yield func([]chat.Bin) bool) {
		for len(bins) > 0 {
			end := beginning(bins[0], span) + span.Milliseconds()
			n := 1
			for n < len(bins) && bins[n].From.UnixMilli() < end {
				n++
			}
			if !yield(bins[:n]) {
				return
			}
			bins = bins[n:]
		}
	}
}

// beginning returns when the bucket of a width begins that a bin is in.
func beginning(b chat.Bin, span time.Duration) int64 {
	width := id.Width{Span: span.Milliseconds()}
	end, _ := id.Widths{width}.Span(id.Bucket(b.From.UnixMilli()))
	return end - width.Span
}

// fits reports whether a bucket of some bins will do. Those of one moment cannot be divided.
func fits(bins []chat.Bin) bool {
	rows := 0
	for _, b := range bins {
		rows += b.Messages
	}
	return rows <= fullBucket || bins[0].From.Equal(bins[len(bins)-1].From)
}

// pace counts what this server writes to a log.
type pace struct {
	mu     sync.Mutex
	bucket id.Bucket
	rows   int       // put into that bucket
	since  time.Time // the first of them

	window     time.Time
	windowRows int

	asking    bool
	askedRows int     // and what it was about last time
	askedRate float64 //
	share     float64 // the part of all rows that was ours then
	counted   count   // of the bucket's rows
	known     bool    // whether that was for a question

	opened    bool // a bucket was, and nobody has looked at the past since
	looking   bool
	lookFrom  time.Time // not before
	quiet     time.Time // rows counted since the last look
	quietRows int
}

// count is how many rows a bucket had, and how many of them this server had put there since it knows the bucket.
type count struct{ rows, ours int }

// question is what a server asks itself when a log's buckets may have become too wide.
type question struct {
	rate    float64 // rows a second of this server
	rows    int     // of this server in the bucket
	average float64 // rate since the bucket opened
	counted count
	known   bool // whether that will do
}

// add counts n rows put into b, and returns a question when it is time for one. It has to be
// answered with done.
func (p *pace) add(b id.Bucket, n int, now time.Time) *question {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.window.IsZero() {
		p.bucket, p.since, p.window, p.quiet = b, now, now, now
		p.opened, p.share = true, 1
	}
	if b < p.bucket {
		return nil // late, or an import
	}
	if b > p.bucket {
		p.bucket, p.rows, p.since, p.counted, p.known, p.askedRows = b, 0, now, count{}, false, 0
		p.opened = true
	}
	p.rows, p.windowRows, p.quietRows = p.rows+n, p.windowRows+n, p.quietRows+n
	took := now.Sub(p.window)
	if took < paceWindow {
		return nil
	}
	rate := float64(p.windowRows-n) / took.Seconds()
	p.window, p.windowRows = now, n
	// Others may write as much as we do: the answer finds out.
	if p.asking || float64(p.counted.rows)+manyServers*(float64(p.rows-p.counted.ours)+rate*lead.Seconds()) < fullBucket {
		return nil
	}
	// The same question again makes sense when something has changed.
	if p.askedRate > 0 && rate < 1.25*p.askedRate && float64(p.rows-p.askedRows) < p.share*fullBucket/10 {
		return nil
	}
	p.asking, p.askedRate, p.askedRows = true, rate, p.rows
	return &question{
		rate: rate, rows: p.rows, average: float64(p.rows-n) / max(now.Sub(p.since), paceWindow).Seconds(),
		counted: p.counted, known: p.known,
	}
}

// answer is what was found out about a question: the part of all rows that is ours, and what is in the bucket.
type answer struct {
	share   float64
	counted count
	known   bool // whether counted is
}

// done ends a question about b.
func (p *pace) done(b id.Bucket, a answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asking = false
	if a.share > 0 {
		p.share = a.share
	}
	if a.known && p.bucket == b {
		p.counted, p.known = a.counted, true
	}
}

// fit answers a question about a bucket that is that old: which span the log should have.
func (q *question) fit(now time.Duration, a answer, age time.Duration) (span time.Duration, change bool) {
	rows := float64(a.counted.rows) + float64(q.rows-a.counted.ours)/a.share
	// Rows went on coming while they were counted: that says nothing of a bucket that has just been opened.
	average := max(q.average/a.share, rows/max(age, lead).Seconds())
	return narrower(now, q.rate/a.share, average, int(rows))
}

// view is what a server knows when it looks at the past of a log.
type view struct {
	past     // what it wrote itself since the last look
	ours int // and into the present bucket
	at   time.Time
}

// look returns a view when it is time for one: after a bucket was opened, the first one that this server sees too.
// It has to be answered with looked.
func (p *pace) look(now time.Time) *view {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.opened || p.looking || now.Before(p.lookFrom) {
		return nil
	}
	v := &view{past{float64(p.quietRows), now.Sub(p.quiet)}, p.rows, now}
	p.opened, p.looking, p.lookFrom = false, true, now.Add(quietTime)
	return v
}

// looked ends a view. ok is false if it has to be done again; else there are so many rows in b.
func (p *pace) looked(b id.Bucket, v *view, there int, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.looking = false
	if !ok {
		p.opened, p.lookFrom = true, v.at.Add(lookAgain)
		return
	}
	p.quiet, p.quietRows = v.at, p.quietRows-int(v.rows)
	if b == p.bucket && !p.known {
		p.counted = count{there, v.ours}
	}
}
