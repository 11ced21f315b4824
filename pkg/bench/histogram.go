package bench

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Histogram counts durations with an error of less than 1.6 %, in fixed memory
// (32 KiB). Add may be called concurrently. The zero Histogram is empty.
type Histogram struct {
	buckets [58 * perOctave]atomic.Uint64
	count   atomic.Int64
	max     atomic.Int64
}

// Values below perOctave have a bucket each; above, every octave has perOctave.
const (
	octaveBits = 6
	perOctave  = 1 << octaveBits
)

// Add counts one duration; a negative one counts as 0.
func (h *Histogram) Add(d time.Duration) {
	v := max(int64(d), 0)
	h.buckets[bucketOf(v)].Add(1)
	h.count.Add(1)
	for {
		old := h.max.Load()
		if v <= old || h.max.CompareAndSwap(old, v) {
			return
		}
	}
}

// Count returns how many durations were added.
func (h *Histogram) Count() int64 { return h.count.Load() }

// Quantile returns the duration that part q (0 to 1) of all are not longer than:
// never less than the true one, and at most the longest. 0 if there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	n := h.count.Load()
	if n == 0 {
		return 0
	}
	rank := min(max(int64(q*float64(n)+0.999999), 1), n)
	longest := h.max.Load()
	var seen int64
	for i := range h.buckets {
		seen += int64(h.buckets[i].Load())
		if seen >= rank {
			return time.Duration(min(bucketEnd(i), longest))
		}
	}
	return time.Duration(longest)
}

// Max returns the longest duration.
func (h *Histogram) Max() time.Duration { return time.Duration(h.max.Load()) }

func bucketOf(v int64) int {
	if v < perOctave {
		return int(v)
	}
	shift := bits.Len64(uint64(v)) - octaveBits - 1
	return shift<<octaveBits + int(v>>shift)
}

// bucketEnd returns the largest value of bucket i.
func bucketEnd(i int) int64 {
	if i < perOctave {
		return int64(i)
	}
	shift := i>>octaveBits - 1
	base := int64(i&(perOctave-1) | perOctave)
	return (base+1)<<shift - 1
}

// Latency is a distribution of durations, in microseconds.
type Latency struct {
	P50 float64 `json:"p50_us"`
	P90 float64 `json:"p90_us"`
	P99 float64 `json:"p99_us"`
	Max float64 `json:"max_us"`
}

// Latency returns the distribution.
func (h *Histogram) Latency() Latency {
	us := func(d time.Duration) float64 { return float64(d) / 1e3 }
	return Latency{P50: us(h.Quantile(.5)), P90: us(h.Quantile(.9)), P99: us(h.Quantile(.99)), Max: us(h.Max())}
}
