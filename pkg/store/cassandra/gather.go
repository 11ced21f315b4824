package cassandra

import (
	"context"
	"sync"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
)

// gathering batches messages of a bucket. While fewer than gatherWrites writes to the bucket are in flight, a message
// is written immediately. Otherwise it waits in the bucket's queue, and all that wait are written in the next batch.
// For Cassandra a batch of one partition is one write, so a busy room costs little more than a quiet one.
type gathering struct {
	mu     sync.Mutex
	queues map[bucketOf]*bucketQueue
}

// bucketQueue is the queue of a bucket that is being written to.
type bucketQueue struct {
	writes  int       // in flight
	since   time.Time // when the last of them began
	waiting []*gathered
}

type gathered struct {
	write
	bytes int
	done  chan error
}

const (
	// gatherWrites is how many writes to a bucket are in flight before messages wait. A cluster may take some time for
	// each write, for instance to sync its log, and several writes share that time.
	gatherWrites = 4
	// gatherPatience is how long messages wait for writes that began before them. If the writes in flight take longer,
	// later messages are written beside them.
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
		defer s.writeNext(key, q)
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

// writeNext ends a write, and starts writing the messages that wait in the queue.
func (s *Store) writeNext(key bucketOf, q *bucketQueue) {
	g := &s.gathering
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(q.waiting) == 0 {
		g.end(key, q)
		return
	}
	s.calls.Add(1) // allowed: the calling method is still counted, so Close waits
	go func() {
		defer s.calls.Done()
		s.writeGathered(key, q)
	}()
}

// end ends a write of a queue in which no message waits. The caller holds the lock.
func (g *gathering) end(key bucketOf, q *bucketQueue) {
	if q.writes--; q.writes == 0 {
		delete(g.queues, key)
	}
}

// writeGathered writes the messages of a queue until it is empty.
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
		err := guard.Try(func() error { return s.writeTogether(some) }) // the callers wait for an answer
		for _, j := range some {
			j.done <- err
		}
	}
}

func (s *Store) writeTogether(some []*gathered) error {
	// Not the context of one caller: the write is for all of them.
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

// take removes the messages of one batch from the queue.
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
