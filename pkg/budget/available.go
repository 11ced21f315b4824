package budget

import (
	"bufio"
	"bytes"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Available returns how much memory a server should use that is not told, and where that comes from: nine tenths of what
// its cgroup (its container, or its unit of systemd) may have, otherwise half of the machine, where other programs run
// too; 0 if neither can be found out. root is the root folder of the machine.
func Available(root fs.FS) (bytes int64, source string) {
	machine := machineMemory(root)
	if limit := cgroupLimit(root); limit > 0 && (machine == 0 || limit < machine) {
		return limit / 10 * 9, "the limit of its container or cgroup"
	}
	return machine / 2, "the machine"
}

// Most returns how much memory this process can have at all: what its cgroup may have, or the machine has; 0 if neither can be
// found out.
func Most(root fs.FS) int64 {
	machine := machineMemory(root)
	if limit := cgroupLimit(root); limit > 0 && (machine == 0 || limit < machine) {
		return limit
	}
	return machine
}

// machineMemory returns the memory of the machine; 0 if it is not known.
func machineMemory(root fs.FS) int64 {
	b, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return 0
	}
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) >= 2 && fields[0] == "MemTotal:" {
			kib, _ := strconv.ParseInt(fields[1], 10, 64)
			return kib << 10
		}
	}
	return 0
}

// cgroupLimit returns the least limit of the process's cgroup and those above it, of version 2 or 1; 0 if there is none.
func cgroupLimit(root fs.FS) (least int64) {
	b, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0
	}
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		parts := strings.SplitN(lines.Text(), ":", 3) // its number, its controllers, its path
		if len(parts) != 3 {
			continue
		}
		at, file := "sys/fs/cgroup", "memory.max"
		if parts[1] != "" {
			if !strings.Contains(","+parts[1]+",", ",memory,") {
				continue
			}
			at, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		}
		// In a container the path may be that of the machine, which is not there: then the root is the container's.
		for dir := path.Join(at, parts[2]); strings.HasPrefix(dir, at); dir = path.Dir(dir) {
			if limit := limitIn(root, path.Join(dir, file)); limit > 0 && (least == 0 || limit < least) {
				least = limit
			}
		}
	}
	return least
}

// limitIn returns the limit in a file; 0 if there is none. Version 1 has a very large number then, version 2 "max".
func limitIn(root fs.FS, name string) int64 {
	b, err := fs.ReadFile(root, name)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	if err != nil || n >= 1<<60 {
		return 0
	}
	return n
}
