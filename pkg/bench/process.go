package bench

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"time"
)

// usage is what a process has used. It is zero where there is no /proc.
type usage struct {
	cpu time.Duration // user and system, all threads
	rss int64         // bytes
}

// tick is the unit of /proc/PID/stat: Linux fixes it to 100 a second for user space.
const tick = 10 * time.Millisecond

func usageOf(pid int) (usage, bool) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return usage{}, false
	}
	return parseStat(stat)
}

func parseStat(stat []byte) (usage, bool) {
	// The name, in parentheses, may hold anything; the fields behind it are plain.
	f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(f) < 22 {
		return usage{}, false
	}
	user, err1 := strconv.ParseInt(f[11], 10, 64)
	system, err2 := strconv.ParseInt(f[12], 10, 64)
	pages, err3 := strconv.ParseInt(f[21], 10, 64)
	if err1 != nil || err2 != nil || err3 != nil {
		return usage{}, false
	}
	return usage{cpu: time.Duration(user+system) * tick, rss: pages * int64(os.Getpagesize())}, true
}

// meter measures one stretch of time.
type meter struct {
	pid          int
	start        time.Time
	server, self usage
}

func startMeter(pid int) meter {
	m := meter{pid: pid}
	if pid > 0 {
		m.server, _ = usageOf(pid)
	}
	m.self, _ = usageOf(os.Getpid())
	m.start = time.Now()
	return m
}

// stop writes the stretch's end into r, whose Operations and Latency are known.
func (m meter) stop(r *Result) {
	elapsed := time.Since(m.start)
	r.Seconds = elapsed.Seconds()
	r.Rate = float64(r.Operations) / max(r.Seconds, 1e-9)
	ops := float64(max(r.Operations, 1))
	if self, ok := usageOf(os.Getpid()); ok {
		r.ClientCPU = micros(self.cpu-m.self.cpu) / ops
	}
	if m.pid > 0 {
		if server, ok := usageOf(m.pid); ok {
			r.ServerCPU = micros(server.cpu-m.server.cpu) / ops
			r.ServerRSS = server.rss
		}
	}
}

func micros(d time.Duration) float64 { return float64(d) / 1e3 }
