package main

import (
	"os"
	"runtime"
	"runtime/metrics"
)

// leastGarbage is how much may be thrown away before memory is collected. Go's own rule, as much as there is in use,
// makes a small server under load collect all the time, for an eighth of its work.
const leastGarbage = 64 << 20

// collectLater keeps to leastGarbage from now on, unless the operator has set GOGC. Large servers collect as ever.
func collectLater(setPercent func(int) int) {
	if os.Getenv("GOGC") == "" {
		watchCollections(100, setPercent)
	}
}

// watchCollections adjusts the percentage after each collection: that is when the object it leaves behind is found unused.
func watchCollections(now int, setPercent func(int) int) {
	object := new(*int)
	runtime.SetFinalizer(object, func(**int) {
		next := percentFor(liveHeap())
		// Setting it stops the world for a moment: only for a change that matters.
		if next > now+now/4 || next < now-now/4 || next == 100 && now != 100 {
			now = next
			setPercent(now)
		}
		watchCollections(now, setPercent)
	})
}

// percentFor returns the GOGC for that many bytes in use.
func percentFor(live uint64) int {
	const most = 2000 // of next to nothing
	return int(max(100, min(most, 100*leastGarbage/max(live, 1))))
}

// liveHeap is what the last collection found in use, in bytes.
func liveHeap() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return leastGarbage // this version of Go does not report it
	}
	return sample[0].Value.Uint64()
}
