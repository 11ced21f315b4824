package cassandra

import (
	"context"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// After a clock was ahead, a room has a message of the future, and ids of new ones are made just after it, a microsecond
// apart, until the clocks have passed it (see pkg/chat/floors.go). The rules of pace.go are for traffic of the present
// and see nothing of these messages. By the width that holds then they would all be in one bucket, however many come.
//
// So when that bucket is half full, two epochs are begun shortly after the newest message, in the time of ids: one of
// narrow buckets, and after some millions of messages the default width, which also holds when the clocks get there.
const (
	aheadSpan  = 50 * time.Millisecond // 50,000 ids
	aheadLead  = 10 * time.Millisecond // from the newest message to the narrow buckets: 10,000 ids
	aheadUntil = 10 * time.Second      // from there to the default width
)

// aheadCount counts the messages that this server wrote to a bucket ahead of time.
type aheadCount struct {
	mu     sync.Mutex
	bucket id.Bucket
	n      int
}

// add counts messages, and reports after every fewRows of a bucket that it is time to look.
func (c *aheadCount) add(b id.Bucket, n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bucket != b {
		c.bucket, c.n = b, 0
	}
	c.n += n
	if c.n < fewRows {
		return false
	}
	c.n = 0
	return true
}

// writtenAhead is written for messages that are ahead of time.
func (s *Store) writtenAhead(l chat.Log, b id.Bucket, last id.ID, n int) {
	c, ok := s.book.ahead.GetIfPresent(l)
	if !ok {
		c, _ = s.book.ahead.SetIfAbsent(l, &aheadCount{})
	}
	if !c.add(b, n) {
		return
	}
	s.aside(func(ctx context.Context) {
		if err := s.narrowAhead(ctx, l, b, last); err != nil {
			s.log.Warn("the width of a log's buckets could not be looked after", "log", l.ID, "error", err)
		}
	})
}

// narrowAhead makes the buckets after a bucket ahead of time narrow, if that is half full.
func (s *Store) narrowAhead(ctx context.Context, l chat.Log, b id.Bucket, own id.ID) error {
	rows, err := s.rowsIn(ctx, l, b, fullBucket/2)
	if err != nil || rows < fullBucket/2 {
		return err
	}
	list, _, err := s.widthsAt(ctx, l, own.UnixMilli())
	if err != nil {
		return err
	}
	if _, width := list.Span(b); width <= aheadSpan || list[len(list)-1].From > own.UnixMilli() {
		return nil // they are, or are about to be
	}
	now, err := s.book.clock(ctx)
	if err != nil {
		return err
	}
	newest, found, err := s.newestID(ctx, l)
	if err != nil || !found {
		return err
	}
	w, err := s.readWidths(ctx, l)
	if err != nil || w.open != neverMillis {
		return err // another server does it, or has begun to: the next id after that decides
	}
	from := newest.Time().Add(aheadLead).UnixMilli()
	epochs := id.Widths{{From: from, Span: aheadSpan.Milliseconds()},
		{From: from + aheadUntil.Milliseconds(), Span: id.DefaultWidths.Newest().Milliseconds()}}
	for i, e := range epochs {
		claimed, err := s.claimEpoch(ctx, l, w.last+1+i, e.From, time.Duration(e.Span)*time.Millisecond)
		if err != nil || !claimed {
			return err
		}
	}
	if err := s.announceEpoch(ctx, l, w.last+len(epochs), now); err != nil {
		return err
	}
	// The newest message and the time are read after the claims, as in setSpan.
	if newest, _, err = s.newestID(ctx, l); err != nil {
		return err
	}
	if now, err = s.book.clock(ctx); err != nil {
		return err
	}
	counts := now.UnixMilli() <= from-(validFor+margin).Milliseconds() && newest.UnixMilli() < from
	defer s.book.forget(l)
	// The last one first, as in PlanLog: narrow buckets without an end would be too many.
	for n := len(epochs); n > 0; n-- {
		if decided, err := s.seal(ctx, l, w.last+n, counts); err != nil || !decided {
			return err
		}
	}
	if counts {
		s.log.Info("a log whose newest message is ahead of time gets narrow buckets", "log", l.ID, "newest", newest.Time())
	}
	return nil
}
