package id

import (
	"crypto/rand"
	"encoding/binary"
	"maps"
	"sync"
	"time"
)

// Generator makes ids that only increase: each is newer than all that it made before, whatever the clock does. Their times
// are whole microseconds and differ, because stores date changes by the microsecond of their ids. While the clock stands
// still or has stepped back, each id is a microsecond newer than the last.
//
// Ids have a number while Grant allows one. Otherwise they have a random low half: Two generators never make the same id,
// because each has its own random 48-bit node and random clock sequence. A Generator may be used concurrently.
type Generator struct {
	now func() time.Time
	low uint64

	mu      sync.Mutex
	last    uint64 // ticks of the newest id that New made
	grants  [roles]*grant
	wanted  [roles]int64
	signals chan struct{}
}

// Role is what a generator uses a node number for.
type Role int

const (
	// Present is for ids of the time of the clock, and for those of After that are not far ahead of it.
	Present Role = iota
	// Future is for other ids of After. It is a number of its own: nobody else can use it until the time of these ids is
	// over, which may be a year.
	Future

	roles
)

// Span says that a node number may be used for ids of times from From until before Until, in microseconds since 1970.
type Span struct {
	Node        int
	From, Until int64
}

// grant is a Span in use.
type grant struct {
	Span
	newest uint64 // ticks of the newest id
	// ahead has the newest id that After made in a millisecond of the future, in ticks, so that no other room, nor New when
	// the clock has come there, makes the same id.
	ahead map[uint64]uint64
	// crowded is how many milliseconds of ahead are reason to remove those that are over; pruned is the second when they
	// were removed last.
	crowded int
	pruned  uint64
}

// minAhead and maxAhead bound how many milliseconds of the future a grant knows. Each has a thousand ids.
const (
	minAhead = 1 << 10
	maxAhead = 1 << 16
)

// NewGenerator returns a generator that reads the time from now (time.Now if nil). A process has one generator for all
// its ids.
func NewGenerator(now func() time.Time) *Generator {
	if now == nil {
		now = time.Now
	}
	return &Generator{now: now, low: randomLow(), signals: make(chan struct{}, 1)}
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
	defer g.mu.Unlock()
	ticks = max(ticks-ticks%ticksPerMicro, nextMicro(g.last))
	low := g.low
	if p := g.grants[Present]; p == nil {
		g.want(Present, ticks)
	} else {
		ticks = p.free(ticks)
		if at := microsOf(ticks); p.has(at) {
			low = lowOf(p.Node)
			p.newest = max(p.newest, ticks)
		} else if at >= p.Until {
			g.want(Present, ticks)
		}
	}
	g.last = ticks
	return compose(ticks, low)
}

// After returns the next id if its microsecond is later than that of floor. Otherwise floor was made by a clock that is
// ahead of this one, and After returns an id of the next free microsecond after floor. New is not affected: it goes on
// with the time of the clock.
func (g *Generator) After(floor ID) ID {
	next := g.New()
	ticks := nextMicro(floor.ticks())
	if next.ticks() >= ticks || ticks > maxTicks {
		return next
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for role, p := range g.grants {
		if p == nil || !p.has(microsOf(ticks)) {
			continue
		}
		if t, ok := p.reserve(ticks, g.last); ok {
			if Role(role) == Future && microsOf(t) >= p.Until-FutureSpan.Microseconds()/2 {
				g.want(Future, t)
			}
			return compose(t, lowOf(p.Node))
		}
	}
	g.want(Future, ticks)
	// The low half is a random one, because the clock will come to this moment too.
	return compose(ticks, randomLow())
}

// FutureSpan is how far beyond the time that is wanted a number for the Future should be granted. Half of it is left when
// more is wanted.
const FutureSpan = time.Second

// nextMicro returns the first ticks of the microsecond after that of ticks.
func nextMicro(ticks uint64) uint64 { return (ticks/ticksPerMicro + 1) * ticksPerMicro }

func (p *grant) has(micros int64) bool {
	return p.From <= micros && micros < p.Until && 0 < micros && micros <= maxMicros
}

// free returns the first microsecond from ticks on in which After has made no id.
func (p *grant) free(ticks uint64) uint64 {
	for {
		used, ok := p.ahead[ticks/ticksPerMilli]
		if !ok || ticks > used {
			return ticks
		}
		ticks = nextMicro(used)
	}
}

// reserve takes the first free microsecond from ticks on, which is later than now. It returns false if there is none.
func (p *grant) reserve(ticks, now uint64) (uint64, bool) {
	ticks = p.free(ticks)
	ms := ticks / ticksPerMilli
	if second := now / ticksPerSecond; len(p.ahead) >= p.crowded && second != p.pruned {
		maps.DeleteFunc(p.ahead, func(ms, _ uint64) bool { return ms < now/ticksPerMilli })
		p.crowded, p.pruned = min(max(minAhead, 2*len(p.ahead)), maxAhead), second
	}
	if _, ok := p.ahead[ms]; !p.has(microsOf(ticks)) || !ok && len(p.ahead) >= maxAhead {
		return 0, false
	}
	p.ahead[ms] = ticks
	p.newest = max(p.newest, ticks)
	return ticks, true
}

// want notes that a number is missing for an id of that time. The caller holds mu.
func (g *Generator) want(r Role, ticks uint64) {
	g.wanted[r] = max(g.wanted[r], microsOf(ticks))
	select {
	case g.signals <- struct{}{}:
	default:
	}
}

// Wants has a value when Wanted is not zero any more.
func (g *Generator) Wants() <-chan struct{} { return g.signals }

// Wanted returns the latest time of an id for which a number was missing since the last call, in microseconds since 1970;
// zero if none was.
func (g *Generator) Wanted(r Role) int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	w := g.wanted[r]
	g.wanted[r] = 0
	return w
}

// Grant lets ids have numbers of a node. Nobody else may make ids of that Span: not before, by another process with
// this number, nor afterwards. A grant of the node that a role has already changes its Until only.
func (g *Generator) Grant(r Role, s Span) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if p := g.grants[r]; p != nil && p.Node == s.Node {
		p.Until = s.Until
		return
	}
	g.grants[r] = &grant{Span: s, ahead: map[uint64]uint64{}, crowded: minAhead}
}

// Revoke ends a grant, if there is one. No further id has the number. It returns the time from which on no id was made
// with it, in microseconds since 1970.
func (g *Generator) Revoke(r Role) (from int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.grants[r]
	if p == nil {
		return 0
	}
	g.grants[r] = nil
	if p.newest == 0 {
		return p.From
	}
	return microsOf(p.newest) + 1
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
