package cassandra

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/singleflight"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
)

// How all servers agree on the buckets of a log, although widths change and nobody asks Cassandra
// about them on the path of a message:
//
//   - An epoch is (1) claimed by a lightweight transaction, then (2) announced in a table of changes,
//     then (3) sealed by another transaction, each step acknowledged before the next. It is sealed
//     only if at that moment, on the cluster's clock, validFor and margin lie before its beginning,
//     and only if no message of its time is there yet. Only a sealed epoch counts.
//   - A server remembers the epochs of a log, and reads the announcements about once a second. What it
//     remembers goes for ids up to validFor after the last time it read them (on the cluster's clock).
//     For a later id it reads them first.
//   - Who finds an epoch that is neither sealed nor given up may use what it knows only for ids before
//     it; for others it decides: it gives it up by a transaction, and if that fails it was sealed.
//
// So no server can miss an epoch that counts: for an id of the epoch it has read the announcements
// later than (beginning - validFor), hence after the announcement was acknowledged, hence has read
// the log's epochs after the claim was acknowledged, and so knows of it; and what came of it is decided by one
// transaction. Nothing here depends on how long a statement may be under way, or on the clocks of
// servers: ids ahead of the cluster's clock are looked after by settle. margin is for the clocks of
// Cassandra's nodes.
//
// Widths of the past cannot be changed so: servers remember those for old ids without asking. PlanLog chooses
// them for a log whose id nobody else can know yet: no server remembers anything of it, and there is no message. Whoever
// reads its widths later finds all of them sealed, or gives up those that are not before using the rest.
const (
	pollEvery = time.Second
	validFor  = 15 * time.Second
	margin    = 5 * time.Second
	// grace is from the decision about a width to its beginning: five seconds are for the decision itself.
	grace = validFor + margin + 5*time.Second
	// lead is grace and the time it takes to notice.
	lead = grace + 2*time.Second
	// overlap is how far back announcements are read again: one may come late, from a node whose clock is behind.
	overlap = 30 * time.Second

	changesPeriod = 10 * time.Minute
	neverMillis   = math.MaxInt64
)

const (
	selectWidths  = `SELECT epoch, begins, span, sealed FROM log_widths WHERE tenant = ? AND log_id = ?`
	selectChanges = `SELECT announced, tenant, log_id, epoch FROM width_changes WHERE period = ? AND announced > ?`
	selectClock   = `SELECT toTimestamp(now()) FROM system.local`
)

// epoch is a row of log_widths.
type epoch struct {
	n            int
	begins, span int64
	sealed       *bool
}

// widths are those of a log as this server knows them.
type widths struct {
	list id.Widths
	// open is the beginning of the first epoch that is undecided, and number that epoch.
	open   int64
	number int
	last   int // number of the last epoch, also of one that does not count
}

func widthsOf(epochs []epoch) *widths {
	w := &widths{list: id.DefaultWidths[:1:1], open: neverMillis}
	for _, e := range epochs {
		w.last = e.n
		switch {
		case e.sealed == nil:
			if e.begins < w.open {
				w.open, w.number = e.begins, e.n
			}
		case *e.sealed:
			w.list = append(w.list, id.Width{From: e.begins, Span: e.span})
		}
	}
	return w
}

type change struct {
	announced int64
	log       chat.Log
	epoch     int
}

// widthBook is what a server knows of all widths.
type widthBook struct {
	logs  *otter.Cache[chat.Log, *widths]
	paces *otter.Cache[chat.Log, *pace]
	looks chan struct{} // holds a place for each that is under way
	poll  singleflight.Group
	// clock asks the cluster for the time.
	clock func(ctx context.Context) (time.Time, error)

	mu      sync.Mutex
	asOf    int64     // when the announcements were read last, on the cluster's clock
	polled  time.Time // and on ours
	polling bool
	seen    map[change]struct{}
	drops   uint64 // how often something was forgotten
}

func (s *Store) newWidthBook() *widthBook {
	return &widthBook{
		logs:  otter.Must(&otter.Options[chat.Log, *widths]{MaximumSize: remembered}),
		paces: otter.Must(&otter.Options[chat.Log, *pace]{MaximumSize: remembered}),
		looks: make(chan struct{}, maxLooks),
		clock: s.clusterClock,
		seen:  map[change]struct{}{},
	}
}

