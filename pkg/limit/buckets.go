package limit

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
)

// MostKeys is how many keys buckets should count if there is memory for them. A key takes some 200 bytes.
const MostKeys = 100_000

// Rate is how often something may be done for a key: Most times in a row or spread over the time Per, and as many more in
// each Per.
type Rate struct {
	Most int
	Per  time.Duration
}

// Use is one use of what a key may do at a rate.
type Use struct {
	Key  string
	Rate Rate
}

// Buckets counts uses of keys. It keeps hashes of keys only, and a bounded number of them: of more keys than that, those
// that are rarely used count from zero. A key is kept until all of its rate is free, and for keptFor. It may be used
// concurrently.
type Buckets struct {
	now func() time.Time

	mu   sync.Mutex // guards what all buckets hold
	kept *otter.Cache[[sha256.Size]byte, *bucket]
}

// keptFor is how long a key is kept at least. That goes by the machine's clock, which may be faster than that of the buckets.
const keptFor = time.Minute

// bucket holds the uses that are left to a key.
type bucket struct {
	rate Rate
	left float64
	at   time.Time // of left
}

// NewBuckets returns buckets of that many keys that go by a clock. Close ends them.
func NewBuckets(now func() time.Time, keys int) *Buckets {
	return &Buckets{now: now, kept: otter.Must(&otter.Options[[sha256.Size]byte, *bucket]{
		MaximumSize: keys,
		ExpiryCalculator: otter.ExpiryAccessingFunc(func(e otter.Entry[[sha256.Size]byte, *bucket]) time.Duration {
			return max(e.Value.rate.Per, keptFor)
		}),
	})}
}

// Close stops the background work.
func (b *Buckets) Close() { b.kept.StopAllGoroutines() }

// Keys returns about how many keys are counted.
func (b *Buckets) Keys() int {
	b.kept.CleanUp()
	return b.kept.EstimatedSize()
}

// Reserve counts all of uses, or none of them: then it returns how long to wait until all are possible. A use whose rate
// has Most 0 is not limited. refund takes back what was counted.
func (b *Buckets) Reserve(uses ...Use) (refund func(), wait time.Duration) {
	var used []*bucket
	for _, u := range uses {
		if u.Rate.Most > 0 {
			used = append(used, b.of(u))
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	for _, x := range used {
		wait = max(wait, x.wait(now))
	}
	if wait > 0 {
		return nil, wait
	}
	for _, x := range used {
		x.left--
	}
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, x := range used {
			x.left = min(float64(x.rate.Most), x.left+1)
		}
	}, 0
}

func (b *Buckets) of(u Use) *bucket {
	x, _ := b.kept.ComputeIfAbsent(sha256.Sum256([]byte(u.Key)), func() (*bucket, bool) {
		return &bucket{rate: u.Rate, left: float64(u.Rate.Most), at: b.now()}, false
	})
	return x
}

// wait returns how long the key has to wait for its next use.
func (x *bucket) wait(now time.Time) time.Duration {
	most := float64(x.rate.Most)
	if since := now.Sub(x.at); since > 0 {
		x.left = min(most, x.left+most*float64(since)/float64(x.rate.Per))
	}
	x.at = now
	if x.left >= 1 {
		return 0
	}
	return max(time.Duration((1-x.left)/most*float64(x.rate.Per)), 1)
}
