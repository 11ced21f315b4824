package id

import (
	"crypto/rand"
	"encoding/binary"
	"sync"
	"time"
)

// Generator makes ids that never go backwards: each is newer than all it made
// before, whatever the clock does. While the clock stands still or has stepped
// back, ids advance by one 100 ns step each.
//
// Two generators never make the same id: each has a random 48-bit node and a
// random clock sequence of its own. A Generator may be used concurrently.
type Generator struct {
	now func() time.Time
	low uint64

	mu   sync.Mutex
	last uint64 // ticks of the newest id made
}

// NewGenerator returns a generator that reads the time from now (time.Now when
// nil). One process has one generator for all its ids.
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

// Sequence makes ids for messages that bring their own dates, as imported ones
// do. The same calls on a new Sequence with the same seed give the same ids, so
// that an import that is run again writes the same rows.
type Sequence struct {
	low  uint64
	last uint64
}

// NewSequence returns a sequence whose ids differ from those of generators and
// of sequences with another seed.
func NewSequence(seed [8]byte) *Sequence {
	seed[0] = seed[0]&0x3f | 0x80
	seed[2] |= 0x01
	return &Sequence{low: binary.BigEndian.Uint64(seed[:])}
}

// At returns an id of moment t, or of the first free 100 ns step after it: ids
// of one sequence rise. It may not be used concurrently.
func (s *Sequence) At(t time.Time) ID {
	ticks := ticksOf(t)
	if ticks <= s.last {
		ticks = s.last + 1
	}
	s.last = ticks
	return compose(ticks, s.low)
}
