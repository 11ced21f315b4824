package id

import "time"

// An id that is made with a node number has a second spelling, a positive number of at most 63 bits:
//
//	number = (microseconds since 1970) << 10 | node
//
// These are the 41 bits of milliseconds and the 12 bits of a sequence of others' ids in one: a Generator makes at most one
// id a microsecond. 53 bits of microseconds last until 2255. The two spellings are inverse to each other and ordered
// alike: the node is in the low half of the id in such a way that signed bytes have its order.
//
// Ids from before, those of a Sequence, and those made while a generator has no node number, have a random low half and
// no number.

// Nodes is how many node numbers there are, from 0 on.
const Nodes = 1 << nodeBits

const (
	nodeBits  = 10
	maxMicros = 1<<53 - 1
	// numbered is the low half of ids of node 0, and numberedMask has the bits of it that all nodes share. The multicast
	// bit is set, as in all ids. The last two bytes have five bits of the node each. A random low half is like that with a
	// probability of 2^-51.
	numbered     = 0x8000_01_63_66_62_00_00
	numberedMask = 0xffff_ff_ff_ff_ff_e0_e0
)

func lowOf(node int) uint64 { return numbered | uint64(node>>5)<<8 | uint64(node&0x1f) }

// Number returns the number of u, and false if it has none.
func (u ID) Number() (n int64, ok bool) {
	ticks, low := u.ticks(), u.low()
	if low&numberedMask != numbered || ticks < gregorian || ticks%ticksPerMicro != 0 {
		return 0, false
	}
	micros := (ticks - gregorian) / ticksPerMicro
	n = int64(micros<<nodeBits | low>>8&0x1f<<5 | low&0x1f)
	return n, micros <= maxMicros && n > 0
}

// FromNumber returns the id with that number, and false if the number is not positive.
func FromNumber(n int64) (ID, bool) {
	if n <= 0 {
		return ID{}, false
	}
	return compose(uint64(n>>nodeBits)*ticksPerMicro+gregorian, lowOf(int(n%Nodes))), true
}

// At returns the id with a number that the node of u makes at a time after 1970, in whole microseconds. It is false if u has
// no number.
func (u ID) At(t time.Time) (ID, bool) {
	n, ok := u.Number()
	if !ok {
		return ID{}, false
	}
	return FromNumber(t.UnixMicro()<<nodeBits | n%Nodes)
}

// Micros returns the time of u in whole microseconds since 1970, rounded down.
func (u ID) Micros() int64 { return microsOf(u.ticks()) }

func microsOf(ticks uint64) int64 {
	return floor(int64(ticks)-gregorian, ticksPerMicro) / ticksPerMicro
}
