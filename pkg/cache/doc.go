// Package cache remembers what was read from a store that other processes may change too, and
// knows for how long that may be believed.
//
// What is promised: no node goes by what a change has made old later than Brief after that change was answered,
// and in the usual case what is remembered costs no round trip for CacheFor. It does not depend on the
// nodes reaching each other: all that is needed is the store. How:
//
//   - A store whose method makes something old that may be remembered (see Announcements) first writes an
//     announcement with its key, acknowledged before the change begins. If the change takes longer than
//     ChangeFor from there on, it is announced once more before it is answered.
//   - A node reads the announcements every pollEvery, each time from Overlap before it read them last. A key that
//     it hears of is in doubt for doubtFor from then on.
//   - What was read is believed for Brief, counted from when the read began. Beyond that only if the last completed
//     poll began less than freshFor ago, the key is not in doubt, and the read began less than CacheFor ago and not before this run
//     of polls.
//
// Why that is enough. Let a change take effect at e, its announcement have been begun at s and acknowledged at a, so s <= a <= e.
// Suppose somebody goes by a read that began at l < e at a moment t >= e + Brief. Then the last completed poll began
// at p > t - freshFor > e >= a, so it, or one before it in the same run, has heard of the key, at h with s <= h <= t. If t < h + doubtFor,
// the key was in doubt at t. If not, l > t - CacheFor >= h + doubtFor - CacheFor >= s + ChangeFor, which is not before
// e if the change took no longer than ChangeFor. If it did, s and h are those of the second announcement, which began
// after e; and what is promised counts from the answer, which came after it.
//
// A poll hears of it: it was stamped with the time of the store between s and a. The last poll that may have missed it began
// before a; the one after that asks for all from Overlap before there. So Overlap has to cover the time that writing one announcement
// may take (announceFor) and the difference between the clocks of the store's nodes. The first poll of a run asks for
// ChangeFor more, so it hears of each change that takes effect from then on; what was read before
// is not believed.
//
// A node that dies in the middle of a change has announced it before. A change that was never answered and takes effect
// later than ChangeFor (the store may finish it on its own) is noticed after CacheFor at the latest. The same holds should the clocks
// of the store's nodes differ by more than Overlap allows. While the store cannot be read nothing is believed beyond Brief.
//
// Nothing here goes by the clocks of servers: only by how long ago something was on one's own.
package cache

import "time"

const (
	// Brief is how long what was read is believed in any case: the greatest time for which a node may go by what
	// another has changed.
	Brief = time.Second
	// CacheFor is how long it is believed while nothing was heard to the contrary.
	CacheFor = time.Minute
	// ChangeFor is how long a change may take after its announcement without being announced again.
	ChangeFor = 30 * time.Second
	// Overlap is how far back announcements are read again: for the time that it takes to write one, and for
	// the clocks of the store's nodes.
	Overlap = 10 * time.Second

	// announceFor bounds the writing of one announcement.
	announceFor = 5 * time.Second

	pollEvery = 400 * time.Millisecond
	// pollFor bounds one poll. One that takes longer than freshFor makes nothing fresh, but leaves no gap.
	pollFor  = 5 * time.Second
	freshFor = 900 * time.Millisecond
	// doubtFor is how long a key is in doubt at least.
	doubtFor = CacheFor + ChangeFor
	// longestGap between two polls of one run.
	longestGap = 30 * time.Second

	// maxHeard bounds the announcements of one poll, maxDoubts the keys in doubt. With more, all are in doubt.
	maxHeard  = 20_000
	maxDoubts = 100_000
)