func (s *Store) clusterClock(ctx context.Context) (t time.Time, err error) {
	_, err = s.db.row(ctx, selectClock, nil, &t)
	return t, err
}

// bucket returns where a message of the log is kept.
func (s *Store) bucket(ctx context.Context, l chat.Log, m id.ID) (id.Bucket, error) {
	w, _, err := s.widthsAt(ctx, l, m.UnixMilli())
	if err != nil {
		return 0, err
	}
	return w.Of(m), nil
}

// widthsAt returns the widths of the log, which are right for ids of moment t and before. sure is
// false if a change may still be decided that begins before t: when t is ahead of time.
func (s *Store) widthsAt(ctx context.Context, l chat.Log, t int64) (list id.Widths, sure bool, err error) {
	sure, err = s.hear(ctx, t) // before looking at what we remember
	if err != nil {
		return nil, false, err
	}
	w, known := s.book.logs.GetIfPresent(l)
	if !known {
		if w, err = s.loadWidths(ctx, l); err != nil {
			return nil, false, err
		}
	}
	for t >= w.open {
		if err := s.giveUp(ctx, l, w.number); err != nil {
			return nil, false, err
		}
		s.book.forget(l)
		if w, err = s.loadWidths(ctx, l); err != nil {
			return nil, false, err
		}
	}
	return w.list, sure, nil
}

