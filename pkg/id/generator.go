package id

import (
	"crypto/rand"
	"encoding/binary"
	"sync"
	"time"
)

// Generator makes ids that only increase: each is newer than all that it made before, whatever the clock does. They are
// at least a microsecond apart, because stores date changes by the microsecond of their ids. While the clock stands
// still or has stepped back, each id is a microsecond newer than the last.
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
	return &Generator{now: now, low: randomLow()}
}

// randomLow returns a random clock sequence and node.
func randomLow() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails: it aborts the process instead
	b[0] = b[0]&0x3f | 0x80
	b[2] |= 0x01 // RFC 9562, 6.10: the multicast bit marks a random node
	return binary.BigEndian.Uint64(b[:])
}

// New returns the next id.
func (g *Generator) New() ID {
	ticks := ticksOf(g.now())
	g.mu.Lock()
	ticks = max(ticks, g.last+ticksPerMicro)
	g.last = ticks
	g.mu.Unlock()
	return compose(ticks, g.low)
}

// After returns the next id if it is newer than floor by a microsecond or more. Otherwise floor was made by a clock that
// is ahead of this one, and After returns an id a microsecond after floor. New is not affected: it goes on with the time
// of the clock.
func (g *Generator) After(floor ID) ID {
	next := g.New()
	ticks := floor.ticks() + ticksPerMicro
	if next.ticks() >= ticks || ticks > maxTicks {
		return next
	}
	// The low half is a random one, because the clock will come to this moment too.
	return compose(ticks, randomLow())
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
