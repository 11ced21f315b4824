package cassandra

import (
	"context"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
)

// gathering lets messages that come for a bucket while some are being written to it go together in the next
// write: to Cassandra, a batch of one partition is one write, and a busy room costs little more than a quiet one. As long as
// few are on their way a message goes at once.
type gathering struct {
	mu     sync.Mutex
	queues map[bucketOf]*bucketQueue
}

// bucketQueue is a bucket that is being written to.
type bucketQueue struct {
	writes  int       // under way
	since   time.Time // when the last of them began
	waiting []*gathered
}

type gathered struct {
	write
	bytes int
	done  chan error
}

const (
	// gatherWrites is how many writes to a bucket are under way before messages gather: a cluster may take
	// some time for each, to sync its log for instance, which several share.
	gatherWrites = 4
	// gatherPatience is how long messages wait for writes that began before them. Beside writes that take longer,
	// those that come later are written on their own.
	gatherPatience = 50 * time.Millisecond
)

// put writes a message to its bucket. It returns nil only when it is durable.
func (s *Store) put(ctx context.Context, l chat.Log, b id.Bucket, m chat.Message) error {
	w := insert(l, b, m)
	key := bucketOf{l, b}
	g := &s.gathering
	g.mu.Lock()
	q := g.queues[key]
	if q == nil {
		if g.queues == nil {
			g.queues = map[bucketOf]*bucketQueue{}
		}
		q = &bucketQueue{}
		g.queues[key] = q
	}
	switch {
	case q.writes < gatherWrites:
		q.writes, q.since = q.writes+1, time.Now()
		g.mu.Unlock()
		defer s.goOn(key, q)
	case time.Since(q.since) > gatherPatience:
		g.mu.Unlock()
	default:
		j := &gathered{w, sizeOf(m), make(chan error, 1)}
		q.waiting = append(q.waiting, j)
		g.mu.Unlock()
		select {
		case err := <-j.done:
			return err
		case <-ctx.Done():
			return asChat(ctx.Err())
		}
	}
	return s.db.exec(ctx, w.statement, w.args...)
}

// goOn ends a write, and has those written that came meanwhile.
func (s *Store) goOn(key bucketOf, q *bucketQueue) {
	g := &s.gathering
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(q.waiting) == 0 {
		g.end(key, q)
		return
	}
	s.calls.Add(1) // the call that ends now still counts
	go func() {
		defer s.calls.Done()
		s.writeGathered(key, q)
	}()
}

// end ends a write of a queue that nobody waits in. The lock is held.
func (g *gathering) end(key bucketOf, q *bucketQueue) {
	if q.writes--; q.writes == 0 {
		delete(g.queues, key)
	}
}

// writeGathered writes what waits in a queue until nothing does.
func (s *Store) writeGathered(key bucketOf, q *bucketQueue) {
	g := &s.gathering
	for {
		g.mu.Lock()
		some := q.take()
		if len(some) == 0 {
			g.end(key, q)
			g.mu.Unlock()
			return
		}
		q.since = time.Now()
		g.mu.Unlock()
		err := guard.Try(func() error { return s.writeTogether(some) }) // they wait for an answer
		for _, j := range some {
			j.done <- err
		}
	}
}

func (s *Store) writeTogether(some []*gathered) error {
	// No caller's deadline: the write is for all.
	ctx := context.Background()
	if len(some) == 1 {
		return s.db.exec(ctx, some[0].statement, some[0].args...)
	}
	writes := make([]write, len(some))
	for i, j := range some {
		writes[i] = j.write
	}
	return s.db.samePartition(ctx, writes)
}

// take takes what one batch may have.
func (q *bucketQueue) take() []*gathered {
	n, bytes := 0, 0
	for n < min(len(q.waiting), batchRows) && (n == 0 || bytes+q.waiting[n].bytes <= batchBytes) {
		bytes += q.waiting[n].bytes
		n++
	}
	some := q.waiting[:n:n]
	q.waiting = q.waiting[n:]
	return some
}
