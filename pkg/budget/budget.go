// Package budget divides the memory that an operator gives a server among what needs much of it.
//
// Divide is the one place that decides who gets how much. The parts keep to their shares by themselves: they wait,
// refuse with "try again", or cut off clients that do not receive. What cannot be bounded by a share (requests under
// way, garbage that is not collected yet, idle connections) has the rest. Available finds out what there is, and Parse
// reads what an operator writes.
package budget

import (
	"fmt"
	"strconv"
	"strings"
)

const (
	mib = 1 << 20
	// Least is the least memory that a server runs with.
	Least = 192 * mib
	// program is what a server takes that does nothing, with some thousand idle connections.
	program = 64 * mib
	// aHash is the memory of one of our password hashes.
	aHash = 20 * mib
	// allEntries is the memory with which caches keep as many entries as they ever do; leastEntries is what each keeps
	// with the least memory.
	allEntries   = 2048 * mib
	leastEntries = 10_000
)

// Shares are parts of the memory, in bytes. Together they are less than all of it.
type Shares struct {
	Total int64
	// Runtime is the soft limit for Go's runtime (GOMEMLIMIT). It leaves room for the program itself and for what the
	// embedded store allocates outside of it.
	Runtime int64
	// Cache is for blocks that the embedded store has read, MemTable for one of the four or so tables of changes that
	// are not in a file yet.
	Cache, MemTable int64
	Hashing         int64 // of passwords
	Pictures        int64 // that are decoded
	Receiving       int64 // bodies of requests, and frames that have not arrived as a whole
	Sending         int64 // what waits for clients to receive it: answers and the queues of sockets
	Bus             int64 // what was received from other servers and not delivered yet
}

// Entries returns how many small entries a cache keeps that keeps most at best. The caches together take about an eighth
// of the memory. The zero Shares are for as much memory as is good.
func (s Shares) Entries(most int) int {
	if s.Total == 0 {
		return most
	}
	return min(most, max(leastEntries, int(float64(most)*float64(s.Total-program)/(allEntries-program))))
}

// Divide divides that many bytes, at least Least.
func Divide(total int64) Shares {
	rest := max(total, Least) - program
	s := Shares{
		Total:     total,
		Cache:     min(rest/8, 512*mib),
		MemTable:  min(rest/32, 32*mib),
		Hashing:   max(rest/8, aHash),
		Pictures:  min(rest/4, 1024*mib),
		Receiving: rest / 16,
		Sending:   rest / 8,
		Bus:       min(rest/16, 256*mib),
	}
	s.Runtime = total - 32*mib - s.Cache - 4*s.MemTable
	return s
}

// units are multiples of a byte, the longest names first.
var units = []struct {
	name  string
	bytes float64
}{
	{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"tib", 1 << 40}, {"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"tb", 1e12},
	{"k", 1 << 10}, {"m", 1 << 20}, {"g", 1 << 30}, {"t", 1 << 40}, {"b", 1},
}

// Parse reads a number of bytes: "1073741824", "512MiB", "1.5 GiB", "2GB". K, M, G and T are KiB, MiB, GiB and TiB.
func Parse(text string) (int64, error) {
	number, unit := strings.ToLower(strings.TrimSpace(text)), 1.0
	for _, u := range units {
		if n, ok := strings.CutSuffix(number, u.name); ok {
			number, unit = strings.TrimSpace(n), u.bytes
			break
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || strings.Trim(number, "0123456789.") != "" || n*unit >= 1<<62 {
		return 0, fmt.Errorf("%q is no amount of memory: write it like 512MiB or 2GiB", text)
	}
	return int64(n * unit), nil
}

// Text spells an amount of memory in MiB.
func Text(bytes int64) string { return fmt.Sprintf("%d MiB", bytes/mib) }
