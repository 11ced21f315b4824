// Package cache caches reads of a store that other processes may change too, and bounds how stale a cached value can
// be.
//
// A Cache holds what was read. A Watcher polls the store for changes that other nodes announce. A store announces its
// changes with Announcing, and lists them with Announcements.
//
// The guarantee: once a change has been answered for longer than Brief, no node uses a value that the change made
// stale. Usually a cached value costs no round trip for CacheFor. The guarantee needs the store only, no messages
// between nodes.
//
// How it works:
//
//   - A method of the store that makes a cached value stale (see Announcements) first writes an announcement with the
//     value's key. The store acknowledges it before the change begins. A change that takes longer than ChangeFor from
//     there on is announced once more before it is answered.
//   - A node reads the announcements every pollEvery. Each poll starts Overlap before the previous one. An announced
//     key is in doubt for doubtFor after the poll that read it.
//   - A cached value is used for Brief, counted from the beginning of its read. It is used for longer only if all of
//     these hold: the last completed poll began less than freshFor ago; the key is not in doubt; the read began less
//     than CacheFor ago; the read did not begin before this run of polls. A run is a series of polls without a gap.
//
// Proof. A change takes effect at e. Its announcement was begun at s and acknowledged at a, so s <= a <= e. Suppose a
// node uses at t >= e + Brief a value whose read began at l < e.
//
//  1. The last completed poll began at p > t - freshFor > e >= a. That poll, or one before it in the same run, received
//     the key, at h with s <= h <= t (see below).
//  2. If t < h + doubtFor, the key was in doubt at t, and the value was not used: a contradiction.
//  3. Otherwise l > t - CacheFor >= h + doubtFor - CacheFor >= s + ChangeFor. If the change took no longer than
//     ChangeFor, that is not before e: a contradiction.
//  4. If the change took longer, take the second announcement for s and h. It began after e, so l > e: a contradiction.
//     The guarantee counts from the answer, which came after the second announcement.
//
// Why a poll of the run receives the key: the store stamped the announcement with its own time between s and a. The
// last poll that may have missed it began before a. The next poll asks for everything from Overlap before that. Overlap
// therefore has to cover the time that writing one announcement may take (announceFor) and the difference between the
// clocks of the store's nodes. The first poll of a run asks for ChangeFor more, so it receives the key of each change
// that takes effect from then on. Values that were read before the run are not used.
//
// A node that dies in the middle of a change has announced it before. Two cases take until CacheFor at most instead of
// Brief: a change that was never answered and takes effect later than ChangeFor (the store may finish it on its own),
// and clocks of the store's nodes that differ by more than Overlap allows. While the store cannot be read, no cached
// value is used for longer than Brief.
//
// Nodes that are connected also tell each other of each announcement before the change begins (Announcements.OnAnnounce,
// Watcher.Hear). A change then usually holds everywhere when it is answered. Nothing above depends on that.
//
// The clocks of different servers are never compared. A node measures only how long ago something happened on itself.
package cache

import "time"

const (
	// Brief is how long a cached value is used in any case. It is the longest time for which a node may use a value that
	// another node has changed.
	Brief = time.Second
	// CacheFor is how long a cached value is used while its key is not announced.
	CacheFor = time.Minute
	// ChangeFor is how long a change may take after its announcement without being announced again.
	ChangeFor = 30 * time.Second
	// Overlap is how far back a poll reads announcements again. It covers the time that writing one takes and the
	// difference between the clocks of the store's nodes.
	Overlap = 10 * time.Second

	// announceFor bounds the writing of one announcement.
	announceFor = 5 * time.Second

	pollEvery = 400 * time.Millisecond
	// pollFor bounds one poll. A poll that takes longer than freshFor does not extend the use of cached values, but it
	// leaves no gap in the run.
	pollFor  = 5 * time.Second
	freshFor = 900 * time.Millisecond
	// doubtFor is the shortest time for which a key is in doubt.
	doubtFor = CacheFor + ChangeFor
	// heardFor is how long no cached value of a key is used that another node has told of directly. Changes usually take
	// much less.
	heardFor = 2 * time.Second
	// longestGap is the longest time between two polls of one run.
	longestGap = 30 * time.Second

	// maxHeard bounds the announcements of one poll, maxDoubts the keys in doubt. Beyond either, all keys are in doubt.
	maxHeard  = 20_000
	maxDoubts = 100_000
)
