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
	// fullBucket is the intended maximum of rows in a bucket. The actual maximum is higher by the rows that are written
	// while a change of width takes effect: see grace.
	fullBucket = 35_000
	// manyServers is the number of servers that this one assumes to write as much to a log as itself, before it has
	// counted.
	manyServers = 16
	// paceWindow is the time over which rows are counted to compute a rate.
	paceWindow = time.Second
	// quietTime is how long a log has to be quieter before its buckets get wider, and how often that is checked.
	quietTime = 10 * time.Minute
	// quieter is how much quieter: rows that fill only 1/quieter of the wider bucket do not make it narrow again soon.
	quieter = 16
	// fewRows fill 1/quieter of a bucket. About as many rows are counted to find out that a log is quiet.
	fewRows = fullBucket / quieter
	// patience is the number of wider buckets for which a log has to be quieter: nights, weekends and seasons recur.
	patience = 3
	// maxPlanned is how many widths a plan may have before the last one. Each costs two transactions, and every reader
	// of the log reads all of them.
	maxPlanned = 32
	// lookAgain is the time between a failed look at the past of a log and the next one.
	lookAgain = time.Minute
)

const day = 24 * time.Hour

// spans are all widths, widest first.
var spans = []time.Duration{364 * day, 112 * day, 28 * day, 7 * day, day, 6 * time.Hour, time.Hour, 10 * time.Minute,
	2 * time.Minute, 45 * time.Second, 15 * time.Second, 5 * time.Second, time.Second}

// nested are the spans whose buckets fit exactly into one of the next wider span: a plan divides whole buckets.
var nested = slices.DeleteFunc(slices.Clone(spans), func(s time.Duration) bool { return s == 112*day || s == 45*time.Second })

// spanFor returns the widest span whose buckets do not get too full at a rate, in rows a second.
func spanFor(rate float64) time.Duration {
	for _, s := range spans {
		if rate*s.Seconds() <= fullBucket {
			return s
		}
	}
	return spans[len(spans)-1]
}

// narrower returns the span a log should have, given the rate of all servers now, their average rate since the bucket
// began, and the number of rows in the bucket. change is false if the present span will do.
func narrower(now time.Duration, rate, average float64, rows int) (span time.Duration, change bool) {
	if float64(rows)+rate*lead.Seconds() < fullBucket {
		return now, false
	}
	span = spanFor(max(rate, average))
	return span, span < now
}

// past is what is known of a log's past: the number of rows of a period. If the period is zero, nothing is known.
type past struct {
	rows float64
	over time.Duration
}

// wider is the rule for wider buckets. They get wider one step at a time. The condition is that the rows of the last
// patience wider buckets, and of at least quietTime, would fill only a small part of these.
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

// plan is the rule for a log whose past is known before any other server knows the log. It returns the widths and the
// moments from which they hold, oldest first; none if the default will do. Each is the widest whose buckets do not get
// too full, so that a page of a sparse past is read from few buckets. The default holds again from the end of the past,
// and from now at the latest.
func plan(history []chat.Bin, now time.Time) id.Widths {
	history = slices.DeleteFunc(slices.Clone(history), func(b chat.Bin) bool { return b.From.After(now) })
	if len(history) == 0 {
		return nil
	}
	slices.SortFunc(history, func(a, b chat.Bin) int { return a.From.Compare(b.From) })
	// If there would be too many changes of width, the ones that hold longest stay.
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

// divide plans widths for bins from a moment on. It uses buckets of the first of widths, and replaces each that would
// be too full by narrower ones. Buckets that are not longer than shortest are not divided.
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

// fits reports whether one bucket may hold bins. Bins of one moment cannot be divided.
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
	since  time.Time // when the first of them was written

	window     time.Time
	windowRows int

	asking    bool
	askedRows int     // rows and rate of the last question
	askedRate float64 //
	share     float64 // this server's part of all rows, from its answer
	counted   count   // of the bucket's rows
	known     bool    // whether counted is the answer to a question

	opened    bool // a bucket was opened, and no look at the past has begun since
	looking   bool
	lookFrom  time.Time // not before
	quiet     time.Time // rows counted since the last look
	quietRows int
}

// count is how many rows a bucket had, and how many of them this server had put there since it first used the bucket.
type count struct{ rows, ours int }

// question asks whether a log's buckets have become too wide. It holds what the server knows of its own rows.
type question struct {
	rate    float64 // rows a second of this server
	rows    int     // of this server in the bucket
	average float64 // rate since the bucket opened
	counted count
	known   bool // whether counted will do
}

// add counts n rows put into b. It returns a question when it is time for one; the caller has to end it with done.
func (p *pace) add(b id.Bucket, n int, now time.Time) *question {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.window.IsZero() {
		p.bucket, p.since, p.window, p.quiet = b, now, now, now
		p.opened, p.share = true, 1
	}
	if b < p.bucket {
		return nil // a late message, or an import
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
	// Other servers may write as much as this one. The answer finds out whether they do.
	if p.asking || float64(p.counted.rows)+manyServers*(float64(p.rows-p.counted.ours)+rate*lead.Seconds()) < fullBucket {
		return nil
	}
	// The question is repeated only when rate or rows have changed.
	if p.askedRate > 0 && rate < 1.25*p.askedRate && float64(p.rows-p.askedRows) < p.share*fullBucket/10 {
		return nil
	}
	p.asking, p.askedRate, p.askedRows = true, rate, p.rows
	return &question{
		rate: rate, rows: p.rows, average: float64(p.rows-n) / max(now.Sub(p.since), paceWindow).Seconds(),
		counted: p.counted, known: p.known,
	}
}

// answer answers a question: this server's part of all rows, and the number of rows in the bucket.
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

// fit returns the span a log should have, by the answer to a question about a bucket of some age.
func (q *question) fit(now time.Duration, a answer, age time.Duration) (span time.Duration, change bool) {
	rows := float64(a.counted.rows) + float64(q.rows-a.counted.ours)/a.share
	// Rows were written while others were counted. In a bucket that has just been opened these make the rate too high.
	average := max(q.average/a.share, rows/max(age, lead).Seconds())
	return narrower(now, q.rate/a.share, average, int(rows))
}

// view is what a server knows of a log when it starts to look at the log's past.
type view struct {
	past     // rows of this server since the last look
	ours int // rows of this server in the present bucket
	at   time.Time
}

// look returns a view when it is time to look at the past: after a bucket was opened, including the first that this
// server uses. The caller has to end the view with looked.
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

// looked ends a view. ok is false if the look has to be repeated; otherwise there is the number of rows in b.
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
