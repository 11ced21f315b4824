package id

import (
	"crypto/rand"
	"encoding/binary"
	"sync"
	"time"
)

// Generator makes ids that only increase: each is newer than all that it made before, whatever the clock does. While
// the clock stands still or has stepped back, each id is one step of 100 ns newer than the last.
//
// Two generators never make the same id, because each has its own random 48-bit node and random clock sequence. A
// Generator may be used concurrently.
type Generator struct {
	now func() time.Time
	low uint64

	mu   sync.Mutex
	last uint64 // ticks of the newest id made
}

// NewGenerator returns a generator that reads the time from now (time.Now if nil). A process has one generator for all
// its ids.
func NewGenerator(now func() time.Time) *Generator {
	if now == nil {
		now = time.Now
	}
	var b [8]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails: it aborts the process instead
	b[0] = b[0]&0x3f | 0x80
	b[2] |= 0x01 // RFC 9562, 6.10: the multicast bit marks a random node
	return &Generator{now: now, low: binary.BigEndian.Uint64(b[:])}
}

// New returns the next id.
func (g *Generator) New() ID {
	ticks := ticksOf(g.now())
	g.mu.Lock()
	if ticks <= g.last {
		ticks = g.last + 1
	}
	g.last = ticks
	g.mu.Unlock()
	return compose(ticks, g.low)
}

// Sequence makes ids for messages with given times, for imports. The same calls on a new Sequence with the same seed
// return the same ids, so that a repeated import writes the same rows.
type Sequence struct {
	low  uint64
	last uint64
}

// NewSequence returns a sequence. Its ids differ from those of generators and of sequences with another seed.
func NewSequence(seed [8]byte) *Sequence {
	seed[0] = seed[0]&0x3f | 0x80
	seed[2] |= 0x01
	return &Sequence{low: binary.BigEndian.Uint64(seed[:])}
}

// At returns an id of time t, or of the first free 100 ns step after it, because the ids of a sequence only increase.
// It may not be called concurrently.
func (s *Sequence) At(t time.Time) ID {
	ticks := ticksOf(t)
	if ticks <= s.last {
		ticks = s.last + 1
	}
	s.last = ticks
	return compose(ticks, s.low)
}