// hear makes sure that the announcements were read in time for ids of moment t, if possible.
func (s *Store) hear(ctx context.Context, t int64) (sure bool, err error) {
	b := s.book
	b.mu.Lock()
	enough := t <= b.asOf+validFor.Milliseconds()
	age := s.now().Sub(b.polled)
	soon := enough && !b.polling && (age >= pollEvery || age < -pollEvery)
	b.polling = b.polling || soon
	b.mu.Unlock()
	if enough {
		if soon {
			s.pollSoon()
		}
		return true, nil
	}
	if err := s.pollChanges(ctx); err != nil {
		return false, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return t <= b.asOf+validFor.Milliseconds(), nil
}

// horizon returns the newest moment that messages may have without being ahead of time: the
// cluster's present or ours, whichever is later, and clockSkew.
func (s *Store) horizon(ctx context.Context) (int64, error) {
	b := s.book
	for again := false; ; again = true {
		b.mu.Lock()
		asOf, age := b.asOf, s.now().Sub(b.polled)
		b.mu.Unlock()
		if again || age >= 0 && age <= validFor-clockSkew {
			_, err := s.hear(ctx, asOf) // the next time comes soon
			now := max(asOf+age.Milliseconds(), s.now().UnixMilli())
			return min(now+clockSkew.Milliseconds(), asOf+validFor.Milliseconds()), err
		}
		if err := s.pollChanges(ctx); err != nil {
			return 0, err
		}
	}
}

// pollSoon reads the announcements without anybody waiting for it.
func (s *Store) pollSoon() {
	done := func() {
		s.book.mu.Lock()
		s.book.polling = false
		s.book.mu.Unlock()
	}
	if !s.aside(func(ctx context.Context) {
		defer done()
		if err := s.pollChanges(ctx); err != nil {
			s.log.Debug("changes of bucket widths were not read", "error", err)
		}
	}) {
		done()
	}
}

// aside runs f beside the call that needs it, and before Close returns. It reports
// false when the store is closing.
func (s *Store) aside(f func(ctx context.Context)) bool {
	ctx, cancel := context.WithTimeout(context.Background(), asideFor)
	if s.enter(ctx) != nil {
		cancel()
		return false
	}
	go func() {
		defer s.calls.Done()
		defer cancel()
		guard.Run(s.log, "work beside a call", func() { f(ctx) })
	}()
	return true
}

const asideFor = 10 * time.Second

// pollChanges reads the announcements and forgets what they make old. One call serves all that wait
// and came before it began to read; those that come later would do with it too.
func (s *Store) pollChanges(ctx context.Context) error {
	_, err, _ := s.book.poll.Do("", func() (any, error) {
		// Others wait for this answer too: it has a deadline of its own.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.db.timeout)
		defer cancel()
		return nil, s.readChanges(ctx)
	})
	return err
}

func (s *Store) readChanges(ctx context.Context) error {
	b := s.book
	polled := s.now()
	now, err := b.clock(ctx)
	if err != nil {
		return err
	}
	at := now.UnixMilli()
	b.mu.Lock()
	since := b.asOf - overlap.Milliseconds()
	b.mu.Unlock()
	// After a long pause it is simpler to forget everything than to read what has happened.
	gap := since < at-changesPeriod.Milliseconds()
	if gap {
		since = at - overlap.Milliseconds()
	}
	var found []change
	period := changesPeriod.Milliseconds()
	// A node whose clock is ahead may have announced in the period to come.
	for p := since - since%period; p <= at+overlap.Milliseconds(); p += period {
		var c change
		err := s.db.rows(ctx, pageRows, func() { found = append(found, c) }, selectChanges, []any{p, since},
			&c.announced, (*string)(&c.log.Tenant), into(&c.log.ID), &c.epoch)
		if err != nil {
			return err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if gap {
		b.drops++
		b.logs.InvalidateAll()
	}
	for _, c := range found {
		if _, known := b.seen[c]; !known {
			b.seen[c] = struct{}{}
			b.drops++
			b.logs.Invalidate(c.log)
		}
	}
	for c := range b.seen {
		if c.announced <= since {
			delete(b.seen, c)
		}
	}
	b.asOf, b.polled = max(b.asOf, at), polled
	return nil
}

func (b *widthBook) forget(l chat.Log) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drops++
	b.logs.Invalidate(l)
}

// loadWidths reads the widths of a log and remembers them, unless they were
// announced to be old meanwhile.
func (s *Store) loadWidths(ctx context.Context, l chat.Log) (*widths, error) {
	b := s.book
	for {
		b.mu.Lock()
		drops := b.drops
		b.mu.Unlock()
		w, err := s.readWidths(ctx, l)
		if err != nil {
			return nil, err
		}
		b.mu.Lock()
		same := b.drops == drops
		if same {
			b.logs.Set(l, w)
		}
		b.mu.Unlock()
		if same {
			return w, nil
		}
	}
}

func (s *Store) readWidths(ctx context.Context, l chat.Log) (*widths, error) {
	epochs, err := s.epochs(ctx, l)
	if err != nil {
		return nil, err
	}
	return widthsOf(epochs), nil
}

func (s *Store) epochs(ctx context.Context, l chat.Log) ([]epoch, error) {
	var all []epoch
	var e epoch
	err := s.db.rows(ctx, pageRows, func() { all = append(all, e) }, selectWidths,
		[]any{string(l.Tenant), uuid(l.ID)}, &e.n, &e.begins, &e.span, &e.sealed)
	return all, err
}

// settle makes sure that messages whose ids were ahead of time when their buckets were computed are where
// everybody will look for them: a change of width may have been decided meanwhile. One
// that is decided from now on sees them, and begins later.
func (s *Store) settle(ctx context.Context, l chat.Log, ms []chat.Message, at []id.Bucket) error {
	for len(ms) > 0 {
		s.book.forget(l)
		var moved []chat.Message
		var to []id.Bucket
		for i, m := range ms {
			b, err := s.bucket(ctx, l, m.ID)
			if err != nil {
				return err
			}
			if b == at[i] {
				continue
			}
			if err := s.index(ctx, l, b); err != nil {
				return err
			}
			w := insert(l, b, m)
			if err := s.db.exec(ctx, w.statement, w.args...); err != nil {
				return err
			}
			if err := s.db.exec(ctx, deleteMoved, s.forGood(), string(l.Tenant), uuid(l.ID), int64(at[i]), uuid(m.ID)); err != nil {
				return err
			}
			moved, to = append(moved, m), append(to, b)
		}
		ms, at = moved, to
	}
	return nil
}

const deleteMoved = `DELETE FROM messages USING TIMESTAMP ? WHERE tenant = ? AND log_id = ? AND bucket = ? AND message_id = ?`
