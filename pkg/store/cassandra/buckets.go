package cassandra

import (
	"context"
	"math"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

const (
	insertBucket = `INSERT INTO message_buckets (tenant, log_id, bucket) VALUES (?, ?, ?)`
	// The index is clustered newest first.
	olderBuckets = `SELECT bucket FROM message_buckets WHERE tenant = ? AND log_id = ? AND bucket < ? LIMIT ?`
	newerBuckets = `SELECT bucket FROM message_buckets WHERE tenant = ? AND log_id = ? AND bucket > ? ORDER BY bucket ASC LIMIT ?`
)

const (
	// indexWindow is how many rows of an index are read in one statement.
	indexWindow = 64
	// clockSkew is how far the clock of a server may be ahead: messages up to this far ahead of the
	// cluster's clock are expected at any time, those further ahead once their time comes.
	clockSkew = 10 * time.Second
	minBucket = id.Bucket(math.MinInt64)
	maxBucket = id.Bucket(math.MaxInt64)
)

// bucketOf is a bucket of a log.
type bucketOf struct {
	log    chat.Log
	bucket id.Bucket
}

// index writes the index row of a bucket, before anything is written to the bucket. A server skips this while the row
// is in its cache.
func (s *Store) index(ctx context.Context, l chat.Log, b id.Bucket) error {
	key := bucketOf{l, b}
	if _, known := s.indexed.GetIfPresent(key); known {
		return nil
	}
	if err := s.db.exec(ctx, insertBucket, string(l.Tenant), uuid(l.ID), int64(b)); err != nil {
		return err
	}
	expected, err := s.expected(ctx, l)
	if err != nil {
		return err
	}
	if b > expected {
		s.raise(l, b)
	}
	s.indexed.Set(key, struct{}{})
	return nil
}

// expected returns the newest bucket that messages may have without being ahead of time.
func (s *Store) expected(ctx context.Context, l chat.Log) (id.Bucket, error) {
	t, err := s.horizon(ctx)
	if err != nil {
		return 0, err
	}
	return s.bucket(ctx, l, id.FirstAt(time.UnixMilli(t)))
}

// newestRead is the newest bucket of an index, as it was read at that time of this server.
type newestRead struct {
	bucket id.Bucket
	at     time.Time
}

// newestFor is how long a reading of the newest bucket is used. In that time another server whose clock is ahead may
// write to a bucket of the future.
const newestFor = time.Minute

// newestBucket returns the first bucket that a reader of the newest messages has to read: that of now, or a later one
// that had messages when this server last read the index, which it does at least once a minute.
func (s *Store) newestBucket(ctx context.Context, l chat.Log) (id.Bucket, error) {
	expected, err := s.expected(ctx, l)
	if err != nil {
		return 0, err
	}
	// Of a log that is ahead of time nothing is cached: other servers begin buckets there.
	newest, known := s.newest.GetIfPresent(l)
	if age := s.now().Sub(newest.at); !known || age < 0 || age > newestFor || newest.bucket > expected {
		newest = newestRead{minBucket, s.now()}
		buckets, err := s.bucketsBefore(ctx, l, maxBucket, 1)
		if err != nil {
			return 0, err
		}
		if len(buckets) > 0 {
			newest.bucket = buckets[0]
		}
		s.newest.Set(l, newest)
	}
	if ahead, ok := s.ahead.GetIfPresent(l); ok {
		newest.bucket = max(newest.bucket, ahead)
	}
	return max(newest.bucket, expected), nil
}

// raise records that this server knows of a bucket that is ahead of time.
func (s *Store) raise(l chat.Log, b id.Bucket) {
	s.ahead.Compute(l, func(old id.Bucket, found bool) (id.Bucket, otter.ComputeOp) {
		if found && old >= b {
			return old, otter.CancelOp
		}
		return b, otter.WriteOp
	})
}

// bucketsBefore returns up to n buckets of the index below b, newest first.
func (s *Store) bucketsBefore(ctx context.Context, l chat.Log, b id.Bucket, n int) ([]id.Bucket, error) {
	return s.buckets(ctx, olderBuckets, l, b, n)
}

// bucketsAfter returns up to n buckets of the index above b, oldest first.
func (s *Store) bucketsAfter(ctx context.Context, l chat.Log, b id.Bucket, n int) ([]id.Bucket, error) {
	return s.buckets(ctx, newerBuckets, l, b, n)
}

func (s *Store) buckets(ctx context.Context, statement string, l chat.Log, b id.Bucket, n int) ([]id.Bucket, error) {
	var all []id.Bucket
	var bucket int64
	err := s.db.rows(ctx, n, func() { all = append(all, id.Bucket(bucket)) }, statement,
		[]any{string(l.Tenant), uuid(l.ID), int64(b), n}, &bucket)
	return all, err
}

// Older implements chat.MessageStore.
func (s *Store) Older(ctx context.Context, l chat.Log, than id.ID, limit int) ([]chat.Message, error) {
	return s.older(ctx, walk{log: l, statement: olderMessages, at: than, limit: limit, next: s.bucketsBefore})
}

// older walks back from the position, or from the newest possible bucket.
func (s *Store) older(ctx context.Context, w walk) ([]chat.Message, error) {
	l, than := w.log, w.at
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	first := maxBucket
	if than != id.Max {
		if first, err = s.bucket(ctx, l, than); err != nil {
			return nil, err
		}
	}
	horizon, err := s.horizon(ctx)
	if err != nil {
		return nil, err
	}
	if than.UnixMilli() > horizon {
		newest, err := s.newestBucket(ctx, l)
		if err != nil {
			return nil, err
		}
		first = min(first, newest)
	}
	return s.walk(ctx, w, first)
}

// Newer implements chat.MessageStore.
func (s *Store) Newer(ctx context.Context, l chat.Log, than id.ID, inclusive bool, limit int) ([]chat.Message, error) {
	if inclusive {
		return s.newer(ctx, l, than, newerMessagesAnd, limit)
	}
	return s.newer(ctx, l, than, newerMessages, limit)
}

func (s *Store) newer(ctx context.Context, l chat.Log, than id.ID, statement string, limit int) ([]chat.Message, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	w := walk{log: l, statement: statement, at: than, limit: limit, next: s.bucketsAfter}
	first, err := s.bucket(ctx, l, than)
	if err != nil {
		return nil, err
	}
	// A client that is up to date asks in the newest possible bucket. Then no other bucket has to be read.
	newest, err := s.newestBucket(ctx, l)
	if err != nil {
		return nil, err
	}
	w.last = first >= newest
	return s.walk(ctx, w, first)
}

// walk is a way through a log, bucket by bucket.
type walk struct {
	log       chat.Log
	statement string
	at        id.ID
	after     id.ID // where it ends; only betweenMessages uses it
	limit     int
	next      func(ctx context.Context, l chat.Log, b id.Bucket, n int) ([]id.Bucket, error)
	last      bool // the first bucket is the last one
}

// bucketLength returns how many milliseconds a bucket is long.
func bucketLength(list id.Widths, b id.Bucket) float64 {
	end, _ := list.Span(b)
	return float64(end) - float64(b)
}

// minFetched is the least number of rows that are requested at a time. Of several buckets that are read concurrently each
// is expected to give few.
const minFetched = 8

// walk reads bucket first. If that does not fill the page, it reads the next buckets of the index. Their dates do not
// matter, so a gap of years costs nothing. If buckets hold few messages, walk reads several concurrently, about as many
// as the page needs. It stops with the message that reaches chat.MaxRead. It holds about that much for each bucket that it
// reads concurrently, and fetchedRows rows.
func (s *Store) walk(ctx context.Context, w walk, first id.Bucket) ([]chat.Message, error) {
	out, err := s.page(ctx, w, first, w.limit, chat.MaxRead, fetchedRows)
	if err != nil || w.last {
		return out, err
	}
	size := 0
	for _, m := range out {
		size += m.Bytes()
	}
	list, _, err := s.widthsAt(ctx, w.log, int64(minBucket)) // only for an estimate, so undecided changes do not matter
	if err != nil {
		return nil, err
	}
	at := first
	var found, length float64 // of the buckets after the first one, in the middle of which we began
	for len(out) < w.limit && size < chat.MaxRead {
		// A page that is far from full will need many buckets, one that is nearly full few.
		buckets, err := w.next(ctx, w.log, at, indexWindow)
		if err != nil {
			return nil, err
		}
		rest := buckets
		for len(rest) > 0 && len(out) < w.limit && size < chat.MaxRead {
			missing := w.limit - len(out)
			n := 1
			if length > 0 { // otherwise the next bucket has to give the estimate
				n = 0
				for expected := 0.0; n < min(len(rest), parallelism/2) && expected < float64(missing); n++ {
					expected += max(found*bucketLength(list, rest[n])/length, 1)
				}
			}
			some := rest[:n]
			pages := make([][]chat.Message, len(some))
			err := forEach(ctx, len(some), func(ctx context.Context, i int) (err error) {
				pages[i], err = s.page(ctx, w, some[i], missing, chat.MaxRead-size, max(fetchedRows/n, minFetched))
				return err
			})
			if err != nil {
				return nil, err
			}
			for i, p := range pages {
				found, length = found+float64(len(p)), length+bucketLength(list, some[i])
				for len(p) > 0 && len(out) < w.limit && size < chat.MaxRead {
					out, size, p = append(out, p[0]), size+p[0].Bytes(), p[1:]
				}
			}
			rest = rest[n:]
		}
		if len(buckets) < indexWindow {
			break
		}
		at = buckets[len(buckets)-1]
	}
	return out, nil
}
