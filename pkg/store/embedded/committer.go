package embedded

import (
	"context"

	"github.com/cockroachdb/pebble/v2"
)

// committer commits batches, which may wait for the disk without a limit. It has two goroutines for all writers, so that a
// writer can stop waiting, and needs no goroutine of its own: one applies the batches in the order of their arrival, the
// other waits for their syncs in the same order. A sync of the database covers all batches that were applied before it.
type committer struct {
	apply chan *commit
	sync  chan *commit
}

// commit is a batch on its way.
type commit struct {
	b       *pebble.Batch
	applied func()     // called once, when readers see the batch or will never see it
	result  chan error // receives one value
}

// waitingCommits bounds the batches that wait to be applied, and those that wait for their sync. Further writers wait
// until there is room.
const waitingCommits = 256

func newCommitter(db *pebble.DB, ended func(error) error) *committer {
	c := &committer{apply: make(chan *commit, waitingCommits), sync: make(chan *commit, waitingCommits)}
	go func() {
		defer close(c.sync)
		for w := range c.apply {
			err := db.ApplyNoSyncWait(w.b, pebble.Sync)
			w.applied()
			if err != nil {
				w.result <- ended(err)
				continue
			}
			c.sync <- w
		}
	}()
	go func() {
		for w := range c.sync {
			err := w.b.SyncWait()
			if err == nil {
				err = w.b.Close()
			}
			w.result <- ended(err)
		}
	}()
	return c
}

// send hands over a batch. If it is not taken over, it answers false, and nothing of it is called.
func (c *committer) send(ctx context.Context, faulted <-chan struct{}, w *commit) bool {
	select { // nearly always, and without the cost of waiting for three things
	case c.apply <- w:
		return true
	default:
	}
	select {
	case c.apply <- w:
		return true
	case <-ctx.Done():
	case <-faulted:
	}
	return false
}

// close ends the goroutines after the last batch.
func (c *committer) close() { close(c.apply) }
