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

// How all servers agree on the buckets of a log, although widths change and no server asks Cassandra for them on the
// path of a message.
//
// A width holds from the beginning of an epoch. The server that changes the width takes three steps, each acknowledged
// before the next:
//
//  1. Claim: a lightweight transaction inserts the epoch.
//  2. Announce: a row in a table of changes names the log.
//  3. Seal: another transaction decides that the epoch counts. The server seals only if, on the cluster's clock, the
//     epoch begins later than validFor and margin from now, and only if the log has no message of the epoch's time yet.
//
// Only a sealed epoch counts. A server that uses the widths follows three rules:
//
//  4. It caches the epochs of a log and reads the announcements about once a second. An announcement invalidates the
//     cached epochs of its log.
//  5. Cached epochs are valid for ids up to validFor after the last reading of the announcements (on the cluster's
//     clock). For a later id the server reads the announcements first.
//  6. If an epoch is neither sealed nor given up, the server uses the epochs only for ids before it. For a later id it
//     gives the epoch up by a transaction. If that transaction is not applied, the epoch was sealed.
//
// Therefore no server misses an epoch that counts. Take an id of the epoch. By 5, the server has read the announcements
// later than (beginning - validFor). By 3, that is after step 2 was acknowledged, so it has received the announcement.
// By 4, it has read the log's epochs after step 1 was acknowledged, so it knows the epoch. By 3 and 6, one transaction
// decides whether the epoch counts, so all servers agree on that.
//
// What fails without a step: without 1, a server that rereads the epochs may not find this one. Without 2, it does not
// reread them. Without the times of 3 and 5, it may use stale epochs for an id of the new one. Without the check for
// messages in 3, readers look for messages that are there already in the wrong buckets. Without 6, a server may
// disregard an epoch that is sealed a moment later.
//
// Nothing depends on how long a statement takes, or on the clocks of servers: settle handles messages whose ids are
// ahead of the cluster's clock. margin allows for clocks of Cassandra's nodes that differ.
//
// Widths of the past cannot be changed like this, because servers use cached widths for old ids without asking. PlanLog
// chooses them for a log whose id no other server can know yet: nothing of it is cached anywhere, and it has no
// messages. A server that reads its widths later finds all of them sealed, or gives up the others before it uses the
// rest.
const (
	pollEvery = time.Second
	validFor  = 15 * time.Second
	margin    = 5 * time.Second
	// grace is the time from the decision about a width to its beginning. The decision itself may take five seconds.
	grace = validFor + margin + 5*time.Second
	// lead is grace and the time it takes to notice that the width has to change.
	lead = grace + 2*time.Second
	// overlap is how far back announcements are reread. A node whose clock is behind dates an announcement earlier than
	// the last reading.
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

// widths are the cached widths of a log.
type widths struct {
	list id.Widths
	// open is the beginning of the first undecided epoch; number is the number of that epoch.
	open   int64
	number int
	last   int // number of the last epoch, even if it does not count
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

// widthBook caches the widths of all logs.
type widthBook struct {
	logs  *otter.Cache[chat.Log, *widths]
	paces *otter.Cache[chat.Log, *pace]
	ahead *otter.Cache[chat.Log, *aheadCount]
	looks chan struct{} // holds an item for each look at the past that is running
	poll  singleflight.Group
	// clock asks the cluster for the time.
	clock func(ctx context.Context) (time.Time, error)

	mu      sync.Mutex
	asOf    int64     // the last reading of the announcements, on the cluster's clock
	polled  time.Time // the same on this server's clock
	polling bool
	seen    map[change]struct{}
	drops   uint64 // how often cached widths were invalidated
}

func (s *Store) newWidthBook(entries int) *widthBook {
	return &widthBook{
		logs:  otter.Must(&otter.Options[chat.Log, *widths]{MaximumSize: entries}),
		paces: otter.Must(&otter.Options[chat.Log, *pace]{MaximumSize: entries}),
		ahead: otter.Must(&otter.Options[chat.Log, *aheadCount]{MaximumSize: entries}),
		looks: make(chan struct{}, maxLooks),
		clock: s.clusterClock,
		seen:  map[change]struct{}{},
	}
}

func (s *Store) clusterClock(ctx context.Context) (t time.Time, err error) {
	_, err = s.db.row(ctx, selectClock, nil, &t)
	return t, err
}

// bucket returns the bucket that holds a message of the log.
func (s *Store) bucket(ctx context.Context, l chat.Log, m id.ID) (id.Bucket, error) {
	w, _, err := s.widthsAt(ctx, l, m.UnixMilli())
	if err != nil {
		return 0, err
	}
	return w.Of(m), nil
}

// widthsAt returns the widths of the log. They are right for ids of moment t and before. sure is false if t is ahead of
// time: then a change that begins before t may still be decided.
func (s *Store) widthsAt(ctx context.Context, l chat.Log, t int64) (list id.Widths, sure bool, err error) {
	sure, err = s.readAnnouncements(ctx, t) // before the cached widths are read
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

// readAnnouncements reads the announcements, unless they were read late enough for ids of moment t. It reports whether they are read
// late enough now.
func (s *Store) readAnnouncements(ctx context.Context, t int64) (sure bool, err error) {
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

// horizon returns the newest moment that messages may have without being ahead of time: clockSkew after the cluster's
// present or this server's, whichever is later.
func (s *Store) horizon(ctx context.Context) (int64, error) {
	b := s.book
	for again := false; ; again = true {
		b.mu.Lock()
		asOf, age := b.asOf, s.now().Sub(b.polled)
		b.mu.Unlock()
		if again || age >= 0 && age <= validFor-clockSkew {
			_, err := s.readAnnouncements(ctx, asOf) // the next time comes soon
			now := max(asOf+age.Milliseconds(), s.now().UnixMilli())
			return min(now+clockSkew.Milliseconds(), asOf+validFor.Milliseconds()), err
		}
		if err := s.pollChanges(ctx); err != nil {
			return 0, err
		}
	}
}

// pollSoon reads the announcements in the background.
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

// aside runs f in the background. Close waits for it. It reports false if the store is closing: then f does not run.
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

// pollChanges reads the announcements and invalidates the cached widths of the logs they name. Concurrent calls share
// one reading.
func (s *Store) pollChanges(ctx context.Context) error {
	_, err, _ := s.book.poll.Do("", func() (any, error) {
		// Other callers wait for this answer too, so it has its own deadline.
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
	// After a long pause it is simpler to invalidate all cached widths than to read all announcements of the pause.
	gap := since < at-changesPeriod.Milliseconds()
	if gap {
		since = at - overlap.Milliseconds()
	}
	var found []change
	period := changesPeriod.Milliseconds()
	// A node whose clock is ahead may have announced in the next period.
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

// loadWidths reads the widths of a log. It caches them, unless an announcement has invalidated them meanwhile.
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

// settle moves messages whose ids were ahead of time when their buckets were computed to the buckets in which readers
// look for them. A change of width may have been decided meanwhile. A change that is decided from now on finds these
// messages, and begins after them.
func (s *Store) settle(ctx context.Context, l chat.Log, ms []chat.Message, at []id.Bucket) error {
	for len(ms) > 0 {
		s.book.forget(l)
		list, _, err := s.widthsAt(ctx, l, newestMoment(ms))
		if err != nil {
			return err
		}
		var moved []chat.Message
		var to []id.Bucket
		for i, m := range ms {
			b := list.Of(m.ID)
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
			if err := s.db.exec(ctx, deleteMoved, s.finalTime(), string(l.Tenant), uuid(l.ID), int64(at[i]), uuid(m.ID)); err != nil {
				return err
			}
			moved, to = append(moved, m), append(to, b)
		}
		ms, at = moved, to
	}
	return nil
}

const deleteMoved = `DELETE FROM messages USING TIMESTAMP ? WHERE tenant = ? AND log_id = ? AND bucket = ? AND message_id = ?`
